"""The watch under test, and people elsewhere whom its notices reach: a webhook and a mailbox, both real servers."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from ingest.address import BrokerAddress
from ingest.lookout.service import LookoutSettings
from runtime.wiring_watch import Watch, WatchSettings
from tests.parts import free_port

SECRET = "0123456789abcdef0123456789abcdef"


@dataclass
class Elsewhere:
    """What arrived: `posted` at the webhook, `mailed` in the mailbox."""

    urls: tuple[str, ...] = ()
    posted: list[dict[str, Any]] = field(default_factory=list)
    mailed: list[str] = field(default_factory=list)

    def titles(self) -> list[str]:
        return [notice["title"] for notice in self.posted]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        part = mail.get_body(("plain", "html"))
        assert part is not None
        self.mailed.append(f"{mail['subject']}\n{part.get_content()}")
        return "250 OK"


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """A webhook and an SMTP server on loopback."""
    found = Elsewhere()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=hook.serve_forever, daemon=True)
    thread.start()
    port = free_port()
    mail = Controller(found, hostname="127.0.0.1", port=port)
    mail.start()
    try:
        found.urls = (
            f"json://127.0.0.1:{hook.server_port}/hook",
            f"mailto://127.0.0.1:{port}/?from=watch@shouwang.test&to=duty@shouwang.test&format=text",
        )
        yield found
    finally:
        _nobody_speaks()
        mail.stop()
        hook.shutdown()
        hook.server_close()
        thread.join()


def _nobody_speaks() -> None:
    """Wait for messages under way: what a mailbox leaves open when it stops is a warning in some later test."""
    for thread in threading.enumerate():
        if thread.name.startswith("notices-"):
            thread.join(15)


@asynccontextmanager
async def running_watch(
    mqtt_url: str,
    database_url: str,
    folder: Path,
    *,
    api_url: str,
    notice_urls: tuple[str, ...] = (),
    stalled_after: float = 60.0,
) -> AsyncIterator[Watch]:
    """A watch in this process that hears the broker; one that ends by itself fails the test."""
    address = BrokerAddress.parse(mqtt_url)
    watch = Watch(
        WatchSettings(
            lookout=LookoutSettings(broker=address, database_url=database_url, file=folder / "heard.json"),
            mqtt_url=mqtt_url,
            database_url=database_url,
            api_urls=(api_url,),
            secret=SECRET,
            notice_urls=notice_urls,
            stalled_after=timedelta(seconds=stalled_after),
            look_every=0.2,
        )
    )
    task = asyncio.create_task(watch.run())
    try:
        await eventually("the watch hears", lambda: watch._lookout.hears or task.done())
        yield watch
    finally:
        if task.done():
            task.result()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def eventually(what: str, probe: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What the probe gives once it is true."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := probe()):  # noqa: ASYNC110 -- other processes are waited for
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {seconds} s") from None
    return found
