"""Folders, patterns, names, URLs, arrays."""

import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np

from .describe import describe, make_image
from .images import encoded


def make(folder, *names):
    """Save the same image under some names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded('PNG'))


def names(folder, inputs, *files, **options):
    """Make files, and the names of what is read."""
    make(folder, *files)
    words = describe(inputs, **options)
    return words.replace(': 64 x 48, red', '')


@contextmanager
def serve(status=200, content=b'', announced=None):
    """A server on this machine with one answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            length = len(content) if announced is None else announced
            self.send_header('Content-Length', str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            """Say nothing."""

    server = HTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def served(path='/my%20photo.png?size=1', options=None, **answer):
    """What comes of a URL of a server."""
    with serve(**answer) as address:
        words = describe(address + path, **(options or {}))
        return words.replace(address, 'http://server')


def empty(folder):
    """A folder without images."""
    (folder / 'in').mkdir()
    (folder / 'in/notes.txt').write_text('no image')
    return describe('in')


def red(dtype=np.uint8, factor=1):
    """An array with the colors of the image, RGB."""
    return (np.array(make_image()) * factor).astype(dtype)


def linked(folder, inputs):
    """A folder with links to one elsewhere, to one of its own and to itself."""
    make(folder, 'disk/day1/a.png', 'in/day2/a.png')
    for name, target in dict(day1='../disk/day1', again='day2', circle='.').items():
        (folder / 'in' / name).symlink_to(target)
    return names(folder, inputs)


def lost(folder):
    """A folder with a link to a disk that is not there."""
    make(folder, 'in/a.png')
    (folder / 'in/day1').symlink_to('/disk/day1')
    return names(folder, 'in')


def pipe(folder):
    """A folder with a pipe that nobody writes to."""
    make(folder, 'in/b.png')
    os.mkfifo(folder / 'in/a.png')
    return names(folder, 'in')


def no_lines(folder):
    """A text file with a comment only."""
    (folder / 'files.txt').write_text('# nothing\n')
    return describe('files.txt')


def listed(folder, inputs):
    """A text file as programs of another system write it, with lines of many kinds."""
    lines = ['# comment', 'a.png', '', '"in/b.png" ', 'more', 'nothing.png', 'files.txt']
    (folder / 'files.txt').write_text('\ufeff' + '\r\n'.join(lines), encoding='utf-8')
    return names(folder, inputs, 'a.png', 'in/b.png', 'more/c.png')


PLACES = {
    'L01': empty,
    'L02': lambda f: describe('holiday.jpg'),
    'L03': lambda f: names(f, ['a.png', 'b.png'], 'a.png'),
    'L04': lambda f: names(f, 'in', 'in/b/a.png', 'in/a.png', 'in/c/a.png'),
    'L05': lambda f: names(f, 'in', 'in/a.png', 'in/b/a.png', recursive=False),
    'L06': lambda f: names(f, 'in', 'in/a.jpg', 'in/a.png', 'in/A.webp'),
    'L07': lambda f: names(f, ['x/a.png', 'y/a.png'], 'x/a.png', 'y/a.png'),
    'L08': lambda f: names(f, 'in', 'in/été à la mer/名前 ✨.png'),
    'L09': lambda f: names(f, 'in', 'in/v1.2 final.final.png'),
    'L10': lambda f: names(f, 'in', 'in/.hidden.png', 'in/.git/a.png'),
    'L11': lambda f: names(f, 'in/*/*.png', 'in/b/a.png', 'in/c.png'),
    'L12': lambda f: names(f, 'in/a[1].png', 'in/a[1].png'),
    'L13': lambda f: names(f, 'in/*.jpg', 'in/a.png'),
    'L14': lambda f: names(f, 'in', 'in/a.png', 'in/out/panel/a.png', exclude=f / 'in/out'),
    'L15': lambda f: names(f, 'in', 'in/a.jpg.png', 'in/jpg/png.png'),
    'L16': lambda f: served(content=encoded('PNG')),
    'L17': lambda f: served(status=404),
    'L18': lambda f: served(content=encoded('PNG')[:99], announced=999),
    'L19': lambda f: served(content=bytes(2000), options=dict(max_download_mb=0.001)),
    'L20': lambda f: served(content=b'<html>log in</html>'),
    'L21': lambda f: describe('ftp://server/a.png'),
    'L22': lambda f: describe(red(), channel_order='rgb'),
    'L23': lambda f: describe(red()),
    'L24': lambda f: describe(red(np.float32, 1 / 255), channel_order='rgb'),
    'L25': lambda f: describe(np.zeros((3, 48, 64), np.uint8)),
    'L26': lambda f: describe(red(np.float32, np.nan)),
    'L27': lambda f: describe(np.stack([red()] * 2), channel_order='rgb'),
    'L28': lambda f: describe(p for p in [make_image(), red()]),
    'L29': lambda f: describe(None),
    'L30': lambda f: describe([]),
    'L32': lambda f: linked(f, 'in'),
    'L33': lambda f: linked(f, 'in/**/*.png'),
    'L34': lambda f: listed(f, 'files.txt'),
    'L35': lambda f: listed(f, ['files.txt']),
    'L37': lost,
    'L38': pipe,
    'L39': lambda f: names(f, (f / 'my a.png').as_uri(), 'my a.png'),
    'L40': no_lines,
    'L36': lambda f: names(f, ['a.png', 'ftp://server/a.png'], 'a.png'),
    'L31': lambda f: names(f, 'in', 'in/a.png', exclude='in'),
}
