"""The desk in a real browser, over a real stack: an alert's way from the button to the outcome."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.async_api import expect

from tests.browser.conftest import Desks
from tests.browser.stack import Stack


async def test_link_signs_in_once_and_only_when_pressed(stack: Stack, page_at: Desks) -> None:
    """Looking at a one-time link spends nothing; pressing its button does, once."""
    link = await stack.link("W-03")
    looked = await page_at(link)
    await looked.reload()
    await looked.locator("#by-link button").click()
    await expect(looked).to_have_url(f"{stack.url}/desk")
    again = await page_at(link)
    await again.locator("#by-link button").click()
    await expect(again.locator("#wrong")).to_contain_text("已用过或已过期")
    await again.get_by_label("用访问令牌登录").fill(await stack.token("W-04"))
    await again.locator("#by-token button").click()
    await expect(again.locator("#me")).to_have_text("W-04")


async def test_without_a_session_the_desk_asks_to_sign_in(stack: Stack, page_at: Desks) -> None:
    """The desk is shown to nobody who is not signed in, and is come back to afterwards."""
    page = await page_at(f"{stack.url}/desk/alerts/1")
    await expect(page).to_have_url(f"{stack.url}/signin?next=/desk/alerts/1")


async def test_press_shouts_at_every_desk_and_one_claims(stack: Stack, desk: Desks, complaints: list[str]) -> None:
    """A press shows live, loud and by name at two desks; of two who claim, one holds it and the other is told who."""
    first, second = await desk("W-03"), await desk("W-05")
    await expect(first.locator("#quiet")).to_be_visible()
    await stack.press()
    for page in (first, second):
        await expect(page.locator("#shout")).to_contain_text("王桂兰")
        await expect(page.locator("#shout")).to_contain_text("示范一街道 二社区 3号楼 2单元 501")
        await expect(page.locator("#announce")).to_contain_text("新的 P1：一键呼叫")
        await expect(page).to_have_title(re.compile(r"【P1 00:\d\d】一键呼叫·王桂兰"))
        await expect(page.locator("link[rel=icon]")).to_have_attribute("href", "/icon/p1-1.svg")
    await second.route("**/alerts/feed", lambda route: route.abort())
    await second.reload()
    await expect(second.locator("#shout .btn-main")).to_be_visible()
    await first.locator("#shout .btn-main").click()
    await expect(first.locator("#section-mine .pill")).to_have_text("我在处置")
    await expect(first.locator("#shout")).to_be_hidden()
    await second.locator("#shout .btn-main").click()
    await expect(second.locator("#said")).to_contain_text("W-03 已经接了")
    assert complaints == []


async def test_claim_of_another_shows_at_once(stack: Stack, desk: Desks) -> None:
    """What a colleague takes leaves the shout of every other desk and carries the colleague's name."""
    first, second = await desk("W-03"), await desk("W-05")
    await stack.press()
    await first.locator("#shout .btn-main").click()
    await expect(second.locator("#section-urgent .pill")).to_have_text("W-03 在处置")
    await expect(second.locator("#shout")).to_be_hidden()
    await expect(second.locator("#hands")).to_contain_text("W-03")


async def test_alert_page_tells_what_to_do_and_closes_with_an_outcome(stack: Stack, desk: Desks) -> None:
    """The page has advice as steps, the person, contacts in order and the event; closing ends it at every desk."""
    page = await desk("W-03")
    await stack.press()
    await page.locator("#shout h2 a").click()
    await expect(page.locator("#advice li")).to_have_count(4)
    await expect(page.locator("#person")).to_contain_text("高血压，服抗凝药")
    await expect(page.locator("#person .contacts li").first).to_contain_text("女儿")
    await expect(page.locator("#evidence")).to_contain_text("按下呼叫")
    await page.locator("#note").fill("回拨，无人应答")
    await page.locator("#note-form .btn").click()
    await expect(page.locator("#log")).to_contain_text("记录：回拨，无人应答")
    await page.locator("#case-bar").get_by_role("button", name="接警").click()
    await page.locator("#case-bar").get_by_role("button", name="结案").click()
    await page.locator("#close-send").click()
    await expect(page.locator("#close-wrong")).to_have_text("请选一个结果。")
    await page.get_by_label("误触").check()
    await page.locator("#close-contact").fill("本人来电，误按")
    await page.locator("#close-send").click()
    await expect(page.locator("#case-bar .pill")).to_have_text("已结案")
    await expect(page.locator("#log")).to_contain_text("结案：误触·本人来电，误按")
    await page.locator(".brand").click()
    await expect(page.locator("#ended")).to_contain_text("一键呼叫·王桂兰 误触")
    await expect(page.locator("#quiet")).to_be_visible()


async def test_what_the_server_refuses_is_told_in_words(stack: Stack, desk: Desks) -> None:
    """A contact that the server does not accept leaves the dialog open, names the field, and keeps what was written."""
    page = await desk("W-03")
    await stack.press()
    await page.locator("#shout h2 a").click()
    await page.locator("#case-bar").get_by_role("button", name="结案").click()
    await page.get_by_label("误触").check()
    await page.locator("#close-contact").evaluate(r"field => { field.value = 'x\u0000'; }")
    await page.locator("#close-send").click()
    await expect(page.locator("#close-wrong")).to_contain_text("服务器不收“联系到谁、怎么联系的”里所写的")
    await expect(page.locator("#close-contact")).not_to_have_value("")
    await expect(page.locator("#close")).to_be_visible()


