// What is open now: a snapshot, kept up by the feed. Holds documents of the API, unchanged.

import { get } from "./api.js";

const OPEN = ["new", "claimed", "confirming"];
const KEPT_ENDED = 5;
const PAGE = 500; // the most that the API gives at once

export function isOpen(alert) {
  return OPEN.includes(alert.handling);
}

/** Event `change` (detail: {alert, before, frame}); `before` is undefined where the alert was not open here. */
export class Board extends EventTarget {
  #alerts = new Map();

  constructor() {
    super();
    this.loaded = false;
    this.ended = [];
  }

  /** Read all that is open, and say from which log id the feed goes on. */
  async load() {
    const asOf = await this.#loadOpen();
    const { items } = await get(`/alerts?handling=closed&limit=${KEPT_ENDED}`);
    this.ended = items;
    this.loaded = true;
    return asOf;
  }

  /** The first page's log id counts: what changes while the others are read comes again with the feed. */
  async #loadOpen() {
    const handling = OPEN.map((word) => `handling=${word}`).join("&");
    let cursor = "";
    let first = null;
    do {
      const page = await get(`/alerts?${handling}&limit=${PAGE}${cursor}`);
      for (const alert of page.items) this.#alerts.set(alert.id, alert);
      first ??= page.as_of;
      cursor = page.next === null ? null : `&cursor=${encodeURIComponent(page.next)}`;
    } while (cursor !== null);
    return first;
  }

  get open() {
    return [...this.#alerts.values()];
  }

  find(id) {
    return this.#alerts.get(id);
  }

  /** Take an alert as it now is, from the feed or from the answer to one's own action. */
  put(alert, frame = null) {
    const before = this.#alerts.get(alert.id);
    if (isOpen(alert)) this.#alerts.set(alert.id, alert);
    else this.#end(alert, before);
    this.dispatchEvent(new CustomEvent("change", { detail: { alert, before, frame } }));
  }

  /** Wait for the next change of an alert; false where none comes within `patience` ms. */
  nextChange(id, patience) {
    return new Promise((resolve) => {
      const seen = ({ detail }) => detail.alert.id === id && resolve(true);
      this.addEventListener("change", seen);
      setTimeout(() => {
        this.removeEventListener("change", seen);
        resolve(false);
      }, patience);
    });
  }

  #end(alert, before) {
    this.#alerts.delete(alert.id);
    if (before && alert.handling === "closed") this.ended = [alert, ...this.ended].slice(0, KEPT_ENDED);
  }
}
