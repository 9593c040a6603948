// Emergencies that the watch heard and that the database does not hold yet: loud until somebody here has taken note.

import { clock } from "./clock.js";
import { button, byId, el, icon, refill } from "./dom.js";
import { DOT, named, t } from "./texts.js";

const CONFIRM_WITHIN = 12_000; // ms after the feed is back: what is still open is told again by then
const TAKEN_KEY = "shouwang.heard.taken";

/** Event `change` (detail: {news: the newly heard document or null}). Documents are those of the feed. */
export class Heard extends EventTarget {
  #open = new Map();
  #ended = new Map(); // told, and never to be an alert: shown until it is put away
  #unconfirmed = new Set();
  #taken = new Set(JSON.parse(sessionStorage.getItem(TAKEN_KEY) ?? "[]"));

  /** Follow a feed. What it no longer tells after it was lost, was settled meanwhile. */
  follow(feed) {
    feed.addEventListener("heard", ({ detail }) => this.#take(detail));
    feed.addEventListener("recorded", ({ detail }) => this.#settle(detail));
    feed.addEventListener("open", () => this.#doubt());
  }

  /** Whether somebody is still needed to take note. */
  get isRinging() {
    return [...this.#open.keys()].some((key) => !this.#taken.has(key));
  }

  #take(press) {
    this.#unconfirmed.delete(press.key);
    if (this.#open.has(press.key)) return;
    this.#open.set(press.key, press);
    this.#changed(press);
  }

  #settle({ key, outcome }) {
    const press = this.#open.get(key);
    if (press === undefined) return;
    this.#open.delete(key);
    if (outcome !== "recorded") this.#ended.set(key, press);
    this.#changed(null);
  }

  #doubt() {
    this.#unconfirmed = new Set(this.#open.keys());
    setTimeout(() => {
      for (const key of this.#unconfirmed) this.#open.delete(key);
      if (this.#unconfirmed.size > 0) this.#changed(null);
      this.#unconfirmed.clear();
    }, CONFIRM_WITHIN);
  }

  #changed(news) {
    this.dispatchEvent(new CustomEvent("change", { detail: { news } }));
  }

  /** Show one strip for each device that calls, the first to call on top. */
  draw(names) {
    const open = grouped(this.#open).map((presses) => this.#strip(presses, names));
    const ended = grouped(this.#ended).map((presses) => this.#endedStrip(presses, names));
    refill(byId("heard"), ...open, ...ended);
  }

  #strip(presses, names) {
    const taken = presses.every(({ key }) => this.#taken.has(key));
    const note = button(t("heard.taken"), () => this.#note(presses), { "data-focus": presses[0].key });
    const words = el("div", {}, el("strong", {}, title(presses[0], names)), el("p", {}, said(presses), " ", t("heard.do")));
    return el("div", { class: taken ? "heard taken" : "heard", "data-device": presses[0].device }, icon("warn"), words, taken ? null : note);
  }

  #endedStrip(presses, names) {
    const away = () => {
      for (const { key } of presses) this.#ended.delete(key);
      this.#changed(null);
    };
    const words = el("div", {}, el("strong", {}, title(presses[0], names)), el("p", {}, said(presses), " ", t("heard.never")));
    return el("div", { class: "heard taken ended" }, icon("warn"), words, button(t("frame.dismiss"), away, { "data-focus": presses[0].key }));
  }

  /** Quiet here, and still shown: the other desks ring on. */
  #note(presses) {
    for (const { key } of presses) this.#taken.add(key);
    sessionStorage.setItem(TAKEN_KEY, JSON.stringify([...this.#taken].slice(-1000)));
    this.#changed(null);
  }
}

function grouped(presses) {
  const groups = new Map();
  for (const press of presses.values()) {
    const name = [press.site, press.device, press.type].join("/");
    groups.set(name, [...(groups.get(name) ?? []), press]);
  }
  return [...groups.values()];
}

function title(press, names) {
  return [t("heard.unrecorded"), what(press), where(press, names)].join(DOT);
}

function what({ type }) {
  return named("event", type);
}

function where({ site, device }, names) {
  const name = names.siteName(site);
  return name === site ? `${site}/${device}` : `${name} ${site}/${device}`;
}

function said(presses) {
  const last = clock(Date.parse(presses.at(-1).heard_at));
  return presses.length > 1 ? t("heard.times", { n: presses.length, time: last }) : t("heard.once", { time: last });
}

/** What is read out. */
export function spokenOf(press, names) {
  return t("heard.announce", { name: what(press), where: where(press, names) });
}
