"""One shift at the desk of the whole system, as `shouwang up` runs it, with a simulated home over real MQTT."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Desks
from tests.stack import Stack, running_stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(280)

SILENCE = 40_000  # ms: 15 s without a byte, and room for a busy machine
CALL = """
about = "Somebody who lives alone calls."
begins = 2026-11-23T09:00:00+08:00
lasts = "3s"

[[homes]]
code = "sim-story-{n}"
streets = ["示范一街道"]
devices = ["sos_button"]

[[incident]]
kind = "press"
devices = ["sim-story-1/sos-1"]
at = "1s"
"""


@pytest.fixture(scope="module")
def whole() -> Iterator[Stack]:
    """The whole system, with nothing in it yet."""
    with running_stack() as running:
        yield running


async def test_one_shift(whole: Stack, page_at: Desks, tmp_path: Path, complaints: list[str]) -> None:
    """Sign in, hear and see a call, claim it, read on, close it, lose the server and get it back: all by keyboard."""
    mine = await page_at(await asyncio.to_thread(until, "the link that signs in", lambda: _link(whole)))
    await mine.locator("#by-link button").press("Enter")
    holder = await _on_duty(mine)
    theirs = await page_at(f"{whole.client.base_url}/signin")
    await theirs.get_by_label("用访问令牌登录").fill(await _token(whole))
    await theirs.keyboard.press("Enter")
    await _on_duty(theirs)
    await _sound_is_heard(mine)

    await _simulate(whole, tmp_path)
    await _rings(mine)
    await theirs.route("**/alerts/feed", lambda route: route.abort())
    await theirs.reload()
    await expect(theirs.locator("#shout .btn-main")).to_be_visible()
    await mine.keyboard.press("c")
    await expect(mine.locator("#section-mine .pill")).to_have_text("我在处置")
    await expect(mine.locator("#shout")).to_be_hidden()
    await theirs.keyboard.press("c")
    await expect(theirs.locator("#said")).to_contain_text(f"{holder} 已经接了")

    await _closed_by_keyboard(mine)
    button = await asyncio.to_thread(whole.device, "sim-story-1", "sos-1")
    with _api_away(whole):
        stalled = mine.get_by_role("alert").filter(has_text="守望停了")
        await expect(stalled).to_be_visible(timeout=SILENCE)
        await expect(mine.locator("html")).to_have_class("is-stalled")
        await asyncio.to_thread(button.say, {"type": "sos.pressed", "id": "while-away"})
    await expect(mine.locator("#resumed")).to_contain_text("1 条变化已按序补齐，没有遗漏", timeout=SILENCE)
    await expect(stalled).to_have_count(0, timeout=SILENCE)
    await _rings(mine)
    assert complaints == []


def _link(whole: Stack) -> str:
    """The one-time link that `up` prints, once it has."""
    found = re.search(r"http\S+/signin\?link=\S+", whole.log.read_text(errors="replace"))
    return "" if found is None else found[0]


async def _token(whole: Stack) -> str:
    issued = await asyncio.to_thread(whole.command, "token", "issue", "--role", "duty", "--data", str(whole.data))
    return issued.strip()


async def _on_duty(page: Page) -> str:
    """Whom the desk is open for, once its queue has been read."""
    await page.locator("#quiet").wait_for()
    return await page.locator("#me").inner_text()


async def _sound_is_heard(page: Page) -> None:
    await page.locator("#sound-gauge").press("Enter")
    await page.get_by_role("button", name="听见了", exact=True).press("Enter")
    await expect(page.locator("#sound-gauge")).to_have_attribute("data-state", "heard")


async def _simulate(whole: Stack, folder: Path) -> None:
    """A simulated resident calls once."""
    scenario = folder / "call.toml"
    scenario.write_text(CALL)
    await asyncio.to_thread(whole.command, "simulate", str(scenario), "--data", str(whole.data))


async def _rings(page: Page) -> None:
    """The call stands in red, by name, and what rings goes on ringing."""
    await expect(page.locator("#shout.p1")).to_contain_text("一键呼叫")
    await expect(page.locator("#shout h2")).to_contain_text("sim-story-1-r")
    await expect(page.locator("#announce")).to_contain_text("新的 P1：一键呼叫")
    before: Any = await page.evaluate("window.played")
    await page.wait_for_function("before => window.played > before", arg=before)


async def _closed_by_keyboard(page: Page) -> None:
    """Open what is mine, read its advice, write down whom one reached, and choose an outcome."""
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("#advice li").first).to_contain_text("立即回拨")
    await page.keyboard.press("e")
    await expect(page.get_by_label("真实：疾病")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.type("本人来电，已坐起，无伤")
    await page.locator("#close-send").press("Enter")
    await expect(page.locator("#case-bar .pill")).to_have_text("已结案")
    await expect(page.locator("#log")).to_contain_text("结案：真实：跌倒·本人来电，已坐起，无伤")
    await page.keyboard.press("q")
    await expect(page.locator("#quiet")).to_be_visible()


@contextmanager
def _api_away(whole: Stack) -> Iterator[None]:
    """The API's process is killed, and nobody starts it again before this ends."""
    whole.pause()
    psutil.Process(whole.pid_of("api")).kill()
    try:
        yield
    finally:
        whole.resume()
