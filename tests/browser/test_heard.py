"""What the watch heard and nobody could record: loud on the desk, then an alert like any other."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.accessible import violations
from tests.browser.conftest import Desks
from tests.browser.stack import Stack
from tests.watch_parts import running_watch

SOON = 25_000  # ms on a busy machine


async def test_heard_then_recorded(stack: Stack, desk: Desks, tmp_path: Path, complaints: list[str]) -> None:
    """A press that ingest does not take is a loud strip until somebody takes note; recorded, it is an alert, once."""
    page = await desk("W-03")
    await page.mouse.click(5, 5)  # browsers let a page sound only after it was touched
    await stack.stop_ingest()
    async with running_watch(stack.broker.url("watch"), stack.database_url, tmp_path, api_url=stack.url):
        played = await page.evaluate("window.played")
        await stack.press()
        strip = page.locator("#heard .heard")
        await expect(strip).to_contain_text("尚未入库·按下呼叫", timeout=SOON)
        await expect(strip).to_contain_text("h1/sos-1")
        await page.wait_for_function(f"window.played > {played}")
        await expect(page.locator("#announce")).to_contain_text("尚未入库的紧急情况")
        assert await violations(page) == []
        await stack.press()
        await expect(strip).to_contain_text("已听到 2 次", timeout=SOON)
        await page.reload()
        await expect(strip).to_contain_text("已听到 2 次", timeout=SOON)
        await strip.get_by_role("button").click()
        await expect(strip.get_by_role("button")).to_have_count(0)
        stack.start_ingest()
        await expect(page.locator("#shout")).to_contain_text("已按 2 次", timeout=SOON)
        await expect(strip).to_have_count(0)
    assert complaints == []
