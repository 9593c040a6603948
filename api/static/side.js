// Beside the queue: the watch itself, who has what, what has just ended.

import { partSigns } from "./banner.js";
import { ago, now, when, zoneOf } from "./clock.js";
import { byId, el, refill, svg, time } from "./dom.js";
import { linkTo } from "./row.js";
import { DOT, named, t } from "./texts.js";

const STEP = 100 / 60; // per cent of the width that a minute has
const HEIGHT = 36; // px, as the style sheet has it

export function drawSide(desk) {
  refill(byId("hands"), whoHasWhat(desk));
  refill(byId("ended"), justEnded(desk));
}

function whoHasWhat(desk) {
  const held = new Map();
  for (const alert of desk.board.open) {
    if (alert.claimed_by !== null) held.set(alert.claimed_by, [...(held.get(alert.claimed_by) ?? []), desk.title(alert)]);
  }
  if (held.size === 0) return el("li", { class: "alone" }, t("queue.nobody"));
  return [...held].map(([holder, titles]) => {
    const who = holder === desk.me ? t("queue.me") : holder;
    return el("li", {}, el("b", {}, who), el("span", {}, titles.map((title) => el("div", {}, title))));
  });
}

function justEnded(desk) {
  if (desk.board.ended.length === 0) return el("li", { class: "alone" }, t("queue.none_ended"));
  return desk.board.ended.map((alert) => {
    const how = alert.outcome === null ? t("queue.by_itself") : named("outcome", alert.outcome);
    const link = el("a", { href: linkTo(alert), "data-focus": `ended-${alert.id}` }, desk.title(alert));
    const at = time(alert.closed_at, when(alert.closed_at, zoneOf(alert.raised_at)));
    return el("li", {}, at, el("span", {}, link, ` ${how}`));
  });
}

/** The proof that a quiet screen is alive: each part, the last event's age, the trace of the last hour. */
export function drawWatch(desk) {
  const { watch } = desk;
  refill(byId("parts"), partSigns(watch.states()));
  const last = watch.lastEventAt === null ? t("watch.no_event") : t("watch.last_event", { age: ago(now() - Date.parse(watch.lastEventAt)) });
  const total = watch.trace.reduce((sum, n) => sum + n, 0);
  byId("watch-total").textContent = t("watch.hour", { n: total });
  byId("watch-last").textContent = last;
  byId("quiet-said").textContent = `${last}${DOT}${t("queue.quiet_said")}`;
  for (const trace of document.querySelectorAll(".spark")) drawTrace(trace, watch.trace);
}

function drawTrace(trace, counts) {
  const most = Math.max(1, ...counts);
  if (trace.dataset.counts === counts.join()) return;
  trace.dataset.counts = counts.join();
  const bars = counts.map((count, n) => {
    const height = Math.max(1, (count / most) * HEIGHT);
    const last = n === counts.length - 1;
    return svg("rect", { x: `${n * STEP}%`, width: `${STEP * 0.7}%`, y: HEIGHT - height, height, class: last ? "last" : null });
  });
  trace.replaceChildren(...bars);
}
