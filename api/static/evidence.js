// What raised the alert: times, each occurrence, the devices' own events.

import { when, zoneOf } from "./clock.js";
import { byId, el, refill, time } from "./dom.js";
import { panel } from "./panel.js";
import { named, t } from "./texts.js";

export function drawEvidence(alert) {
  refill(byId("evidence"), facts(alert), events(alert), occurrences(alert));
}

function facts(alert) {
  const zone = zoneOf(alert.raised_at);
  const lines = [
    ["raised", alert.raised_at],
    ["received", alert.received_at],
    ["claimed", alert.claimed_at],
    ["cleared", alert.cleared_at],
    ["closed", alert.closed_at],
  ].filter(([, at]) => at !== null);
  const told = lines.flatMap(([key, at]) => [el("dt", {}, t(`case.${key}`)), el("dd", {}, time(at, when(at, zone)))]);
  const outcome = alert.outcome === null ? [] : [el("dt", {}, t("case.outcome")), el("dd", {}, named("outcome", alert.outcome))];
  const rule = [el("dt", {}, t("case.rule")), el("dd", {}, t("case.rule_said", { code: alert.rule, version: alert.rule_version }))];
  return panel("case.what", el("dl", { class: "facts pad" }, told, outcome, rule));
}

function events(alert) {
  if (alert.events.length === 0) return panel("case.evidence", el("p", { class: "pad soft" }, t("case.no_evidence")));
  const zone = zoneOf(alert.raised_at);
  const rows = alert.events.map((event) => [
    time(event.at ?? event.received_at, when(event.at ?? event.received_at, zone)),
    event.device,
    [named("event", event.type), event.flags.map((flag) => el("span", { class: "tag flag" }, named("flag", flag)))].flat(),
    event.value === null ? "" : `${event.value} ${event.unit ?? ""}`,
  ]);
  return panel("case.evidence", table(["time", "device", "event", "value"], rows));
}

function occurrences(alert) {
  const zone = zoneOf(alert.raised_at);
  const rows = [...alert.occurrence_list].reverse().map(({ n, at, received_at: received }) => [String(n), time(at, when(at, zone)), time(received, when(received, zone))]);
  return panel("case.occurrences", table(["n", "time", "received"], rows));
}

function table(columns, rows) {
  const head = el("tr", {}, columns.map((column) => el("th", { scope: "col" }, t(`case.${column}`))));
  const body = rows.map((cells) => el("tr", {}, cells.map((cell) => el("td", {}, cell))));
  return el("div", { class: "scrolls" }, el("table", { class: "rows" }, el("thead", {}, head), el("tbody", {}, body)));
}
