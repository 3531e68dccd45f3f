"""A server of each test's own that fails in many ways, and an address with none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server:
    """Serves `files` by name over loopback; `requests` are the names asked for.

    A name in `truncated` breaks off half way, in `silent` never answers, in `stalling` falls silent half way, and in
    `trickling` comes byte by byte.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.truncated: set[str] = set()
        self.silent: set[str] = set()
        self.stalling: set[str] = set()
        self.trickling: set[str] = set()
        self.over = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                owner.requests.append(name)
                if name in owner.silent:
                    owner.over.wait(30)
                    return
                if name not in owner.files:
                    self.send_error(404)
                    return
                content = owner.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = len(content) // 2
                if name in owner.truncated:
                    self.wfile.write(content[:half])
                elif name in owner.stalling:
                    self.wfile.write(content[:half])
                    self.wfile.flush()
                    owner.over.wait(30)
                elif name in owner.trickling:
                    self.trickle(content)
                else:
                    self.wfile.write(content)

            def trickle(self, content: bytes) -> None:
                for byte in content:
                    if owner.over.wait(0.05):
                        return
                    try:
                        self.wfile.write(bytes([byte]))
                    except OSError:  # the other side has given up, as it should
                        return

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.over.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address at which nothing listens."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    gone = Server()
    gone.close()
    return gone.url
