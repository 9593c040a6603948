// Title and icon of the page: they are seen when the page is not.

import { digits, now } from "./clock.js";
import { timing, waiting } from "./order.js";
import { t } from "./texts.js";

const MOST = 10;

/** `page` is this page's own name; `shouting` the alert in the seat, or null. */
export function badge(desk, page, shouting, stopped) {
  const count = waiting(desk.board).length;
  document.title = words(desk, page, shouting, stopped, count);
  const urgent = desk.board.open.some((alert) => alert.severity === "P1" && alert.handling === "new");
  const sign = stopped ? "stalled" : urgent ? "p1" : count > 0 ? "p2" : "calm";
  const href = `/icon/${sign}-${stopped ? 0 : Math.min(count, MOST)}.svg`;
  const link = document.querySelector('link[rel="icon"]');
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}

function words(desk, page, shouting, stopped, count) {
  if (stopped) return t("page.stopped", { page });
  if (shouting !== null) {
    const { at } = timing(shouting);
    return t("page.urgent", { left: digits(Math.max(0, at - now())), name: desk.title(shouting) });
  }
  return count > 0 ? t("page.counted", { n: count, page }) : t("page.titled", { page });
}
