// The live feed: read as a stream, so that keep-alives are seen; resumed from the last id, so that nothing is skipped.

import { reader } from "./sse.js";

export const SILENCE = 15_000; // ms without a byte: keep-alives come every 10 s
const FIRST_WAIT = 500; // ms before the first new try, doubled up to the longest
const LONGEST_WAIT = 10_000;
const OPENING = 2000; // ms: what a server says at once

/**
 * Events: `open`, `lost`, `frame` (detail: the frame's document), `signedout`, `ahead` (the log does not reach so far:
 * it is another one, and all must be read again), `heard` and `recorded` (detail: their documents), which have no
 * place in the log.
 * `heardAt` is when the last byte came, in the browser's ms; `wasOpen` whether it ever was.
 */
export class Feed extends EventTarget {
  #url;
  #lastId;
  #controller = null;
  #tries = 0;
  #wake = null;
  #openedAt = 0;
  #flowed = false; // this connection has said more than its opening words
  #hollow = false; // the last one had not: a new opening proves nothing either

  /** `after`: the id from which on changes are wanted; null while nobody could say it. */
  constructor(url, after) {
    super();
    this.#url = url;
    this.#lastId = after;
    this.heardAt = Date.now();
    this.isOpen = false;
    this.wasOpen = false;
  }

  /** The id of the last change that was read. */
  get lastId() {
    return this.#lastId;
  }

  /** Learn where the list of alerts ends that is shown now; changes are read from there. */
  resumeAfter(id) {
    this.#lastId = id;
    this.#tries = 0;
    this.#controller?.abort();
    this.#wake?.();
  }

  start() {
    addEventListener("online", () => this.#wake?.());
    void this.#keepReading();
  }

  /** To be asked every second. A connection that says nothing is none: it is given up, so that a new one is tried. */
  look() {
    if (!this.isOpen || Date.now() - Math.max(this.heardAt, this.#openedAt) < SILENCE) return;
    this.#hollow = !this.#flowed;
    this.#controller.abort();
  }

  async #keepReading() {
    for (;;) {
      const status = await this.#readOnce();
      if (this.isOpen) {
        this.isOpen = false;
        this.dispatchEvent(new Event("lost"));
      }
      if (status === 401) return this.dispatchEvent(new Event("signedout"));
      if (status === 409) return this.dispatchEvent(new Event("ahead"));
      await this.#pause();
    }
  }

  /** Return the status of the answer, 0 where there was none. */
  async #readOnce() {
    this.#controller = new AbortController();
    const timer = setTimeout(() => this.#controller.abort(), SILENCE);
    try {
      const response = await fetch(this.#url, {
        cache: "no-store",
        headers: { accept: "text/event-stream", ...(this.#lastId === null ? {} : { "last-event-id": String(this.#lastId) }) },
        signal: this.#controller.signal,
      });
      clearTimeout(timer);
      if (response.ok) await this.#readAll(response.body);
      return response.status;
    } catch (error) {
      if (error.name === "AbortError" || error instanceof TypeError) return 0; // what fetch says of a lost network
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #readAll(body) {
    this.#openedAt = Date.now();
    this.#flowed = false;
    this.#heard();
    this.#tries = 0;
    this.isOpen = this.wasOpen = true;
    this.dispatchEvent(new Event("open"));
    const push = reader((event) => this.#take(event));
    const pieces = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) return;
      this.#heard();
      push(value);
    }
  }

  #heard() {
    this.#flowed ||= Date.now() - this.#openedAt > OPENING;
    if (this.#flowed) this.#hollow = false;
    if (!this.#hollow) this.heardAt = Date.now();
  }

  #take({ id, event, data }) {
    if (event === "heard" || event === "recorded") this.dispatchEvent(new CustomEvent(event, { detail: JSON.parse(data) }));
    if (event !== "alert") return;
    const logId = Number(id);
    if (this.#lastId !== null && logId <= this.#lastId) return; // seen already
    this.#flowed = true;
    this.#heard();
    this.#lastId = logId;
    this.dispatchEvent(new CustomEvent("frame", { detail: JSON.parse(data) }));
  }

  async #pause() {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries);
    this.#tries += 1;
    await new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, wait * (0.5 + Math.random() / 2));
    });
    this.#wake = null;
  }
}
