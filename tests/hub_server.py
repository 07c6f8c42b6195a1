"""A hub on 127.0.0.1: its resolve addresses, and what goes wrong with them."""

import hashlib
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = 'c0ffee' + '0' * 34


class Answer:
    """How one request is answered.

    Args:
        status (int): HTTP status.
        body (bytes, optional): None is the file.
        cut_after (int, optional): Bytes after which the connection closes.
        stall_s (float): Wait before the answer.
        headers (dict, optional): More headers; None as a value leaves one out.
        ranges (bool): Whether `Range` is obeyed.
    """

    def __init__(
        self, status=200, body=None, cut_after=None, stall_s=0.0, headers=None, ranges=True
    ):
        self.status = status
        self.body = body
        self.cut_after = cut_after
        self.stall_s = stall_s
        self.headers = headers or {}
        self.ranges = ranges


class Hub:
    """The state of the server; tests change it.

    Attributes:
        content (bytes): The one file, whatever its name.
        hashed (bool): Whether the etag is its SHA-256.
        head, get (list[Answer]): Answers to the next requests; the last one stays. Empty lists
            answer as a hub does.
        requests (list[tuple]): Method, path and `Range` of every request.
    """

    def __init__(self, content):
        self.content = content
        self.commit = COMMIT
        self.hashed = False
        self.head = []
        self.get = []
        self.requests = []
        self.tokens = []
        self.chunk_pause_s = 0.0

    @property
    def etag(self):
        kind = hashlib.sha256 if self.hashed else hashlib.sha1
        return kind(self.content).hexdigest()

    def ranges(self):
        """`Range` of every GET."""
        return [row[2] for row in self.requests if row[0] == 'GET']

    def next_answer(self, method):
        answers = self.head if method == 'HEAD' else self.get
        if not answers:
            return Answer()
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_HEAD(self):
        self.answer('HEAD')

    def do_GET(self):
        self.answer('GET')

    def log_message(self, *args):
        """Keep the output of tests short."""

    def answer(self, method):
        hub = self.server.hub
        if self.path.startswith('/api/'):  # what the library itself asks
            self.send_error(404)
            return
        wanted = self.headers.get('Range')
        hub.requests.append((method, self.path, wanted))
        hub.tokens.append(self.headers.get('Authorization'))
        answer = hub.next_answer(method)
        time.sleep(answer.stall_s)
        body = hub.content if answer.body is None else answer.body
        start, status = 0, answer.status
        headers = {}
        if answer.status == 200:
            headers = {
                'X-Repo-Commit': hub.commit,
                'ETag': f'"{hub.etag}"',
                'X-Linked-Size': str(len(hub.content)),
            }
        if wanted and answer.ranges and status == 200:
            start = int(wanted.removeprefix('bytes=').rstrip('-'))
            if start > len(body):
                status, body = 416, b''
            else:
                status = 206
                headers['Content-Range'] = f'bytes {start}-{len(body) - 1}/{len(body)}'
        headers['Content-Length'] = str(len(body[start:]))
        headers.update(answer.headers)
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        if headers['Content-Length'] is None:
            self.close_connection = True
        self.end_headers()
        if method == 'GET':
            self.send_body(body[start:], answer)

    def send_body(self, body, answer):
        end = len(body) if answer.cut_after is None else answer.cut_after
        step = 1 << 14
        for at in range(0, min(end, len(body)), step):
            try:
                self.wfile.write(body[at : min(at + step, end)])
            except (BrokenPipeError, ConnectionResetError):
                break  # the client has seen enough
            time.sleep(self.server.hub.chunk_pause_s)
        if end < len(body):
            self.close_connection = True


@contextmanager
def serve(content):
    """A hub with one file.

    Yields:
        tuple[Hub, str]: Its state and its address.
    """
    server = ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
    server.daemon_threads = True
    server.hub = Hub(content)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.hub, f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
