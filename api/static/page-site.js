// One site: its open alerts, its devices and how they are, its places and residents.

import { ApiError, get } from "./api.js";
import { arrange, byId, el, refill } from "./dom.js";
import { Fresh } from "./fresh.js";
import { listen } from "./keys.js";
import { Desk } from "./live.js";
import { panel } from "./panel.js";
import { fillRow, makeRow } from "./row.js";
import { drawDevices } from "./devices.js";
import { DOT, named, t } from "./texts.js";

const code = byId("main").dataset.site;

class SiteDesk extends Desk {
  bar = true;
  site = null;

  get page() {
    return this.site?.name || code;
  }
}

const desk = new SiteDesk();

const fresh = new Fresh(async (current) => {
  const [site, devices, places, residents] = await Promise.all([
    get(`/sites/${code}`),
    whole("devices"),
    whole("places"),
    whole("residents").catch(hidden),
  ]);
  if (!current()) return;
  byId("reading").hidden = true;
  desk.site = site;
  about(site);
  drawDevices(devices);
  refill(byId("places"), panel("site.places", list(places, place, "site.no_places")));
  refill(byId("residents"), residents === null ? null : panel("site.residents", list(residents, resident, "site.no_residents")));
  desk.changed();
});

/** Everything of one kind that the site has. */
async function whole(kind) {
  const items = [];
  let cursor = "";
  do {
    const page = await get(`/${kind}?site=${encodeURIComponent(code)}&limit=500${cursor}`);
    items.push(...page.items);
    cursor = page.next === null ? null : `&cursor=${encodeURIComponent(page.next)}`;
  } while (cursor !== null);
  return items;
}

/** What this role may not see is left out. */
function hidden(error) {
  if (error instanceof ApiError && error.status === 403) return null;
  throw error;
}

function about(site) {
  const where = [site.street, site.community, site.address].filter(Boolean).join(" ");
  const facts = [named("site", `kind_${site.kind}`), site.name ? site.code : null, where, site.provider].filter(Boolean);
  refill(byId("about"), el("a", { class: "btn", href: "/desk/sites" }, t("site.all")), el("div", {}, el("h1", {}, site.name || site.code), el("p", { class: "soft" }, facts.join(DOT))));
}

function list(items, line, none) {
  if (items.length === 0) return el("p", { class: "pad soft" }, t(none));
  return el("ul", { class: "lines" }, items.map((item) => el("li", {}, line(item))));
}

function place({ code: own, kind, role, sealed, open_hours: hours }) {
  const facts = [sealed ? t("site.sealed") : null, hours?.length ? t("site.open_hours", { hours: hours.join(" ") }) : null].filter(Boolean);
  return [el("b", {}, `${named("place", role ?? kind)} ${own}`), el("span", { class: "soft" }, facts.join(DOT))];
}

function resident({ code: own, name, bed, presence, flags }) {
  const risks = flags.map((flag) => el("span", { class: "tag" }, named("risk", flag)));
  const facts = [named("presence", presence), bed === null ? null : t("site.bed", { bed })].filter(Boolean);
  return [el("b", {}, name || own), el("span", { class: "soft" }, facts.join(DOT)), el("span", { class: "bits" }, risks)];
}

function drawAlerts() {
  if (desk.site === null || !desk.board.loaded) return;
  const order = [desk.sections.shout, ...["urgent", "mine", "P2", "P3", "P4"].flatMap((name) => desk.sections[name])];
  const alerts = order.filter((alert) => alert?.site === code);
  if (byId("open-alerts") === null) refill(byId("alerts"), panel("site.alerts", [el("div", { id: "open-alerts" }), el("p", { class: "pad soft", id: "no-alerts" }, t("site.no_alerts"))]));
  byId("no-alerts").hidden = alerts.length > 0;
  arrange(byId("open-alerts"), alerts.map(({ id }) => id), makeRow);
  alerts.forEach((alert, n) => fillRow(byId("open-alerts").children[n], alert, desk));
}

desk.addEventListener("draw", drawAlerts);
listen({ c: () => desk.claimShouting() });
void desk.start();
fresh.again().catch((error) => {
  if (!(error instanceof ApiError)) throw error;
  byId("reading").textContent = t("site.missing");
});
