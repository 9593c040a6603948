"""Looking at pages: which there are, what axe-core and a ruler find wrong with them, and pictures where asked for."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from playwright.async_api import Page
from starlette.routing import compile_path

from tests.browser.accessible import violations

FAULTS = Path(__file__).with_name("faults.js").read_text()
# What is read by programs, and the files of pages. Everything else that can be opened is a page.
NO_PAGES = {
    "/",  # sends on to the queue
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs/{name}",
    "/static/{version}/{name}",
    "/icon/{sign}-{count}.svg",
}
API = "/api/v1/"


def pages_of(app: FastAPI) -> dict[str, re.Pattern[str]]:
    """Every page of the app, as the app itself lists them, with the addresses that lead to it."""
    routes = [route for route in iter_route_contexts(app.routes) if "GET" in (route.methods or ())]
    paths = {route.path for route in routes if route.path is not None}
    return {path: compile_path(path)[0] for path in paths - NO_PAGES if not path.startswith(API)}


class Looker:
    """Looks at what pages show, collects what is wrong and which pages were looked at, and keeps the pictures.

    `axe`: the languages in which axe-core looks too.
    """

    def __init__(self, app: FastAPI, folder: Path | None, *, name: str = "", axe: Iterable[str] = ()) -> None:
        self._pages = pages_of(app)
        self._folder = folder
        self._name = name
        self._axe = set(axe)
        self._seen: set[str] = set()
        self.faults: list[str] = []

    @property
    def unseen(self) -> set[str]:
        """The pages of the app that were not looked at."""
        return set(self._pages) - self._seen

    async def tour(self, page: Page, name: str, ready: str, press: str | None = None) -> None:
        """Look in both languages. `ready` is what must be there first, `press` what is pressed then."""
        for language in ("zh", "en"):
            link = page.url.split("link=")[-1] if "link=" in page.url else ""
            await page.goto(f"{page.url.split('?')[0]}?lang={language}" + (f"&link={link}" if link else ""))
            await page.locator(ready).first.wait_for()
            if press is not None:
                await page.locator(press).click()
            await self.look(page, f"{name}-{language}", axe=language in self._axe)

    async def look(self, page: Page, name: str, *, axe: bool = True) -> None:
        """Look at the page as it is, light and dark."""
        path = urlsplit(page.url).path
        self._seen |= {known for known, addresses in self._pages.items() if addresses.match(path)}
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme="light" if theme == "light" else "dark")
            shown = f"{name}-{theme}"
            found = await page.evaluate(FAULTS) + (await violations(page) if axe else [])
            self.faults += [f"{shown}: {fault}" for fault in found]
            if self._folder is not None:
                await page.screenshot(path=self._folder / f"{self._name}-{shown}.png")
