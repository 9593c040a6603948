// The dialog that closes an alert: outcome, whom one reached, a note.

import { act } from "./actions.js";
import { byId, el, icon, refill } from "./dom.js";
import { hands } from "./order.js";
import { t } from "./texts.js";

const SEEN = /[\p{L}\p{N}\p{P}\p{S}]/u; // blanks and zero-width marks tell nothing: the server says so too

/** What stands in a field; null where nothing of it can be seen. */
function written(field) {
  const text = byId(field).value.trim();
  return SEEN.test(text) ? text : null;
}

export class CloseDialog {
  #desk;
  #alert = null;
  #dialog = byId("close");

  constructor(desk) {
    this.#desk = desk;
    byId("close-send").addEventListener("click", () => void this.#send());
    for (const name of ["input", "change"]) this.#dialog.addEventListener(name, () => this.#warn());
  }

  /** Only who may close it: whoever holds it, or anybody while nobody does. */
  open(alert) {
    if (!["nobody", "mine"].includes(hands(alert, this.#desk.me))) return;
    this.#alert = alert;
    byId("close-h").textContent = t("close.heading", { name: this.#desk.title(alert) });
    byId("close-active").hidden = alert.condition !== "active";
    this.#wrong("");
    this.#warn();
    this.#dialog.showModal();
    this.#dialog.querySelector("input").focus();
  }

  get #contact() {
    return written("close-contact");
  }

  /** A P1 where nobody was reached is not closed by one person alone. */
  get #alone() {
    return this.#alert?.severity === "P1" && this.#contact === null;
  }

  #warn() {
    byId("close-alone").hidden = !this.#alone;
    refill(byId("close-alone"), this.#alone ? [icon("warn"), el("p", {}, t("close.no_contact"))] : []);
    byId("close-send").textContent = t(this.#alone ? "close.propose" : "close.send");
  }

  /** What was written stays in the dialog until the alert is closed. */
  async #send() {
    const outcome = this.#dialog.querySelector('[name="outcome"]:checked')?.value;
    if (outcome === undefined) return this.#wrong(t("close.need_outcome"));
    const body = { outcome, contact: this.#contact, note: written("close-note") };
    byId("close-send").disabled = true;
    const why = await act(this.#desk, this.#alert, "close", body, ({ handling }) => `said.${handling === "confirming" ? "proposed" : "closed"}`);
    byId("close-send").disabled = false;
    if (why === null) this.#dialog.close();
    else this.#wrong(why);
  }

  #wrong(words) {
    byId("close-wrong").textContent = words;
    byId("close-wrong").hidden = words === "";
  }
}
