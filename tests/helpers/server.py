"""A web server on this machine that behaves as it is told: well, or in one of the ways in which servers fail."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeAlias

WAIT = 10.0  # seconds after which a silent answer ends by itself, should a test forget to

ENDLESS = 2**25  # bytes, a thousand times what any test's card allows


class Asked(NamedTuple):
    """One request, as it came."""

    path: str
    headers: dict[str, str]


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the next answer of its path; the last one is given for ever."""

    server: Server

    def do_GET(self) -> None:
        answers = self.server.answers.get(self.path, [status(404)])
        self.server.asked.append(Asked(self.path, dict(self.headers)))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        with contextlib.suppress(ConnectionError):
            answer(self)

    def begin(self, code: int, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


Answer: TypeAlias = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    """What it answers to each path, in turn, and what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def on(self, path: str, *answers: Answer) -> str:
        """The URL of a path that is answered so."""
        self.answers[path] = list(answers)
        return self.url + path

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join(WAIT)


def well(data: bytes, **headers: object) -> Answer:
    """As servers should."""
    return saying(200, data, Content_Length=len(data), **headers)


def saying(code: int, data: bytes, **headers: object) -> Answer:
    """These headers and this body, whatever is asked for, and whether or not they fit."""

    def answer(handler: Handler) -> None:
        handler.begin(code, **headers)
        handler.wfile.write(data)

    return answer


def status(code: int) -> Answer:
    return saying(code, b"an excuse", Content_Length=9)


def redirect(to: str, code: int = 302) -> Answer:
    return saying(code, b"", Location=to)


def cut(data: bytes, after: int, **headers: object) -> Answer:
    """The connection ends early."""
    return saying(200, data[:after], Content_Length=len(data), **headers)


def silent(data: bytes, after: int, **headers: object) -> Answer:
    """The connection stays, and nothing more comes."""

    def answer(handler: Handler) -> None:
        handler.begin(200, Content_Length=len(data), **headers)
        handler.wfile.write(data[:after])
        handler.server.closing.wait(WAIT)

    return answer


def mute(handler: Handler) -> None:
    """Not even a status line."""
    handler.server.closing.wait(WAIT)


def endless(handler: Handler) -> None:
    """No length, and no end that a test waits for; but no test may fill a disk."""
    handler.begin(200)
    for _ in range(ENDLESS // 2**16):
        handler.wfile.write(bytes(2**16))
