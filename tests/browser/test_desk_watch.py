"""The watch over the watch: the desk turns red when it may be blind, and comes back by itself."""

from playwright.async_api import expect

from tests.browser.conftest import Desks
from tests.browser.stack import Stack

SILENCE = 25_000  # ms: 15 s without a byte, and room for a busy machine


async def test_dead_connection_turns_red_and_resumes_with_what_came(stack: Stack, desk: Desks) -> None:
    """A line that hangs says nothing of it: after 15 s it is red; then every change is there, and how many."""
    page = await desk("W-03")
    await stack.press()
    await expect(page.locator("#shout")).to_contain_text("王桂兰")
    await expect(page.locator("#beat")).to_have_attribute("data-state", "fine", timeout=SILENCE)
    stack.proxy.hang()
    stalled = page.get_by_role("alert").filter(has_text="守望停了")
    await expect(stalled).to_be_visible(timeout=SILENCE)
    await expect(stalled.locator('[data-part="feed"]')).to_have_attribute("data-state", "stalled")
    await expect(page).to_have_title("【守望停了】队列")
    await expect(page.locator("html")).to_have_class("is-stalled")
    await stack.press()
    await stack.press("c1:sos-2")
    stack.proxy.heal()
    await expect(page.locator("#resumed")).to_contain_text("2 条变化已按序补齐", timeout=SILENCE)
    await expect(stalled).to_have_count(0)
    await expect(page.locator("#shout")).to_contain_text("已按 2 次")
    await expect(page.locator("#section-urgent article")).to_have_count(1)


async def test_short_cut_is_caught_up_without_red(stack: Stack, desk: Desks) -> None:
    """A connection that ends and comes back within seconds is told in one line, and nothing is missed."""
    page = await desk("W-03")
    await stack.proxy.cut()
    await expect(page.locator("#beat")).to_have_attribute("data-state", "unsure")
    await stack.press()
    stack.proxy.heal()
    await expect(page.locator("#shout")).to_contain_text("王桂兰", timeout=SILENCE)
    await expect(page.locator("#resumed")).to_contain_text("1 条变化已按序补齐")
    await expect(page.locator("#beat")).to_have_attribute("data-state", "fine")


async def test_silent_part_turns_red_and_recovers(stack: Stack, desk: Desks) -> None:
    """Ingest that has not spoken for 30 s is named in red; when it speaks again, the red goes and says how long."""
    page = await desk("W-03")
    await expect(page.locator("#beat")).to_have_attribute("data-state", "fine", timeout=SILENCE)
    await stack.fall_silent()
    stalled = page.get_by_role("alert").filter(has_text="守望停了：")
    await expect(stalled).to_contain_text("接入", timeout=SILENCE)
    stack.start_ingest()
    await expect(page.locator("#recovered")).to_contain_text("各部分已恢复正常", timeout=SILENCE)
    await expect(stalled).to_have_count(0)


async def test_ended_session_leads_to_sign_in(stack: Stack, desk: Desks) -> None:
    """A desk that nobody may see any more goes to sign in, and says why."""
    page = await desk("W-03")
    await stack.execute("UPDATE session SET ended_at = now()")
    await page.wait_for_url("**/signin?over=1*")
    await expect(page.locator("#wrong")).to_contain_text("登录已到期")
