// Whom the alert is about, how to get in, whom to call.

import { byId, el, icon, refill } from "./dom.js";
import { panel } from "./panel.js";
import { named, t } from "./texts.js";

const CARE = ["conditions", "medication_notes", "key_notes", "entry_notes"];

export function drawPerson(alert, desk) {
  const resident = desk.names.resident(alert.resident);
  refill(byId("person"), person(alert, resident), place(alert, desk), contacts(alert, desk));
}

function person(alert, resident) {
  if (alert.resident === null) return null;
  const presence = resident ? el("p", { class: "pad" }, named("presence", resident.presence)) : null;
  const risks = (resident?.flags ?? []).map((flag) => el("li", {}, icon("warn"), named("risk", flag)));
  const name = el("p", { class: "pad name" }, resident?.name || alert.resident);
  return panel("case.who", [name, presence, risks.length > 0 ? el("ul", { class: "risks pad" }, risks) : null, care(resident)].filter(Boolean), "panel person");
}

function care(resident) {
  const known = CARE.filter((key) => resident?.care?.[key]?.length > 0);
  return known.length > 0 ? facts(known.map((key) => [t(`care.${key}`), [resident.care[key]].flat().join(" ")])) : null;
}

function place(alert, desk) {
  const site = desk.names.site(alert.site) ?? {};
  const lines = [
    [t("case.address"), desk.names.where(alert)],
    [t("case.site"), `${desk.names.siteName(alert.site)}${site.name ? `（${alert.site}）` : ""}`],
    [t("case.subject"), alert.subject.kind === "resident" ? null : desk.names.subject(alert)],
    [t("case.provider"), site.provider],
  ];
  return panel("case.where", facts(lines.filter(([, value]) => value)));
}

function facts(lines) {
  return el("dl", { class: "facts pad" }, lines.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function contacts(alert, desk) {
  if (alert.resident === null || desk.contacts === null) return null;
  const inOrder = [...desk.contacts].sort((a, b) => a.order - b.order);
  if (inOrder.length === 0) return panel("case.contacts", el("p", { class: "pad soft" }, t("case.no_contacts")));
  return panel("case.contacts", el("ol", { class: "contacts" }, inOrder.map(contact)));
}

function contact({ name, relation, phone }, n) {
  const who = el("div", {}, el("b", {}, relation || name), relation && name ? el("span", { class: "small soft" }, ` ${name}`) : null);
  const call = phone ? el("a", { class: "btn", href: `tel:${phone}`, "data-focus": `call-${n}` }, phone) : null;
  return el("li", {}, el("span", { class: "n" }, String(n + 1)), who, call);
}
