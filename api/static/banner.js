// What stands above every page: the watch has stopped, it is back, something was done or could not be done.

import { age, ago, clock, served } from "./clock.js";
import { button, byId, el, icon, refill } from "./dom.js";
import { listed, named, t } from "./texts.js";

const SIGNS = { ok: "yes", stalled: "no", unknown: "ask" };
const STYLES = { ok: "ok", stalled: "stalled-part", unknown: "unknown" };

export function partSigns(states) {
  return states.map(({ name, state }) => {
    const words = `${named("part", name)} ${t(`part.${state}`)}`;
    return el("li", { class: STYLES[state], "data-part": name, "data-state": state }, icon(SIGNS[state]), words);
  });
}

/** Show the verdict: the gauge always, the red bar while the watch is stopped. Return whether it has just stopped. */
export function showVerdict(verdict, states) {
  const stopped = verdict.state === "stopped";
  const before = document.documentElement.classList.contains("is-stalled");
  document.documentElement.classList.toggle("is-stalled", stopped);
  gauge(verdict);
  if (!stopped) byId("stalled").replaceChildren();
  else if (byId("stalled").firstElementChild?.dataset.reason !== key(verdict, states)) byId("stalled").replaceChildren(bar(verdict, states));
  else byId("stalled").querySelector("p").textContent = details(verdict);
  return stopped && !before;
}

function gauge(verdict) {
  const words = t(`watch.${verdict.state}`, { age: verdict.state === "fine" ? ago(silence(verdict)) : age(silence(verdict)) });
  const style = { fine: "good", unsure: "bad", stopped: "lost", starting: "" }[verdict.state];
  const picture = { fine: "yes", unsure: "ask", stopped: "no", starting: "ask" }[verdict.state];
  byId("beat").className = style;
  byId("beat").dataset.state = verdict.state;
  refill(byId("beat"), el("small", {}, t("frame.watch")), el("span", {}, icon(picture), words));
}

function silence(verdict) {
  return Date.now() - verdict.since;
}

function key(verdict, states) {
  return [verdict.reason, ...states.map(({ name, state }) => name + state)].join();
}

function bar(verdict, states) {
  const said = el("strong", {}, headline(verdict, states));
  const more = el("p", { "aria-live": "off" }, details(verdict));
  const parts = el("ul", { class: "signs", "aria-live": "off" }, partSigns(states));
  return el("div", { class: "stalled", role: "alert", "data-reason": key(verdict, states) }, icon("stop"), el("div", {}, said, more), parts);
}

function headline(verdict, states) {
  if (verdict.reason === "silent") return t("watch.silent");
  const down = states.filter(({ state }) => state === "stalled").map(({ name }) => named("part", name));
  return t("watch.part_stopped", { parts: listed(down) });
}

function details(verdict) {
  const values = { age: age(silence(verdict)), time: clock(served(verdict.since)) };
  const what = verdict.reason === "silent" ? t("watch.silent_for", values) : t("watch.part_for");
  return `${what} ${t("watch.do")}`;
}

/** Say until dismissed that the connection was away, and what came meanwhile. */
export function showResumed(from, to, changes) {
  const values = { age: age(to - from), from: clock(served(from)), to: clock(served(to)), n: changes };
  const more = t(changes > 0 ? "watch.resumed_said" : "watch.resumed_none", values);
  put(byId("resumed"), "yes", t("watch.resumed"), more);
}

export function showRecovered(from, to) {
  const values = { age: age(to - from), from: clock(served(from)), to: clock(served(to)) };
  put(byId("recovered"), "yes", t("watch.recovered"), t("watch.recovered_said", values));
}

/** Say what an action came to; `warn` where it was not done. */
export function say(text, warn = false) {
  put(byId("said"), warn ? "warn" : "yes", text, "", warn);
}

function put(place, picture, strong, more, warn = false) {
  const close = button(t("frame.dismiss"), () => place.replaceChildren());
  const words = el("p", {}, el("b", {}, strong), more ? ` ${more}` : null);
  place.replaceChildren(el("div", { class: warn ? "notice warn" : "notice" }, icon(picture), words, close));
}