async def test_nobody_reached_needs_a_second_person(stack: Stack, desk: Desks) -> None:
    """A P1 without contact that can be seen is proposed by one and closed by another, who sees what was proposed."""
    first, second = await desk("W-03"), await desk("W-01", "supervisor")
    await stack.press()
    await first.locator("#shout h2 a").click()
    await first.locator("#advice li").first.wait_for()
    await first.keyboard.press("e")
    await first.get_by_label("没联系上").check()
    await first.locator("#close-contact").fill("\u200b \u2060")
    await expect(first.locator("#close-alone")).to_contain_text("要第二人确认")
    await first.locator("#close-note").fill("两次无应答")
    await first.locator("#close-send").click()
    await expect(first.locator("#confirm")).to_contain_text("等第二人")
    await first.keyboard.press("q")
    await expect(first.locator("#section-mine .pill")).to_have_text("待第二人确认")
    await first.locator("#section-mine .btn").click()
    await expect(second.locator("#section-urgent .pill")).to_have_text("请您确认")
    await second.locator("#section-urgent .btn").click()
    await expect(second.locator("#confirm")).to_contain_text("W-03 提请结案")
    await expect(second.locator("#confirm")).to_contain_text("没联系上·两次无应答")
    await second.locator("#confirm .btn").click()
    await expect(first.locator("#case-bar .pill")).to_have_text("已结案")


async def test_further_press_on_a_claimed_call_rings_again(stack: Stack, desk: Desks) -> None:
    """Somebody who presses again is heard again, though a colleague has the alert already."""
    page = await desk("W-03")
    await page.locator("#sound-gauge").click()
    await page.get_by_role("button", name="听见了", exact=True).click()
    await expect(page.locator("#sound-gauge")).to_have_attribute("data-state", "heard")
    await stack.press()
    await page.locator("#shout .btn-main").click()
    await expect(page.locator("#section-mine .pill")).to_be_visible()
    before = await page.evaluate("window.played")
    await stack.press()
    await expect(page.locator("#announce")).to_contain_text("已按 2 次")
    await page.wait_for_function("before => window.played > before", arg=before)
    await expect(page.locator("#section-mine")).to_contain_text("已按 2 次")


async def test_sound_that_was_not_heard_stays_on_the_screen(desk: Desks) -> None:
    """A failed sound test is shown until a good one, also after the page is loaded anew."""
    page = await desk("W-03")
    await expect(page.locator("#soundbar .notice")).to_be_visible()
    await page.locator("#soundbar .btn").click()
    await page.get_by_role("button", name="没听见", exact=True).click()
    await expect(page.locator("#sound-gauge")).to_have_attribute("data-state", "unheard")
    await page.reload()
    await expect(page.locator("#soundbar .notice")).to_be_visible()


async def test_all_of_it_by_keyboard(stack: Stack, desk: Desks) -> None:
    """Claim, open and close without a mouse; single keys rest while somebody writes, and can be switched off."""
    page = await desk("W-03")
    await stack.press()
    await expect(page.locator("#shout .btn-main")).to_be_visible()
    await page.keyboard.press("c")
    await expect(page.locator("#section-mine .pill")).to_be_visible()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.locator("#advice li").first.wait_for()
    await page.keyboard.press("n")
    await page.keyboard.type("e c")
    await expect(page.locator("#note")).to_have_value("e c")
    await page.keyboard.press("Tab")
    await page.keyboard.press("e")
    await expect(page.locator("#close")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.locator("#settings-open").press("Enter")
    await page.get_by_label("不用").check()
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await expect(page.locator("#close")).to_be_hidden()


async def test_language_is_switched_and_kept(stack: Stack, desk: Desks) -> None:
    """English all through, by one press, and still so on the next page."""
    page = await desk("W-03")
    await page.locator(".gauges a[hreflang=en]").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("#quiet h2")).to_have_text("Nothing needs you right now")
    await stack.press()
    await page.locator("#shout h2 a").click()
    await expect(page.locator("#advice li").first).to_contain_text("Call the resident back at once")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_names_are_text_and_nothing_else(stack: Stack, desk: Desks, complaints: list[str]) -> None:
    """Markup in a resident's name is shown letter by letter."""
    page = await desk("W-03")
    await stack.press("c1:sos-2")
    await expect(page.locator("#shout h2")).to_contain_text("<img src=x onerror=alert(1)>")
    assert await page.locator("#shout img").count() == 0
    assert complaints == []


async def test_theme_choice_is_kept_by_the_server(desk: Desks) -> None:
    """Dark once chosen is dark from the first byte of the next page on."""
    page = await desk("W-03")
    await page.locator("#settings-open").click()
    await page.get_by_label("暗", exact=True).check()
    await page.reload()
    await expect(page.locator("html")).to_have_class(re.compile("theme-dark"))


async def test_clock_and_alerts_show_the_zone_of_the_sites(stack: Stack, desk: Desks) -> None:
    """Wherever the browser is, the clock has the sites' zone and says so; a time in another zone says which."""
    page = await desk("W-03", timezone_id="America/New_York")
    await expect(page.locator("#zone")).to_have_text("UTC+8")
    await stack.press("c1:sos-2")
    pressed = page.locator("#shout .happened")
    await expect(pressed).to_contain_text("起")
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    hours = tuple(at.strftime("%H:") for at in (now - timedelta(minutes=1), now))
    assert (await page.locator("#clock").inner_text()).startswith(hours)
    assert (await pressed.inner_text()).startswith(hours)
    await stack.execute("UPDATE site SET timezone = 'Asia/Urumqi' WHERE code = 'h1'")
    await page.locator("#shout .btn-main").click()
    await stack.press()
    await expect(pressed).to_contain_text("UTC+6 起")
