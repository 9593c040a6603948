// One alert: what to do, who and where, what happened, and everything anybody did.

import { ApiError, get } from "./api.js";
import { CloseDialog } from "./close.js";
import { drawBar, drawCase } from "./case.js";
import { byId } from "./dom.js";
import { listen } from "./keys.js";
import { Desk } from "./live.js";
import { hands } from "./order.js";
import { t } from "./texts.js";

const id = Number(byId("main").dataset.alert);
const READ_AFTER = 100; // ms: changes that come together are read once

/** A desk whose shout leaves out the alert that this page is about. */
class CaseDesk extends Desk {
  bar = true;
  detail = null;
  contacts = null;

  get shouting() {
    const first = super.shouting;
    return first?.id === id ? null : first;
  }

  get page() {
    return this.detail === null ? t("page.alert") : this.title(this.detail);
  }

  get alert() {
    return this.detail === null ? null : { ...this.detail, ...this.board.find(id) };
  }
}

const desk = new CaseDesk();
const closing = new CloseDialog(desk);
let reading = null;

function readSoon() {
  reading ??= setTimeout(() => {
    reading = null;
    void read();
  }, READ_AFTER);
}

async function read() {
  try {
    desk.detail = await get(`/alerts/${id}`);
    if (desk.contacts === null && desk.detail.resident !== null) void readContacts(desk.detail.resident);
    desk.changed();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 404) byId("reading").textContent = t("case.missing");
    else setTimeout(readSoon, 2000);
  }
}

async function readContacts(resident) {
  try {
    desk.contacts = (await get(`/contacts?resident=${encodeURIComponent(resident)}`)).items;
    desk.changed();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    desk.contacts = null; // not this role's to see, or not there now: the page says nothing of it
  }
}

function draw() {
  const { alert } = desk;
  if (alert === null) return;
  drawBar(alert, desk, closing);
  drawCase(alert, desk);
}

function claimHere() {
  const { alert } = desk;
  if (alert !== null && hands(alert, desk.me) === "nobody") void desk.claim(alert);
}

desk.board.addEventListener("change", ({ detail }) => {
  if (detail.alert.id === id) readSoon();
});
desk.addEventListener("draw", draw);
listen({ c: claimHere, n: () => byId("note")?.focus(), e: () => desk.alert && closing.open(desk.alert) });
void read();
void desk.start();
