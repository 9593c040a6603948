// Single keys. They can be switched off, and never act while somebody writes or a dialog is open.

import { byId } from "./dom.js";

const KEY = "shouwang.keyboard";

export function keysOn() {
  return localStorage.getItem(KEY) !== "off";
}

export function setKeys(on) {
  localStorage.setItem(KEY, on ? "on" : "off");
}

/** `actions` maps a key to what it does. */
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (!keysOn() || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]") || event.target.closest("input, textarea, select")) return;
    const action = actions[event.key.toLowerCase()];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}

/** The keys of every page: what there is to press, and where the pages are. */
export function helped() {
  const help = () => byId("help").showModal();
  byId("help-open").addEventListener("click", help);
  listen({ "?": help, q: () => location.assign("/desk"), s: () => location.assign("/desk/sites") });
}
