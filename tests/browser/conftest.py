"""One browser for all, in windows of their own; a stack for each test. All of it on one event loop."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.stack import Stack, running_stack
from tests.parts import running_broker

PATIENCE = 20_000  # ms that a sentence may take to show on a busy machine
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",  # as root, which containers are
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Counts what the page plays: a browser without speakers plays all the same.
LISTEN = """
window.played = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) { window.played += 1; return start.apply(this, at); };
"""

Desks = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives on the session's loop, so the tests do too."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def stack(database_url: str) -> AsyncIterator[Stack]:
    """What stands behind the desk."""
    async with running_broker() as broker, running_stack(database_url, broker) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        await opened.close()


@pytest.fixture
def pictures(pytestconfig: pytest.Config) -> Path | None:
    """The folder for pictures of pages, where they are asked for."""
    folder: Path | None = pytestconfig.getoption("--pictures")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def complaints() -> list[str]:
    """What the browsers complained of: errors of scripts and breaches of the content policy."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def page_at(browser: Browser, complaints: list[str]) -> AsyncIterator[Desks]:
    """Open a window of a browser of its own; `options` are those of a Playwright context."""
    contexts = []

    async def opened(url: str, **options: Any) -> Page:
        context = await browser.new_context(**{"timezone_id": "Asia/Shanghai", "locale": "zh-CN", **options})
        contexts.append(context)
        await context.add_init_script(LISTEN)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
        await page.goto(url)
        return page

    yield opened
    for context in contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(stack: Stack, page_at: Desks) -> Desks:
    """Sign a new principal in and show the queue as the server knows it."""

    async def signed_in(name: str, role: str = "duty", **options: Any) -> Page:
        page = await page_at(await stack.link(name, role), **options)
        await page.locator("#by-link button").click()
        await page.wait_for_url("**/desk")
        await page.locator("#unread").wait_for(state="hidden")
        return page

    return signed_in
