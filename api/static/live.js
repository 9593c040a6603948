// What every page of the desk does all the time: follow the feed, judge the watch, ring, keep title and icon.

import { act } from "./actions.js";
import { ApiError, FEED, leave, me } from "./api.js";
import { badge } from "./badge.js";
import { showRecovered, showVerdict } from "./banner.js";
import { Board } from "./board.js";
import { clock, now, setZone, zoneLabel } from "./clock.js";
import { byId } from "./dom.js";
import { Feed } from "./feed.js";
import { Heard, spokenOf } from "./heard.js";
import { helped } from "./keys.js";
import { tickAll } from "./left.js";
import { Names } from "./names.js";
import { sorted, waiting } from "./order.js";
import { tellGaps } from "./resume.js";
import { title } from "./row.js";
import { wireSettings } from "./settings.js";
import { shout, spoken } from "./shout.js";
import { Sound } from "./sound.js";
import { t } from "./texts.js";
import { Watch } from "./watch.js";

const DRAW_AFTER = 60; // ms: a storm of changes is drawn in one go
const RETRY = 2000;

/**
 * Events: `draw`, show what is known; `tick`, a second has passed. A page's own desk says what the page is called
 * (`page`) and whether the shout is only a bar on it (`bar`).
 */
export class Desk extends EventTarget {
  #drawing = null;
  #feed = null;
  #pressing = false;
  #stoppedAt = null;

  constructor() {
    super();
    this.me = null;
    this.busy = new Set();
    this.board = new Board();
    this.names = new Names();
    this.watch = new Watch();
    this.heard = new Heard();
    this.sound = new Sound();
  }

  /** Run until the page is left. */
  async start() {
    wireSettings();
    helped();
    for (const [name, down] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false]]) {
      addEventListener(name, () => this.#press(down), { capture: true });
    }
    this.board.addEventListener("change", ({ detail }) => this.#changed(detail));
    this.names.addEventListener("learnt", () => this.changed());
    this.heard.addEventListener("change", ({ detail }) => this.#heardChanged(detail.news));
    setInterval(() => this.#tick(), 1000);
    const looking = this.#retrying(() => this.watch.start());
    await this.#retrying(async () => this.#signedIn(await me()));
    await this.#read();
    await looking;
    this.changed();
  }

  /** Read the list, then follow its changes. While it cannot be read, what the watch hears is followed all the same. */
  async #read() {
    try {
      this.#follow(await this.board.load());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#follow(null);
      this.#feed.resumeAfter(await this.#retrying(() => this.board.load()));
    }
  }

  /** Until the first answers have come, ask again: an empty page must not pass for a quiet night. */
  async #retrying(step) {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
  }

  #signedIn(answer) {
    this.me = answer.name;
    byId("me").textContent = answer.name;
  }

  #follow(asOf) {
    const feed = new Feed(FEED, asOf);
    feed.addEventListener("frame", ({ detail }) => this.board.put(detail.alert, detail));
    tellGaps(feed);
    feed.addEventListener("signedout", leave);
    feed.addEventListener("ahead", () => location.reload());
    this.watch.follow(feed);
    this.heard.follow(feed);
    feed.start();
    this.#feed = feed;
  }

  #changed({ alert, before, frame }) {
    const unclaimed = alert.severity === "P1" && alert.handling === "new";
    this.#ring(); // at once: browsers put off the drawing of a page that is not in front
    if (unclaimed && !(before?.severity === "P1" && before.handling === "new")) this.#announce(spoken(alert, this));
    const pressedAgain = before && alert.severity === "P1" && alert.occurrences > before.occurrences;
    if (frame && pressedAgain) {
      this.sound.ring();
      this.#announce(t("queue.announce_again", { name: this.title(alert), n: alert.occurrences }));
    }
    this.changed();
  }

  #ring() {
    const unclaimed = this.board.open.some((alert) => alert.severity === "P1" && alert.handling === "new");
    this.sound.keepRinging(unclaimed || this.heard.isRinging);
  }

  #heardChanged(news) {
    this.#ring();
    if (news !== null) this.#announce(spokenOf(news, this.names));
    this.changed();
  }

  #announce(words) {
    byId("announce").textContent = words;
  }

  /** Something to show has changed. Nothing is redrawn under a finger: the press would be lost. */
  changed() {
    if (!this.#pressing) this.#drawing ??= setTimeout(() => this.#draw(), DRAW_AFTER);
  }

  #press(down) {
    this.#pressing = down;
    if (!down) this.changed();
  }

  #draw() {
    this.#drawing = null;
    if (this.#pressing) return;
    this.heard.draw(this.names);
    this.sections = sorted(this.board, this.me);
    shout(this.shouting, this, this.bar);
    const count = waiting(this.board).length;
    byId("waiting").textContent = count > 0 ? String(count) : "";
    this.#ring();
    this.dispatchEvent(new Event("draw"));
    this.#tick();
  }

  /** The alert in the seat of the shout, or null. */
  get shouting() {
    return this.sections?.shout ?? null;
  }

  #tick() {
    tickAll();
    setZone(this.names.zone);
    byId("clock").textContent = clock(now());
    byId("zone").textContent = zoneLabel();
    this.#feed?.look();
    const verdict = this.watch.verdict();
    if (showVerdict(verdict, this.watch.states())) this.sound.warn();
    this.#recovered(verdict);
    badge(this, this.page, this.shouting, verdict.state === "stopped");
    this.dispatchEvent(new Event("tick"));
  }

  /** When parts were stopped while the feed held, nothing else says that they are back. */
  #recovered(verdict) {
    if (verdict.state === "stopped" && verdict.reason === "parts") this.#stoppedAt ??= verdict.since;
    if (verdict.state !== "fine" || this.#stoppedAt === null) return;
    showRecovered(this.#stoppedAt, Date.now());
    this.#stoppedAt = null;
  }

  get feedIsOpen() {
    return this.#feed?.isOpen ?? false;
  }

  title(alert) {
    return title(alert, this.names);
  }

  /** What the key in the bar does. */
  claimShouting() {
    if (this.shouting !== null) void this.claim(this.shouting);
  }

  async claim(alert) {
    await act(this, alert, "claim", {}, "said.claimed");
  }
}
