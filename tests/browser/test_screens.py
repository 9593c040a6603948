"""Every page, wide, zoomed to 200 %, on a phone, in both languages and themes: it fits, and axe-core finds nothing."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Desks
from tests.browser.stack import Stack
from tests.browser.tour import Looker

SCREENS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1366, "height": 768}},
    "zoomed": {"viewport": {"width": 683, "height": 384}, "device_scale_factor": 2},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True},
}
AXE = {"desk": {"en"}, "phone": {"zh"}}  # zoomed it is the same page as on the desk: the ruler is what finds more
KNOWN = (("c1:mag-2", "ok", 12), ("c1:guard-1", "offline", None), ("c1:sos-2", "ok", 80), ("h1:mag-1", "suspect", 64))


@pytest.mark.parametrize("screen", SCREENS)
async def test_pages_fit(stack: Stack, desk: Desks, page_at: Desks, pictures: Path | None, screen: str) -> None:
    """No page is wider than its screen, no words are cut off, and everything that is pressed is 44 px; WCAG 2.2 AA."""
    looker = Looker(stack.app, pictures, name=screen, axe=AXE.get(screen, ()))
    await looker.tour(await page_at(await stack.link("W-04"), **SCREENS[screen]), "signin", "#by-link")
    for device, liveness, battery in KNOWN:
        await stack.know(device, liveness, battery)
    page = await desk("W-03", **SCREENS[screen])
    await looker.tour(page, "quiet", "#quiet h2")
    await stack.press("c1:sos-2")
    await page.locator("#shout .btn-main").click()
    await stack.press()
    await stack.press()
    await stack.leave_open()
    await expect(page.locator("#section-P3 article, #section-P2 article")).to_have_count(1)
    await looker.tour(page, "queue", '#shout h2:has-text("王桂兰")')
    urgent = await page.locator("#shout h2 a").get_attribute("href")
    await page.locator("#section-mine h3 a").click()
    await looker.tour(page, "mine", "#advice li")
    await page.goto(f"{stack.url}{urgent}")
    await looker.tour(page, "alert", "#person .contacts")
    await looker.tour(page, "close", "#person .contacts", press='#case-bar [data-focus="close"]')
    await page.keyboard.press("Escape")
    await looker.tour(page, "settings", "#advice li", press="#settings-open")
    await page.goto(f"{stack.url}/desk/sites")
    await looker.tour(page, "sites", "#sites .tally")
    await page.goto(f"{stack.url}/desk/sites/c1")
    await looker.tour(page, "site", "#open-alerts article")
    if screen == "desk":
        await looker.tour(page, "help", "#open-alerts article", press="#help-open")
    await page.goto(f"{stack.url}/docs")
    await page.locator(".operation").first.wait_for()
    await looker.look(page, "docs")
    await stack.fall_silent()
    await page.goto(f"{stack.url}/desk")
    await looker.tour(page, "stalled", ".stalled")
    assert looker.faults == []
    assert looker.unseen == set()
