// The one thing that shouts: the first P1 that nobody has. One seat on every page.

import { when, zoneOf } from "./clock.js";
import { byId, el, refill, sign } from "./dom.js";
import { left } from "./left.js";
import { claimButton, happened, linkTo, tags } from "./row.js";
import { DOT, said, t } from "./texts.js";

/** Show the alert in the seat, or empty it. `bar`: one line, on pages that are about something else. */
export function shout(alert, desk, bar) {
  const seat = byId("shout");
  seat.hidden = alert === null;
  seat.className = alert === null ? "" : `shout p1${bar ? " bar" : ""}`;
  if (alert === null) seat.replaceChildren();
  else refill(seat, words(alert, desk), clockAndActs(alert, desk, bar));
}

function words(alert, desk) {
  const kind = [`P1 ${t("severity.P1")}`, said(alert.name), t("row.unclaimed")].join(DOT);
  const who = el("a", { href: linkTo(alert) }, desk.names.subject(alert));
  return el(
    "div",
    {},
    el("p", { class: "kind" }, sign("P1"), el("span", {}, kind)),
    el("h2", {}, who, tags(alert, desk.names)),
    el("p", { class: "where" }, desk.names.where(alert)),
    el("p", { class: "happened" }, happened(alert)),
  );
}

function clockAndActs(alert, desk, bar) {
  const acts = el(
    "div",
    { class: "acts" },
    claimButton(alert, desk, "row.claim", { class: "btn btn-main", "aria-keyshortcuts": "c" }),
    el("a", { class: "btn", href: linkTo(alert), "data-focus": "open" }, t("row.open")),
  );
  const time = left(alert);
  return bar ? [time, acts] : el("div", {}, time, acts);
}

export function spoken(alert, desk) {
  const name = `${said(alert.name)} ${desk.names.subject(alert)}`;
  return t("queue.announce", { name, where: `${desk.names.where(alert)} ${when(alert.raised_at, zoneOf(alert.raised_at))}` });
}
