// A page that is read again and again: what cannot be read anew is shown as old.

import { ApiError } from "./api.js";
import { clock, now } from "./clock.js";
import { byId } from "./dom.js";
import { t } from "./texts.js";

const EVERY = 10_000; // ms; ingest writes what it has heard every 30 s

export class Fresh {
  #read;
  #turn = 0;

  /** `read` reads and draws; what it answers is drawn only where nothing newer was asked for meanwhile. */
  constructor(read) {
    this.#read = read;
    this.at = null;
    setInterval(() => void this.again(), EVERY);
  }

  async again() {
    const turn = (this.#turn += 1);
    try {
      await this.#read(() => turn === this.#turn);
      if (turn === this.#turn) this.#say(now());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404 && this.at === null) throw error;
      if (turn === this.#turn) this.#old();
    }
  }

  #say(at) {
    this.at = at;
    document.documentElement.classList.remove("is-old");
    byId("stale").hidden = true;
  }

  #old() {
    if (this.at === null) return; // still reading for the first time, and saying so
    document.documentElement.classList.add("is-old");
    byId("stale").textContent = t("sites.stale", { time: clock(this.at) });
    byId("stale").hidden = false;
  }
}
