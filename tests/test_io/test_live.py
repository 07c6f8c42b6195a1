"""Cameras and streams: what they are, that they end, and that the newest frame is given."""

import socket
import socketserver
import struct
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
import numpy as np
import pytest
from odd_inputs.images import encoded
from odd_inputs.videos import make_video

from mmsapiens.inference.output_folder import OutputFolder
from mmsapiens.inference.prefetch import run_ahead
from mmsapiens.io.live import camera_number, newest
from mmsapiens.io.read_options import ReadOptions
from mmsapiens.io.sources import can_come_again, open_source

JPEG = encoded('JPEG', quality=95)
SHORT = dict(timeout_s=30)


@contextmanager
def serve(answers):
    """A server on this machine: path -> function that answers a request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with suppress(OSError):  # the other side has enough
                answers[self.path](self)

        def log_message(self, *args):
            """Say nothing."""

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        server.server_close()


def start(request, kind, **headers):
    request.send_response(200)
    request.send_header('Content-Type', kind)
    for name, value in headers.items():
        request.send_header(name.replace('_', '-'), str(value))
    request.end_headers()


def camera(request, count=10**6, part_header=b'Content-Type: image/jpeg\r\n'):
    """An MJPEG camera."""
    start(request, 'multipart/x-mixed-replace;boundary=frame')
    for _ in range(count):
        part = b'--frame\r\n' + part_header + b'Content-Length: %d\r\n\r\n' % len(JPEG)
        request.wfile.write(part + JPEG + b'\r\n')
        time.sleep(0.02)


def content(path, kind='application/octet-stream'):
    """An answer with a file."""

    def answer(request):
        start(request, kind, Content_Length=path.stat().st_size)
        request.wfile.write(path.read_bytes())

    return answer


def endless(path):
    """An answer that sends a file again and again, as a broadcast does."""

    def answer(request):
        start(request, 'video/mp2t')
        while True:
            request.wfile.write(path.read_bytes())
            time.sleep(0.02)

    return answer


def read(url, **options):
    return list(open_source(url, ReadOptions(**{**SHORT, **options})))


@pytest.mark.parametrize(
    'part_header', [b'Content-Type: image/jpeg\r\n', b'Content-type:image/jpeg\r\nX-Time: 1\r\n']
)
def test_a_camera_on_the_web_is_a_stream(part_header):
    answers = {'/video?user=a': lambda request: camera(request, part_header=part_header)}
    with serve(answers) as address:
        frames = read(f'{address}/video?user=a', max_frames=3)
    assert [frame.name for frame in frames] == [f'video/{index:06d}' for index in range(3)]
    assert frames[0].size_hw == (48, 64) and frames[0].time_s == 0
    assert 0 < frames[1].time_s < frames[2].time_s
    assert frames[0].source == f'stream:{address}/video?user=a'
    assert not can_come_again(frames[0].source)


def test_results_do_not_tell_the_password_of_an_address(tmp_path):
    (tmp_path / 'a.jpg').write_bytes(JPEG)
    with serve({'/a.jpg': content(tmp_path / 'a.jpg')}) as address:
        login = address.replace('://', '://anna:secret@')
        image, missing = read([f'{login}/a.jpg', f'{login}/b.jpg'])
    assert image.source == f'{address}/a.jpg' and image.size_hw == (48, 64)
    assert missing.source == f'{address}/b.jpg' and 'secret' not in missing.reason


def test_a_stream_ends_with_its_server():
    with serve({'/': lambda request: camera(request, count=4)}) as address:
        frames = read(address + '/')
    assert 1 <= len(frames) <= 4
    assert [getattr(frame, 'reason', '') for frame in frames] == [''] * len(frames)
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_a_stream_that_stalls_is_one_failed_input():
    def stalls(request):
        camera(request, count=3)
        time.sleep(30)

    with serve({'/': stalls}) as address:
        *frames, failure = read(address + '/', timeout_s=4)
    assert frames and failure.name == 'download'
    assert 'broke off' in failure.reason


def test_nobody_waits_for_a_camera_that_stalls_when_the_run_is_stopped():
    go_on = threading.Event()

    def stalls():
        yield 1
        go_on.wait()  # until the end of the test

    run = run_ahead(run_ahead(newest(stalls()), 1, 'reading'), 1, 'loop')
    assert next(run) == 1
    closing = threading.Thread(target=run.close, daemon=True)
    closing.start()
    closing.join(60)
    is_over = not closing.is_alive()
    go_on.set()
    assert is_over


def test_a_broadcast_without_end_is_a_stream(tmp_path):
    make_video(tmp_path / 'a.ts', 25, codec='mpeg2video')
    with serve({'/live': endless(tmp_path / 'a.ts')}) as address:
        frames = read(f'{address}/live', max_frames=2, frame_step=3)
    assert [frame.name for frame in frames] == ['live/000000', 'live/000003']


def test_a_playlist_with_an_end_is_read_whole(tmp_path):
    options = dict(hls_time='0.4', hls_list_size='0')
    with av.open(str(tmp_path / 'list.m3u8'), 'w', format='hls', options=options) as container:
        stream = container.add_stream('libx264', rate=10, options=dict(g='4', bf='0'))
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for _ in range(12):
            image = np.full((48, 64, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())
    answers = {f'/{path.name}': content(path) for path in tmp_path.iterdir()}
    assert len(answers) > 2
    with serve(answers) as address:
        assert open_source(f'{address}/list.m3u8').is_live
        assert [frame.index for frame in read(f'{address}/list.m3u8')] == list(range(12))
    assert len(read(tmp_path / 'list.m3u8')) == 12


def test_packets_sent_to_a_port(tmp_path):
    make_video(tmp_path / 'a.ts', 25, codec='mpeg2video')
    packets = (tmp_path / 'a.ts').read_bytes()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    done = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not done.is_set():
                for first in range(0, len(packets), 1316):
                    sender.sendto(packets[first : first + 1316], ('127.0.0.1', port))
                done.wait(0.05)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        url = f'udp://127.0.0.1:{port}'
        assert open_source(url).is_live
        frames = read(url, max_frames=2)
    finally:
        done.set()
        sender.join()
    assert [frame.size_hw for frame in frames] == [(48, 64)] * 2


class RtspCamera(socketserver.StreamRequestHandler):
    """Answers as a camera does, and sends packets of a transport stream."""

    packets = b''

    def handle(self):
        answers = {
            b'OPTIONS': (b'Public: DESCRIBE, SETUP, PLAY', b''),
            b'DESCRIBE': (
                b'Content-Type: application/sdp',
                b'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n'
                b'm=video 0 RTP/AVP 33\r\na=control:track\r\n',
            ),
            b'SETUP': (b'Transport: RTP/AVP/TCP;unicast;interleaved=0-1', b''),
            b'PLAY': (b'Range: npt=0-', b''),
        }
        method = b''
        while method != b'PLAY':
            method = self.rfile.readline().split()[0]
            lines = dict(line.split(b':', 1) for line in iter(self.rfile.readline, b'\r\n'))
            header, body = answers[method]
            self.wfile.write(
                b'RTSP/1.0 200 OK\r\nCSeq:%sSession: 1\r\n%s\r\nContent-Length: %d\r\n\r\n%s'
                % (lines[b'CSeq'].replace(b'\r\n', b'') + b'\r\n', header, len(body), body)
            )
        with suppress(OSError):
            for count in range(10**6):
                first = count * 1316 % (len(self.packets) // 1316 * 1316)
                rtp = struct.pack('>BBHII', 0x80, 33, count & 0xFFFF, count * 3000, 1)
                rtp += self.packets[first : first + 1316]
                self.wfile.write(struct.pack('>cBH', b'$', 0, len(rtp)) + rtp)
                time.sleep(0.001)


def test_an_rtsp_camera(tmp_path, monkeypatch):
    make_video(tmp_path / 'a.ts', 25, codec='mpeg2video')
    monkeypatch.setattr(RtspCamera, 'packets', (tmp_path / 'a.ts').read_bytes())
    with socketserver.ThreadingTCPServer(('127.0.0.1', 0), RtspCamera) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'rtsp://user:secret@127.0.0.1:{server.server_address[1]}/cam1'
        frames = read(url, max_frames=2)
        server.shutdown()
    assert [frame.name for frame in frames] == ['cam1/000000', 'cam1/000001']
    assert frames[0].size_hw == (48, 64)
    assert frames[0].source == url.replace('user:secret@', '').replace('rtsp:', 'stream:rtsp:')


@pytest.mark.parametrize('scheme', ['rtsp', 'rtmp', 'srt', 'http'])
def test_an_address_that_does_not_answer_is_one_failed_input(scheme, tmp_path):
    make_video(tmp_path / 'a.mp4', 1)
    url = f'{scheme}://user:secret@127.0.0.1:9/cam'
    frames, failure = read([tmp_path / 'a.mp4', url], timeout_s=1)[:2]
    assert frames.name == 'a/000000'
    assert failure.name == 'cam'
    assert 'Check the address' in failure.reason
    if scheme != 'http':
        assert 'secret' not in failure.reason + failure.source


def test_an_image_on_the_web_is_none():
    def answer(request):
        start(request, 'image/jpeg', Content_Length=len(JPEG))
        request.wfile.write(JPEG)

    with serve({'/a.jpg': answer}) as address:
        source = open_source(f'{address}/a.jpg')
        assert not source.is_live
        assert [frame.name for frame in source] == ['a']


def test_the_newest_is_given_and_the_thread_ends():
    asked = threading.Semaphore(0)
    passed, closed = threading.Event(), threading.Event()

    def source():
        try:
            yield 0
            asked.acquire()
            yield from range(1, 1000)
            passed.set()
            asked.acquire()
            yield 1000
        finally:
            closed.set()

    items = newest(source())
    assert next(items) == 0
    asked.release()
    assert passed.wait(60)
    assert next(items) == 999
    asked.release()
    assert list(items) == [1000]
    assert closed.wait(60)


def test_what_goes_wrong_in_a_stream_is_raised_after_its_last_frame():
    def source():
        yield 1
        raise OSError('broken')

    items = newest(source())
    assert next(items) == 1
    with pytest.raises(OSError, match='broken'):
        next(items)


@pytest.mark.parametrize(
    ('text', 'number'),
    [('webcam', 0), ('webcam:1', 1), ('0', 0), ('/dev/video97', 97), ('a1', None), ('1.png', None)],
)
def test_names_of_cameras(text, number):
    assert camera_number(text) == number


def test_frames_of_a_camera_until_it_has_enough(monkeypatch):
    released = threading.Event()

    class Camera:
        def __init__(self, number):
            self.number, self.count = number, 0

        def isOpened(self):
            return True

        def read(self):
            time.sleep(0.01)
            self.count += 1
            return True, np.full((48, 64, 3), self.number, np.uint8)

        def release(self):
            released.set()

    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    frames = list(open_source(3, ReadOptions(max_frames=2, frame_step=2, start_s=0.05)))
    assert [frame.name for frame in frames] == ['webcam_3/000000', 'webcam_3/000002']
    assert frames[0].time_s >= 0.05 and frames[0].source == 'webcam:3'
    assert (frames[1].image == 3).all()
    assert released.wait(60)


def test_a_number_is_the_first_camera_unless_it_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (failure,) = open_source('97')
    assert failure.name == 'webcam_97' and 'the camera 97' in failure.reason
    assert open_source('97').is_live
    (tmp_path / '97').mkdir()
    make_video(tmp_path / '97/a.mp4', 1)
    assert not open_source('97').is_live
    assert [frame.name for frame in open_source('97')] == ['a/000000']


def test_a_stream_is_never_taken_as_done(tmp_path):
    names = []
    with serve({'/': lambda request: camera(request)}) as address:
        for _ in range(2):
            with OutputFolder(tmp_path, [], {}) as out:
                source = open_source(f'{address}/', ReadOptions(max_frames=1, **SHORT))
                names += [item.name for item in source.items(out.progress)]
    assert names == ['download/000000'] * 2
