// How a device is, as a sign and a word. What we do not know is hatched, never blank and never "fine".

import { el, icon } from "./dom.js";
import { t } from "./texts.js";

const SIGNS = {
  ok: "yes", unwatched: "quiet", suspect: "warn", offline: "no", unheard: "ask", disabled: "off", low: "battery", skewed: "clock",
};
const AMISS = ["offline", "suspect", "low", "skewed"];
const UNKNOWN = "unheard";

/** Everything that is so of a device, the state that it is in first. */
export function statesOf({ told, liveness, last_seen: seen, low, skewed }) {
  return [mainState(told?.type, liveness, seen), low && "low", skewed && "skewed"].filter(Boolean);
}

function mainState(told, liveness, seen) {
  if (told === "camera.disabled") return "disabled";
  if (told === "camera.offline") return "offline";
  if (liveness !== "unknown") return liveness;
  return seen === null ? UNKNOWN : "unwatched";
}

/** `words` follow the state's own word, such as a count. */
export function stateSign(state, words = "") {
  const style = state === UNKNOWN ? "state unknown" : AMISS.includes(state) ? "state amiss" : "state";
  return el("span", { class: style, "data-state": state }, icon(SIGNS[state]), `${t(`state.${state}`)}${words}`);
}

/** What is amiss or unknown among devices that were counted, and what is switched off: nothing where all is well. */
export function faults(counts) {
  return [...AMISS, UNKNOWN, "disabled"].filter((state) => counts[state] > 0).map((state) => stateSign(state, ` ${counts[state]}`));
}
