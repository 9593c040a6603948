"""Every page in every state, light and dark: axe-core finds nothing (WCAG 2.2 AA and its best practices)."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Desks
from tests.browser.stack import Stack
from tests.browser.tour import Looker

STALLED = "html.is-stalled .stalled"
WIDE = {"viewport": {"width": 1366, "height": 768}}
CLOSE = '#case-bar [data-focus="close"]'


@pytest.fixture
def looker(stack: Stack, pictures: Path | None) -> Looker:
    return Looker(stack.app, pictures, name="state")


async def test_every_page_of_the_app(stack: Stack, desk: Desks, page_at: Desks, looker: Looker) -> None:
    """Each page that the app's own routes name, well and with the watch stalled; a new page cannot be forgotten."""
    signin = await page_at(f"{stack.url}/signin?over=1", **WIDE)
    await looker.look(signin, "signin-token")
    page = await desk("W-03", **WIDE)
    await looker.look(page, "quiet")
    await stack.press()
    await stack.leave_open()
    await expect(page.locator("#section-P3 article, #section-P2 article")).to_have_count(1)
    await looker.look(page, "queue")
    await page.keyboard.press("?")
    await looker.look(page, "queue-help")
    await page.keyboard.press("Escape")
    await page.locator("#sound-gauge").click()
    await looker.look(page, "queue-sound")
    await stack.fall_silent()
    for path, ready in (
        ("/desk", "#shout h2"),
        (str(await page.locator("#shout h2 a").get_attribute("href")), "#advice li"),
        ("/desk/sites", "#sites .tally"),
        ("/desk/sites/h1", "#open-alerts article"),
        ("/docs", ".operation"),
    ):
        await page.goto(f"{stack.url}{path}")
        await page.locator(ready).first.wait_for()
        if path != "/docs":
            await page.locator(STALLED).wait_for()
        await looker.look(page, f"stalled{path.replace('/', '-')}")
    assert looker.faults == []
    assert looker.unseen == set()


async def test_alert_in_every_handling_state(stack: Stack, desk: Desks, looker: Looker) -> None:
    """An alert that is new, mine, a colleague's, proposed by either, closed, inhibited; with dialogs, and stalled."""
    mine, theirs = await desk("W-03", **WIDE), await desk("W-05", **WIDE)
    await stack.press()
    for page in (mine, theirs):
        await page.locator("#shout h2 a").click()
    await _handled(mine, "无人接", looker, "new")
    await mine.keyboard.press("c")
    await _handled(mine, "我在处置", looker, "mine")
    await _handled(theirs, "W-03 在处置", looker, "theirs")
    await mine.locator(CLOSE).click()
    await mine.locator("#close-send").click()
    await looker.look(mine, "close")
    await mine.get_by_label("没联系上").check()
    await mine.locator("#close-send").click()
    await _handled(mine, "待第二人确认", looker, "proposed")
    await mine.keyboard.press("?")
    await looker.look(mine, "alert-help")
    await mine.keyboard.press("Escape")
    await _handled(theirs, "请您确认", looker, "to-confirm")
    await theirs.locator("#confirm .btn").click()
    await _handled(mine, "已结案", looker, "closed")
    await stack.execute("UPDATE alert SET handling = 'inhibited', closed_at = NULL, outcome = NULL")
    await mine.reload()
    await _handled(mine, "已抑制", looker, "inhibited")
    await stack.press("c1:sos-2")
    await mine.locator("#shout h2 a").click()
    await stack.fall_silent()
    await mine.locator(STALLED).wait_for()
    await mine.locator(CLOSE).click()
    await looker.look(mine, "stalled-close")
    assert looker.faults == []


async def _handled(page: Page, pill: str, looker: Looker, name: str) -> None:
    await expect(page.locator("#case-bar .pill")).to_have_text(pill)
    await page.locator("#advice li").first.wait_for()
    await looker.look(page, f"alert-{name}")
