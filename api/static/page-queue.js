// The queue: what needs somebody now.

import { shownZone } from "./clock.js";
import { arrange, byId, button } from "./dom.js";
import { listen } from "./keys.js";
import { Desk } from "./live.js";
import { hands } from "./order.js";
import { fillRow, makeRow } from "./row.js";
import { drawSide, drawWatch } from "./side.js";
import { t } from "./texts.js";

const FIRST_ROWS = 50; // a storm must leave the page usable

class QueueDesk extends Desk {
  page = t("page.queue");
  bar = false;
}

const desk = new QueueDesk();
const opened = new Set();
const drawn = new WeakMap();

function drawSection(name, alerts) {
  const section = byId(`section-${name}`);
  section.hidden = alerts.length === 0;
  section.querySelector("h2").textContent = t(`queue.${name}`, { n: alerts.length });
  const visible = opened.has(name) ? alerts : alerts.slice(0, FIRST_ROWS);
  const rest = alerts.length - visible.length;
  const keys = [...visible.map(({ id }) => id), ...(rest > 0 ? ["more"] : [])];
  arrange(section.querySelector(".group"), keys, (key) => (key === "more" ? moreButton(name) : makeRow()));
  for (const row of section.querySelectorAll(".group > article")) fillIfNew(row);
  if (rest > 0) section.querySelector(".more").textContent = t("queue.more", { n: rest });
}

function moreButton(name) {
  const open = () => {
    opened.add(name);
    desk.changed();
  };
  return button("", open, { class: "more" });
}

/** Rows are made anew only when something in them has changed, so that a storm stays cheap. */
function fillIfNew(row) {
  const alert = desk.board.find(Number(row.dataset.key));
  const state = [alert, desk.busy.has(alert.id), desk.title(alert), desk.names.where(alert), desk.names.risks(alert).join(), shownZone()];
  if (drawn.get(row)?.every((part, n) => part === state[n])) return;
  drawn.set(row, state);
  fillRow(row, alert, desk);
}

function draw() {
  const focused = focusedAlert();
  for (const name of ["urgent", "mine", "P2", "P3"]) drawSection(name, desk.sections[name]);
  const digest = desk.sections.P4.length;
  byId("digest").hidden = digest === 0;
  byId("digest").textContent = t("queue.P4", { n: digest });
  byId("unread").hidden = desk.board.loaded;
  byId("quiet").hidden = !desk.board.loaded || desk.board.open.some(({ severity }) => severity <= "P2");
  drawSide(desk);
  if (focused !== null && document.activeElement === document.body) linkOf(focused)?.focus();
}

/** The alert whose row, or shout, holds the focus: it keeps it when it moves to another section. */
function focusedAlert() {
  if (byId("shout").contains(document.activeElement)) return desk.shouting?.id ?? null;
  const row = document.activeElement?.closest("article.alert");
  return row ? Number(row.dataset.key) : null;
}

function links() {
  return [...document.querySelectorAll('.queue [data-focus="open"]')];
}

function linkOf(id) {
  return links().find((link) => link.getAttribute("href") === `/desk/alerts/${id}`);
}

function step(by) {
  const all = links();
  const here = all.findIndex((link) => link.closest("article, #shout").contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
  all[next]?.focus();
}

function claimHere() {
  const id = focusedAlert();
  const alert = id === null ? desk.shouting : desk.board.find(id);
  if (alert && hands(alert, desk.me) === "nobody") void desk.claim(alert);
}

desk.addEventListener("draw", draw);
desk.addEventListener("tick", () => drawWatch(desk));
listen({ j: () => step(1), k: () => step(-1), c: claimHere });
void desk.start();
