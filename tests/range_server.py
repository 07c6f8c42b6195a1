"""A web server that gives parts of files, as object storage does."""

import re
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class RangeHandler(SimpleHTTPRequestHandler):
    """Answers requests for parts, unless the server says otherwise."""

    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        if server.num_failures:
            server.num_failures -= 1
            self.send_error(503)
            return
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        wanted = re.match(r'bytes=(\d+)-(\d+)', self.headers.get('Range', ''))
        status = 200
        if wanted and server.with_parts:
            first, last = map(int, wanted.groups())
            status, content = 206, content[first : last + 1]
            if not content:
                self.send_error(416)
                return
        server.num_bytes += len(content)  # before the client can look
        self.send_response(status)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


@contextmanager
def serve(folder):
    """Serve a folder on this machine; the server, with its ``address``."""
    handler = partial(RangeHandler, directory=str(folder))
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    server.requests, server.num_bytes, server.num_failures = [], 0, 0
    server.with_parts = True
    server.address = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
