// Sign in, by a one-time link or a token. Only pressing the button does anything.

import { ApiError, ask, signIn } from "./api.js";
import { byId } from "./dom.js";
import { t } from "./texts.js";

const query = new URLSearchParams(location.search);
const byLink = byId("by-link");
const byToken = byId("by-token");

/** Where to go afterwards: a page of the desk and nothing else. */
function next() {
  const wish = query.get("next") ?? "";
  return /^\/desk(\/[\w/-]*)?$/.test(wish) ? wish : "/desk";
}

function wrong(words) {
  byId("wrong").textContent = words;
  byId("wrong").hidden = words === "";
}

async function enter(form, proof, refused) {
  const pressed = form.querySelector("button");
  pressed.disabled = true;
  wrong("");
  try {
    await signIn(proof);
    location.replace(next());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    pressed.disabled = false;
    refuse(error, refused);
  }
}

function refuse(error, refused) {
  if (error.status === 0 || error.status >= 500) return wrong(t("signin.unreachable"));
  if (error.status === 429) return wrong(t("signin.locked"));
  byToken.hidden = false;
  return wrong(t(refused));
}

byLink?.addEventListener("submit", (event) => {
  event.preventDefault();
  void enter(byLink, { link: byLink.dataset.link }, "signin.link_spent");
});

byToken.addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  if (token === "") wrong(t("signin.token_missing"));
  else void enter(byToken, { token }, "signin.token_wrong");
});

/** Who comes from another site's link brought no cookie along, and may be signed in all the same. */
async function alreadyIn() {
  try {
    const { ok } = await ask("/desk", { redirect: "manual" });
    if (ok) location.replace(next());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

if (query.has("over")) wrong(t("signin.session_over"));
else if (byLink === null) void alreadyIn();
