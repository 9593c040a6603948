"""What axe-core finds wrong with a page."""

import json
from importlib.resources import files

from playwright.async_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = f"axe.run(document, {json.dumps({'runOnly': list(TAGS), 'resultTypes': ['violations']})})"


async def violations(page: Page) -> list[str]:
    """Each rule that the page breaks, with the elements that break it."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found = await page.evaluate(_RUN)
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
