"""Every page, wide, zoomed to 200 %, on a phone, in both languages and themes: it fits, and axe-core finds nothing."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.accessible import violations
from tests.browser.conftest import Desks
from tests.browser.stack import Stack

SCREENS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1366, "height": 768}},
    "zoomed": {"viewport": {"width": 683, "height": 384}, "device_scale_factor": 2},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True},
}
KNOWN = (("c1:mag-2", "ok", 12), ("c1:guard-1", "offline", None), ("c1:sos-2", "ok", 80), ("h1:mag-1", "suspect", 64))
FAULTS = Path(__file__).with_name("faults.js").read_text()


class Looker:
    """Looks at what a page shows in every language and theme, keeps the pictures, and collects the faults.

    `thorough`: axe-core looks in both languages; else in the first alone.
    """

    def __init__(self, folder: Path, *, thorough: bool) -> None:
        self._folder = folder
        self._thorough = thorough
        self.faults: list[str] = []

    async def look(self, page: Page, name: str, ready: str, press: str | None = None) -> None:
        """`ready` is what must be there first, `press` what is pressed then."""
        for language in ("zh", "en"):
            link = page.url.split("link=")[-1] if "link=" in page.url else ""
            await page.goto(f"{page.url.split('?')[0]}?lang={language}" + (f"&link={link}" if link else ""))
            await page.locator(ready).first.wait_for()
            if press is not None:
                await page.locator(press).click()
            for theme in ("light", "dark"):
                await page.emulate_media(color_scheme="light" if theme == "light" else "dark")
                await self._take(page, f"{name}-{language}-{theme}")
                if self._thorough or language == "zh":
                    self.faults += [f"{name}-{language}-{theme}: {fault}" for fault in await violations(page)]

    async def _take(self, page: Page, name: str) -> None:
        await page.screenshot(path=self._folder / f"{name}.png")
        self.faults += [f"{name}: {fault}" for fault in await page.evaluate(FAULTS)]


@pytest.mark.parametrize("screen", SCREENS)
async def test_pages_fit(stack: Stack, desk: Desks, page_at: Desks, tmp_path: Path, screen: str) -> None:
    """No page is wider than its screen, no words are cut off, and everything that is pressed is 44 px; WCAG 2.2 AA."""
    looker = Looker(tmp_path, thorough=screen == "desk")
    await looker.look(await page_at(await stack.link("W-04"), **SCREENS[screen]), "signin", "#by-link")
    for device, liveness, battery in KNOWN:
        await stack.know(device, liveness, battery)
    page = await desk("W-03", **SCREENS[screen])
    await looker.look(page, "quiet", "#quiet h2")
    await stack.press("c1:sos-2")
    await page.locator("#shout .btn-main").click()
    await stack.press()
    await stack.press()
    await stack.leave_open()
    await expect(page.locator("#section-P3 article, #section-P2 article")).to_have_count(1)
    await looker.look(page, "queue", "#section-mine article")
    urgent = await page.locator("#shout h2 a").get_attribute("href")
    await page.locator("#section-mine h3 a").click()
    await looker.look(page, "mine", "#advice li")
    await page.goto(f"{stack.url}{urgent}")
    await looker.look(page, "alert", "#person .contacts")
    await looker.look(page, "close", "#person .contacts", press='#case-bar [data-focus="close"]')
    await page.keyboard.press("Escape")
    await looker.look(page, "settings", "#advice li", press="#settings-open")
    await page.goto(f"{stack.url}/desk/sites")
    await looker.look(page, "sites", "#sites .tally")
    await page.goto(f"{stack.url}/desk/sites/c1")
    await looker.look(page, "site", "#open-alerts article")
    if screen == "desk":
        await looker.look(page, "help", "#open-alerts article", press="#help-open")
    assert looker.faults == []
