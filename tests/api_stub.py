"""As much of the public API as a simulator uses, on a socket."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(kw_only=True)
class ApiStub:
    """Keeps what it was told. `fail` is a list of HTTP statuses to answer first, one a request."""

    url: str = ""
    rules: list[dict[str, Any]] = field(default_factory=list)
    registries: list[str] = field(default_factory=list)
    overrides: dict[str, Any] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    fail: list[int] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if self.fail:
            return self.fail.pop(0), {"title": "not now"}
        match [method, *path.removeprefix("/api/v1/").split("/")]:
            case ["POST", "registry", "import"]:
                self.registries.append(body.decode())
                return 200, {"created": 1, "updated": 0, "unchanged": 0}
            case ["GET", "rules"]:
                return 200, {"items": self.rules, "next": None}
            case ["PUT", "rules", rule, "overrides"]:
                self.overrides[rule] = json.loads(body)
                self.rules = [{**r, "overrides": self.overrides.get(r["code"], r["overrides"])} for r in self.rules]
                return 200, {"version": 2}
            case ["POST", "sites", site, "devices", device, "credentials"]:
                return 201, {"username": f"{site}:{device}", "password": f"password-of-{device}"}
        return 404, {"title": "not found"}


@contextmanager
def api_stub() -> Iterator[ApiStub]:
    stub = ApiStub()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stub.tokens.add(self.headers["Authorization"])
            status, document = stub.answer(self.command, self.path, body)
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = _serve  # noqa: N815 -- the base class asks for these names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
