// All sites, and how the devices of each do.

import { get } from "./api.js";
import { ago, clock, now } from "./clock.js";
import { arrange, button, byId, el, refill, sign } from "./dom.js";
import { Fresh } from "./fresh.js";
import { listen } from "./keys.js";
import { Desk } from "./live.js";
import { faults } from "./states.js";
import { DOT, named, t } from "./texts.js";

const PAGE = 100;

class SitesDesk extends Desk {
  page = t("page.sites");
  bar = true;
}

const desk = new SitesDesk();
const filters = byId("filters");
let pages = []; // {cursor, items, next}: read again one by one, each from its own cursor

function path(cursor) {
  const asked = new URLSearchParams({ ...wanted(), limit: PAGE });
  if (cursor !== null) asked.set("cursor", cursor);
  return `/watch/sites?${asked}`;
}

function wanted() {
  return Object.fromEntries([...new FormData(filters)].filter(([, value]) => value !== ""));
}

const fresh = new Fresh(async (current) => {
  const read = [];
  for (let cursor = null, n = 0; n < Math.max(1, pages.length); n += 1) {
    const page = { cursor, ...(await get(path(cursor))) };
    read.push(page);
    cursor = page.next;
    if (cursor === null) break;
  }
  if (!current()) return;
  pages = read;
  offerStreets(read[0].streets);
  draw();
});

async function more() {
  pages.push({ cursor: pages.at(-1).next, items: [], next: null });
  await fresh.again();
}

/** The streets come with the list; the one that the address asks for is chosen once it is there. */
function offerStreets(streets) {
  const { street } = filters.elements;
  if (street.options.length === streets.length + 1) return;
  const chosen = street.value;
  refill(street, street.options[0], streets.map((name) => el("option", { value: name }, name)));
  street.value = chosen;
}

function fromAddress() {
  const asked = new URLSearchParams(location.search);
  for (const name of ["kind", "trouble"]) filters.elements[name].value = asked.get(name) ?? "";
  const street = asked.get("street");
  if (street) filters.elements.street.append(el("option", { value: street, selected: true }, street));
}

function toAddress() {
  const asked = new URLSearchParams(wanted()).toString();
  history.replaceState(null, "", asked === "" ? location.pathname : `?${asked}`);
  pages = [];
  void fresh.again();
}

function draw() {
  if (pages.length === 0) return;
  const sites = pages.flatMap(({ items }) => items);
  const { next } = pages.at(-1);
  byId("reading").hidden = sites.length > 0;
  byId("reading").textContent = t("sites.none");
  byId("sites").hidden = sites.length === 0;
  byId("shown").textContent = t(next === null ? "sites.shown" : "sites.shown_more", { n: sites.length });
  byId("as-of").textContent = t("sites.as_of", { time: clock(fresh.at ?? now()) });
  const keys = [...sites.map(({ site }) => site.code), ...(next === null ? [] : ["more"])];
  arrange(byId("sites"), keys, (key) => (key === "more" ? el("li", {}, button(t("sites.more"), () => void more(), { class: "more" })) : el("li", { class: "site" })));
  const alerts = bySite(desk.board.open);
  sites.forEach((site, n) => fill(byId("sites").children[n], site, alerts.get(site.site.code) ?? []));
}

function bySite(alerts) {
  const groups = new Map();
  for (const alert of alerts) groups.set(alert.site, [...(groups.get(alert.site) ?? []), alert]);
  return groups;
}

function fill(row, { site, trouble, last_seen: seen, kinds }, alerts) {
  row.classList.toggle("trouble", trouble);
  const where = [site.street, site.community, site.address].filter(Boolean).join(" ");
  const heard = seen === null ? t("sites.heard_never") : t("sites.heard", { age: ago(now() - Date.parse(seen)) });
  const name = el("a", { href: `/desk/sites/${site.code}`, "data-focus": "open" }, site.name || site.code);
  refill(
    row,
    el("div", { class: "what" }, el("h2", {}, name), el("p", {}, [where, heard].filter(Boolean).join(DOT))),
    el("p", { class: "bits" }, worst(alerts)),
    kinds.length === 0 ? el("p", { class: "unknown" }, t("sites.no_devices")) : el("ul", { class: "kinds" }, kinds.map(kindOf)),
  );
}

/** Open alerts of the site by severity: sign and count. */
function worst(alerts) {
  return ["P1", "P2", "P3"].map((severity) => {
    const n = alerts.filter((alert) => alert.severity === severity).length;
    if (n === 0) return null;
    return el("span", { class: `tally ${severity.toLowerCase()}` }, sign(severity), el("span", { class: "sr" }, `${severity} ${t("sites.alerts")} `), `×${n}`);
  });
}

function kindOf(counts) {
  const well = t("sites.count", { n: counts.ok + counts.unwatched, total: counts.total });
  return el("li", {}, el("span", {}, `${named("device", counts.kind)} `, el("b", {}, well)), faults(counts));
}

function step(by) {
  const all = [...document.querySelectorAll("#sites .site a")];
  const here = all.indexOf(document.activeElement);
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
  all[next]?.focus();
}

fromAddress();
filters.addEventListener("change", toAddress);
filters.addEventListener("submit", (event) => event.preventDefault());
desk.addEventListener("draw", draw);
listen({ j: () => step(1), k: () => step(-1), c: () => desk.claimShouting(), "/": () => filters.elements.kind.focus() });
void fresh.again();
void desk.start();
