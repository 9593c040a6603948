// The devices of a site as a table: what each is, how it is, what it last said, when it was last heard.

import { ago, clock, now } from "./clock.js";
import { byId, el, refill, time } from "./dom.js";
import { panel } from "./panel.js";
import { stateSign, statesOf } from "./states.js";
import { known, named, t } from "./texts.js";

const COLUMNS = ["device", "where", "state", "told", "heard", "battery"];
const TELLERS = ["door_sensor", "bed_sensor", "camera", "smoke", "gas", "leak"]; // of these one may ask how things are

export function drawDevices(devices) {
  if (devices.length === 0) return refill(byId("devices"), panel("site.devices", el("p", { class: "pad unknown" }, t("sites.no_devices"))));
  const head = el("tr", {}, COLUMNS.map((column) => el("th", { scope: "col" }, t(`site.${column}`))));
  const rows = devices.map((device) => el("tr", { "data-device": device.code }, cells(device)));
  const table = el("table", { class: "rows devices" }, el("thead", {}, head), el("tbody", {}, rows));
  refill(byId("devices"), panel("site.devices", table));
}

function cells(device) {
  const { state } = device;
  return [
    el("td", {}, el("b", {}, named("device", device.kind)), ` ${device.code}`),
    el("td", {}, [device.place, device.resident, device.gateway].filter(Boolean).join(" ")),
    el("td", {}, el("span", { class: "bits" }, statesOf(state).map((one) => stateSign(one)))),
    told(device),
    heard(state.last_seen),
    battery(device),
  ];
}

function told({ kind, state }) {
  if (state.told === null) {
    const asked = TELLERS.includes(kind);
    return el("td", { class: asked ? "unknown" : null }, asked ? t("site.not_told") : null);
  }
  const { type, at } = state.told;
  const since = t("site.told_at", { time: clock(Date.parse(at)) });
  return el("td", {}, el("b", {}, known("door", type) ?? named("event", type)), " ", time(at, since));
}

function battery({ power, state }) {
  if (state.battery !== null) return el("td", {}, t("site.percent", { n: state.battery }));
  return power === "battery" ? el("td", { class: "unknown" }, t("site.not_told")) : el("td");
}

function heard(seen) {
  if (seen === null) return el("td", { class: "unknown" }, t("site.never"));
  return el("td", {}, time(seen, ago(now() - Date.parse(seen))));
}
