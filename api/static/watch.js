// Is anybody watching? Judged from the feed's silence and from what the parts say of themselves.

import { ApiError, ask, get } from "./api.js";
import { SILENCE } from "./feed.js";

const ASK_EVERY = 5000; // ms
const PATIENCE = 4000;
const SILENT_PART = 30; // s: guarantee 9
const GRACE = 10_000; // ms that a part may say that it is not ready, as at a reconnect

export class Watch {
  #feed = null;
  #badSince = null;
  #answeredAt = Date.now();

  constructor() {
    this.parts = [];
    this.ready = null;
    this.reachable = null;
    this.lastEventAt = null;
    this.trace = [];
  }

  /** The feed is judged from here on; before, the page has not come so far. */
  follow(feed) {
    this.#feed = feed;
  }

  start() {
    setInterval(() => void this.#look(), ASK_EVERY);
    return this.#look();
  }

  async #look() {
    try {
      this.#take(await get("/watch"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 403) this.#answered(); // this role is not told of parts; the feed's silence still tells
      else await this.#lookFromOutside();
    }
  }

  /** While the database is away, nobody can be signed in: the public answer still names the parts. */
  async #lookFromOutside() {
    try {
      const { body } = await ask("/readyz", {}, PATIENCE);
      if (body.parts) this.#take({ ...body, parts: Object.values(body.parts) });
      else this.reachable = false;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.reachable = false;
    }
  }

  #take(answer) {
    this.#answered();
    this.ready = answer.ready;
    this.parts = answer.parts;
    this.lastEventAt = answer.last_event_at ?? this.lastEventAt;
    this.trace = answer.events_per_minute ?? this.trace;
    if (this.ready) this.#badSince = null;
    else this.#badSince = Math.min(this.#badSince ?? Infinity, Date.now() - 1000 * this.#longestSilence);
  }

  #answered() {
    this.#answeredAt = Date.now();
    this.reachable = true;
  }

  /** `{state, reason, since}`: `starting`, `fine`, `unsure` or `stopped`; `since` in the browser's ms. */
  verdict() {
    const heardAt = this.#feed?.heardAt ?? this.#answeredAt;
    if (Date.now() - heardAt > SILENCE) return { state: "stopped", reason: "silent", since: heardAt };
    if (Date.now() - this.#answeredAt > SILENT_PART * 1000) return { state: "stopped", reason: "silent", since: this.#answeredAt };
    if (this.reachable && this.ready === false && this.#hasLasted()) return { state: "stopped", reason: "parts", since: this.#badSince };
    if (!this.#feed?.wasOpen) return { state: "starting", since: heardAt };
    const sure = this.#feed.isOpen && this.ready !== false && this.reachable;
    return { state: sure ? "fine" : "unsure", since: heardAt };
  }

  get #longestSilence() {
    return Math.max(0, ...this.parts.filter(({ ok }) => !ok).map(({ age }) => age ?? 0));
  }

  #hasLasted() {
    return Date.now() - this.#badSince > GRACE || this.#longestSilence > SILENT_PART;
  }

  /** Each part with `ok`, `stalled` or `unknown`; what nobody can be asked about is unknown, never fine. */
  states() {
    const verdict = this.verdict();
    const silent = verdict.reason === "silent";
    const own = [
      { name: "feed", state: this.#feed?.isOpen && !silent ? "ok" : this.#feed === null ? "unknown" : "stalled" },
      { name: "api", state: this.reachable === null ? "unknown" : this.reachable ? "ok" : "stalled" },
    ];
    const theirs = this.parts.map(({ name, ok }) => ({ name, state: this.reachable ? (ok ? "ok" : "stalled") : "unknown" }));
    return [...own, ...theirs.filter(({ name }) => name !== "api")];
  }
}
