// One alert as a row of the queue, and the words that rows, panel and page share.

import { when, zoneOf } from "./clock.js";
import { button, el, icon, refill, sign } from "./dom.js";
import { lasting, left } from "./left.js";
import { hands } from "./order.js";
import { DOT, named, said, t } from "./texts.js";

const PILLS = {
  nobody: ["open", ""],
  mine: ["hand", "mine"],
  theirs: ["lock", "theirs"],
  confirming: ["pair", "mine"],
  confirm_me: ["pair", "tone"],
  closed: ["yes", "theirs"],
  inhibited: ["lock", "theirs"],
};

export function pill(alert, me) {
  const whose = hands(alert, me);
  const [picture, style] = PILLS[whose];
  const words = t(`hands.${whose}`, { name: alert.claimed_by ?? t("hands.somebody") });
  return el("span", { class: `pill ${style}` }, icon(picture), words);
}

/** `一键呼叫·王桂兰`: what it is and whom it is about. */
export function title(alert, names) {
  return `${said(alert.name)}${DOT}${names.subject(alert)}`;
}

export function linkTo(alert) {
  return `/desk/alerts/${alert.id}`;
}

/** When, how long, how often, and whether it is over: nodes of one line. */
export function happened(alert) {
  const zone = zoneOf(alert.raised_at);
  const facts = [since(alert, zone), repeated(alert, zone), over(alert, zone)].filter(Boolean);
  return facts.flatMap((fact, n) => (n === 0 ? fact : [DOT, fact]));
}

function since(alert, zone) {
  const begun = t("row.since", { time: when(alert.raised_at, zone) });
  if (alert.cleared_at !== null || alert.closed_at !== null) return begun;
  return [begun, DOT, lasting(Date.parse(alert.raised_at))];
}

function repeated(alert, zone) {
  if (alert.occurrences < 2) return null;
  const key = alert.rule === "S-01" ? "row.pressed" : "row.happened";
  return t(key, { n: alert.occurrences, time: when(alert.last_occurrence_at, zone) });
}

function over(alert, zone) {
  return alert.cleared_at === null ? null : t("row.cleared", { time: when(alert.cleared_at, zone) });
}

/** What must be known besides: risks of the resident, flags of the report. */
export function tags(alert, names) {
  const risks = names.risks(alert).map((risk) => el("span", { class: "tag" }, named("risk", risk)));
  const flags = alert.flags.map((flag) => el("span", { class: "tag flag" }, named("flag", flag)));
  const explained = alert.inhibits.length > 0 ? [el("span", { class: "tag" }, t("row.hides", { n: alert.inhibits.length }))] : [];
  return [...risks, ...flags, ...explained];
}

export function makeRow() {
  return el("article");
}

/** Bring a row up to date; `desk` is {me, names, claim, busy}. */
export function fillRow(row, alert, desk) {
  const theirs = hands(alert, desk.me) === "theirs";
  row.className = `alert ${alert.severity.toLowerCase()}${theirs ? " theirs" : ""}`;
  const heading = el("a", { href: linkTo(alert), "data-focus": "open" }, el("span", { class: "sr" }, `${alert.severity} `), title(alert, desk.names));
  refill(
    row,
    sign(alert.severity),
    left(alert),
    el("div", { class: "what" }, el("h3", {}, heading, tags(alert, desk.names)), el("p", {}, happened(alert), DOT, desk.names.where(alert))),
    el("div", { class: "who" }, pill(alert, desk.me)),
    el("div", { class: "act" }, action(alert, desk)),
  );
}

function action(alert, desk) {
  const whose = hands(alert, desk.me);
  if (whose === "nobody") return claimButton(alert, desk, alert.severity === "P3" ? "row.take" : "row.claim");
  const label = whose === "theirs" ? "row.view" : "row.open";
  return el("a", { class: "btn", href: linkTo(alert), "data-focus": "act", "aria-label": `${t(label)} ${title(alert, desk.names)}` }, t(label));
}

export function claimButton(alert, desk, label, attributes = {}) {
  const busy = desk.busy.has(alert.id);
  const words = t(busy ? "row.claiming" : label);
  return button([words, ...key(attributes)], () => desk.claim(alert), {
    "data-focus": "act",
    "aria-label": `${words} ${title(alert, desk.names)}`,
    disabled: busy,
    ...attributes,
  });
}

/** The key beside the words, on the one button that it presses. */
function key(attributes) {
  return "aria-keyshortcuts" in attributes ? [el("kbd", {}, attributes["aria-keyshortcuts"].toUpperCase())] : [];
}
