// The sound of a P1. Whether it can be heard is shown all the time; only a person can say that it was heard.

import { clock, now } from "./clock.js";
import { button, byId, el, icon, refill } from "./dom.js";
import { t } from "./texts.js";

const HEARD_KEY = "shouwang.sound.heard";
const SHIFT = 12 * 3_600_000; // ms that a test counts for
const AGAIN_AFTER = 6000; // ms between rings while a P1 waits
const URGENT = [880, 660, 880, 660, 880, 660]; // Hz
const STOPPED = [330, 220, 330, 220];
const TONE = 0.18; // s
const LOUD = 0.8;

export class Sound {
  #context = null;
  #unheard = false;
  #timer = null;

  constructor() {
    this.#open();
    for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => this.#release(), { capture: true });
    byId("sound-gauge").addEventListener("click", () => this.test());
    byId("sound-again").addEventListener("click", () => this.play(URGENT));
    byId("sound").addEventListener("close", () => this.#judge(byId("sound").returnValue));
    this.show();
  }

  #open() {
    try {
      this.#context = new AudioContext();
      this.#context.addEventListener("statechange", () => this.show());
    } catch (error) {
      if (!(error instanceof DOMException) && !(error instanceof ReferenceError)) throw error;
    }
  }

  /** Browsers let a page sound only after it has been touched. */
  #release() {
    if (this.#context?.state === "suspended") void this.#context.resume();
  }

  get state() {
    if (this.#context === null) return "missing";
    if (this.#context.state !== "running") return "blocked";
    if (this.#unheard) return "unheard";
    return now() - this.#heardAt < SHIFT ? "heard" : "untested";
  }

  get #heardAt() {
    return Number(localStorage.getItem(HEARD_KEY) ?? 0);
  }

  play(tones) {
    if (this.#context?.state !== "running") return;
    tones.forEach((pitch, n) => this.#tone(pitch, this.#context.currentTime + n * TONE));
  }

  #tone(pitch, at) {
    const oscillator = new OscillatorNode(this.#context, { type: "square", frequency: pitch });
    const gain = new GainNode(this.#context, { gain: 0 });
    gain.gain.setValueAtTime(LOUD, at);
    gain.gain.setTargetAtTime(0, at + TONE * 0.7, 0.02);
    oscillator.connect(gain).connect(this.#context.destination);
    oscillator.start(at);
    oscillator.stop(at + TONE);
  }

  /** Ring once: somebody called. */
  ring() {
    this.play(URGENT);
  }

  /** Ring once: the watch has stopped. */
  warn() {
    this.play(STOPPED);
  }

  /** Ring again and again for as long as something waits. */
  keepRinging(on) {
    if (!on) {
      clearInterval(this.#timer);
      this.#timer = null;
    } else if (this.#timer === null) {
      this.ring();
      this.#timer = setInterval(() => this.ring(), AGAIN_AFTER);
    }
  }

  test() {
    this.#release();
    byId("sound").returnValue = "";
    byId("sound").showModal();
    setTimeout(() => this.ring(), 150); // after the context has woken up
  }

  #judge(answer) {
    this.#unheard = answer === "no";
    if (answer === "yes") localStorage.setItem(HEARD_KEY, String(now()));
    if (answer === "no") localStorage.removeItem(HEARD_KEY);
    this.show();
  }

  show() {
    const state = this.state;
    const fine = state === "heard";
    const words = fine ? t("sound.heard_at", { time: clock(this.#heardAt).slice(0, -3) }) : t(`sound.${state}`);
    const gauge = byId("sound-gauge");
    gauge.className = fine ? "good" : "bad";
    gauge.dataset.state = state;
    refill(gauge, el("small", {}, t("frame.sound")), el("span", {}, icon(fine ? "sound" : "mute"), el("span", { class: "words" }, words)));
    refill(byId("soundbar"), fine ? null : this.#bar(state));
  }

  #bar(state) {
    const test = button(t("sound.test"), () => this.test(), { "data-focus": "test" });
    return el("div", { class: "notice warn" }, icon("mute"), el("p", {}, t(`sound.bar_${state}`)), test);
  }
}
