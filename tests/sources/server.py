"""A camera that speaks MJPEG over HTTP, and what may befall it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from edgecls.domain import Pixels
from tests.media import jpeg

_SPEED_S = 0.02


class CameraServer:
    """Sends its pictures again and again, then does what `then` says."""

    def __init__(self, pictures: Sequence[bytes], then: str, login: str | None) -> None:
        self.pictures, self.then, self.login = pictures, then, login
        self.over = threading.Event()
        self.served = 0
        self.url = ""


@contextmanager
def http_camera(
    pictures: Sequence[Pixels | bytes], *, then: str = "repeat", login: str | None = None
) -> Iterator[CameraServer]:
    """A server on loopback; `then`: repeat, stall, die. `login`: what it wants, as base64."""
    files = [each if isinstance(each, bytes) else jpeg(each) for each in pictures]
    camera = CameraServer(files, then, login)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            if camera.login and self.headers.get("Authorization") != f"Basic {camera.login}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):  # the client has gone
                self._send()

        def _send(self) -> None:
            while not camera.over.is_set():
                for picture in camera.pictures:
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}"
                    self.wfile.write(f"--frame\r\n{head}\r\n\r\n".encode() + picture + b"\r\n")
                    camera.served += 1
                    camera.over.wait(_SPEED_S)
                if camera.then == "die":
                    return
                if camera.then == "stall":
                    camera.over.wait(60)

    with _serving(Handler) as address:
        camera.url = f"{address}/live"
        try:
            yield camera
        finally:
            camera.over.set()


@contextmanager
def http_files(folder: Path) -> Iterator[str]:
    """The address of a server of the files in a folder."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with _serving(partial(Handler, directory=str(folder))) as address:
        yield address


@contextmanager
def _serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
