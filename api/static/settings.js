// Light or dark, desk or wall, keys, sign out.

import { ApiError, remove } from "./api.js";
import { say } from "./banner.js";
import { byId } from "./dom.js";
import { keysOn, setKeys } from "./keys.js";
import { t } from "./texts.js";

const YEAR = 31_536_000; // s

export function wireSettings() {
  const dialog = byId("settings");
  byId("settings-open").addEventListener("click", () => dialog.showModal());
  for (const input of dialog.querySelectorAll('[name="theme"]')) input.addEventListener("change", () => setTheme(input.value));
  for (const input of dialog.querySelectorAll('[name="screen"]')) input.addEventListener("change", () => setScreen(input.value));
  for (const input of dialog.querySelectorAll('[name="keyboard"]')) {
    input.checked = (input.value === "on") === keysOn();
    input.addEventListener("change", () => setKeys(input.value === "on"));
  }
  byId("signout").addEventListener("click", () => void signOut(dialog));
}

/** The choice goes into a cookie, so that the server sends the next page without a flash of the other one. */
function setTheme(theme) {
  const root = document.documentElement;
  root.classList.remove("theme-light", "theme-dark");
  if (theme !== "auto") root.classList.add(`theme-${theme}`);
  document.cookie = `shouwang_theme=${theme}; path=/; max-age=${YEAR}; samesite=lax`;
}

function setScreen(screen) {
  document.documentElement.classList.toggle("wall", screen === "wall");
  document.cookie = `shouwang_screen=${screen}; path=/; max-age=${YEAR}; samesite=lax`;
}

async function signOut(dialog) {
  try {
    await remove("/session");
    location.replace("/signin");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    dialog.close();
    say(t("said.signed_out_failed"), true);
  }
}
