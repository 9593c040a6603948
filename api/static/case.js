// The bar and the panels of one alert.

import { act } from "./actions.js";
import { age, when, zoneOf } from "./clock.js";
import { button, byId, el, icon, refill, sign, time } from "./dom.js";
import { left } from "./left.js";
import { drawEvidence } from "./evidence.js";
import { hands } from "./order.js";
import { panel } from "./panel.js";
import { drawPerson } from "./person.js";
import { claimButton, happened, pill, tags } from "./row.js";
import { DOT, language, named, said, t } from "./texts.js";

const ENDINGS = ["confirming", "closed"];

/** The bar: what it is, in whose hands, how long, and what can be done. */
export function drawBar(alert, desk, closing) {
  const bar = byId("case-bar");
  bar.className = `case-bar ${alert.severity.toLowerCase()}`;
  const heading = el(
    "h1",
    { class: "bits" },
    el("span", { class: "sev-text" }, `${alert.severity} ${t(`severity.${alert.severity}`)}`),
    el("span", {}, said(alert.name)),
    el("span", {}, desk.names.subject(alert)),
    tags(alert, desk.names),
  );
  const state = el("p", { class: "bits" }, pill(alert, desk.me), el("span", {}, happened(alert)), answered(alert));
  const clock = alert.closed_at === null ? left(alert) : el("span");
  refill(bar, sign(alert.severity), el("div", {}, heading, state), clock, el("div", { class: "acts" }, acts(alert, desk, closing)));
}

function answered(alert) {
  if (alert.claimed_at === null) return null;
  const taken = Date.parse(alert.claimed_at) - Date.parse(alert.received_at);
  return el("span", {}, t("case.answered_in", { age: age(taken) }));
}

function acts(alert, desk, closing) {
  const whose = hands(alert, desk.me);
  const close = button([t("case.close"), el("kbd", {}, "E")], () => closing.open(alert), { "data-focus": "close", "aria-keyshortcuts": "e" });
  if (whose === "nobody") return [claimButton(alert, desk, "row.claim", { class: "btn btn-main", "aria-keyshortcuts": "c" }), close];
  if (whose !== "mine") return [];
  const release = button(t("case.release"), () => void act(desk, alert, "release", {}, "said.released"), { "data-focus": "release" });
  return [close, release];
}

/** The panels, in the order in which they are needed: act, person and way in, evidence, log. */
export function drawCase(alert, desk) {
  if (byId("advice") === null) lay();
  drawConfirm(alert, desk);
  refill(byId("advice"), alert.advice[language].map((step) => el("li", {}, el("span", {}, step))));
  drawPerson(alert, desk);
  drawEvidence(alert);
  drawLog(alert);
  wireNote(alert, desk);
}

function lay() {
  const note = el(
    "form",
    { class: "note-form pad", id: "note-form" },
    el("label", { class: "sr", for: "note" }, t("case.note_label")),
    el("textarea", { id: "note", maxlength: 2000, "aria-describedby": "note-hint", "aria-keyshortcuts": "n" }),
    el("div", { class: "end" }, el("span", { class: "hint", id: "note-hint" }, el("kbd", {}, "N"), ` ${t("case.note_hint")}`), el("button", { class: "btn" }, t("case.note_save"))),
  );
  refill(
    byId("main"),
    el("div", {}, el("div", { id: "confirm" }), panel("case.advice", el("ol", { class: "steps", id: "advice" })), panel("case.note", note)),
    el("div", { id: "person" }),
    el("div", { id: "evidence" }),
    panel("case.log", el("div", { class: "scrolls" }, el("table", { class: "rows log", id: "log" })), "panel wide"),
  );
}

function drawConfirm(alert, desk) {
  const asked = alert.log.find(({ change }) => change === "confirming");
  const waits = alert.handling === "confirming" && asked !== undefined;
  refill(byId("confirm"), waits ? confirmBox(alert, asked, desk) : null);
}

function confirmBox(alert, asked, desk) {
  if (asked.by === desk.me) return el("div", { class: "confirm" }, icon("pair"), el("p", {}, t("case.awaiting_mine")));
  const words = t("case.awaiting", { name: asked.by, said: written(asked).join() });
  const agree = button(t("case.confirm"), () => void act(desk, alert, "confirm", {}, "said.confirmed"), { class: "btn btn-main", "data-focus": "confirm" });
  return el("div", { class: "confirm" }, icon("pair"), el("p", {}, words), agree);
}

function drawLog(alert) {
  const zone = zoneOf(alert.raised_at);
  const head = el("tr", {}, ["case.time", "case.person", "case.change"].map((key) => el("th", { scope: "col" }, t(key))));
  const rows = [...alert.log].reverse().map((entry) =>
    el(
      "tr",
      {},
      el("td", {}, time(entry.at, when(entry.at, zone))),
      el("td", {}, entry.by === "system" ? t("case.system") : entry.by),
      el("td", {}, [named("change", entry.change), ...written(entry)].join(t("case.colon"))),
    ),
  );
  refill(byId("log"), el("thead", {}, head), el("tbody", {}, rows));
}

/** What somebody wrote with a change, and the outcome that they chose. */
function written({ change, outcome, contact, note, erased }) {
  if (erased) return [t("case.erased")];
  const chosen = outcome !== null && ENDINGS.includes(change) ? named("outcome", outcome) : null;
  const words = [chosen, contact, note].filter(Boolean);
  return words.length > 0 ? [words.join(DOT)] : [];
}

/** The form is laid once, so that what is being written survives every change of the alert. */
function wireNote(alert, desk) {
  byId("note-form").onsubmit = (event) => {
    event.preventDefault();
    void save(alert, desk);
  };
}

async function save(alert, desk) {
  const note = byId("note").value.trim();
  if (note === "") return byId("note").focus();
  if ((await act(desk, alert, "note", { note }, "case.noted")) === null) byId("note").value = "";
}
