"""Sites and devices on the desk: how they are, and what is not known."""

from playwright.async_api import expect

from tests.browser.conftest import Desks
from tests.browser.stack import Stack

READ_AGAIN = 10_000  # ms: the page's own clock is put on by this, instead of waiting


async def test_sites_tell_how_their_devices_are(stack: Stack, desk: Desks, complaints: list[str]) -> None:
    """The list counts by kind and names what is amiss or unknown; filters stay in the address; one site has it all."""
    page = await desk("W-03")
    await page.clock.install()
    await stack.know("c1:mag-2", "ok", battery=12)
    await stack.know("c1:guard-1", "offline")
    await stack.leave_open()
    await page.keyboard.press("s")
    home, institution = page.locator("#sites .site").nth(0), page.locator("#sites .site").nth(1)
    await expect(home.locator(".kinds")).to_contain_text("呼叫按钮 0/1")
    await expect(home.locator(".state.unknown").first).to_contain_text("从未收到 1")
    await expect(institution.locator('[data-state="offline"]')).to_have_text("离线 1")
    await expect(institution.locator('[data-state="low"]')).to_have_text("低电 1")
    await expect(institution.locator(".tally")).to_contain_text("×1")
    await page.get_by_label("状况").select_option("有问题")
    await expect(page.locator("#sites .site")).to_have_count(1)
    await page.get_by_label("街道").select_option("示范一街道")
    await expect(page.locator("#reading")).to_have_text("没有这样的点位。")
    await page.reload()
    await expect(page.get_by_label("街道")).to_have_value("示范一街道")
    await page.get_by_label("街道").select_option("")
    await page.locator("#sites .site a").click()
    door = page.locator('[data-device="mag-2"]')
    await expect(door).to_contain_text("开着")
    await expect(door).to_contain_text("12%")
    await expect(page.locator('[data-device="cam-1"] td.unknown')).to_have_count(2)
    await expect(page.locator("#open-alerts article")).to_have_count(1)
    await expect(page.locator("#residents")).to_contain_text("<img src=x onerror=alert(1)>")
    await stack.publish("c1:mag-2", "door.closed")
    await page.clock.fast_forward(READ_AGAIN)
    await expect(door).to_contain_text("关着")
    assert complaints == []


async def test_emergency_reaches_the_sites_too(stack: Stack, desk: Desks) -> None:
    """On every page a press shows as a bar, and the key in it claims."""
    page = await desk("W-03")
    await page.goto(f"{stack.url}/desk/sites/h1")
    await expect(page.locator("#no-alerts")).to_be_visible()
    await stack.press()
    await expect(page.locator("#shout")).to_contain_text("王桂兰")
    await page.keyboard.press("c")
    await expect(page.locator("#open-alerts .pill")).to_have_text("我在处置")
    await page.goto(f"{stack.url}/desk/sites/zz")
    await expect(page.locator("#reading")).to_contain_text("没有这个点位")


async def test_old_states_are_hatched(stack: Stack, desk: Desks) -> None:
    """States that cannot be read anew are marked as old, with the time that they are from."""
    page = await desk("W-03")
    await page.clock.install()
    await page.goto(f"{stack.url}/desk/sites")
    await expect(page.locator("#sites .site")).to_have_count(2)
    await page.route("**/watch/sites*", lambda route: route.abort())
    await page.clock.fast_forward(READ_AGAIN)
    await expect(page.locator("#stale")).to_contain_text("可能已过时")
    await page.unroute("**/watch/sites*")
    await page.clock.fast_forward(READ_AGAIN)
    await expect(page.locator("#stale")).to_be_hidden()


async def test_keys_are_told(desk: Desks) -> None:
    """`?` shows every key; while it is open no key acts."""
    page = await desk("W-03")
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.press("s")
    await expect(page.locator("#help kbd")).to_have_count(16)
    await page.keyboard.press("Escape")
    await page.keyboard.press("s")
    await page.wait_for_url("**/desk/sites")


async def test_wall_screen_is_kept_and_can_be_left(desk: Desks) -> None:
    """A wall screen has larger type and nothing to press, from the first byte of the next page on."""
    page = await desk("W-03")
    await page.locator("#settings-open").click()
    await page.get_by_label("大屏", exact=True).check()
    await page.reload()
    await expect(page.locator("html")).to_have_class("wall")
    await expect(page.locator(".keys")).to_be_hidden()
    await page.locator("#settings-open").click()
    await page.get_by_label("坐席", exact=True).check()
    await expect(page.locator(".keys")).to_be_visible()


async def test_response_clock_survives_a_reload(stack: Stack, desk: Desks) -> None:
    """Time left counts from when the alert got its severity, as the server tells it, not from when it came."""
    page = await desk("W-03")
    await stack.leave_open()
    row = page.locator("#section-P3 article, #section-P2 article")  # by the time of day
    await expect(row).to_have_count(1)
    await stack.execute("UPDATE alert SET severity_since = now() - interval '9 hours'")
    await page.reload()
    await expect(row.locator(".left-label")).to_have_text("已超时")
