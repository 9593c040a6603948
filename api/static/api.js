// Requests to the API, with the session's cookie and CSRF token.

import { hear } from "./clock.js";

const PREFIX = "/api/v1";
const PATIENCE = 10_000; // ms: after this the desk is better told that it did not work

/** An answer that is not what was asked for; status 0 is no answer at all. */
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail ?? String(status));
    this.status = status;
    this.problem = problem;
  }
}

let csrf = null;

/** Go to sign in, and come back here afterwards. */
export function leave() {
  const next = encodeURIComponent(location.pathname);
  location.replace(`/signin?over=1&next=${next}`);
}

/** Fetch with an end to patience; ApiError(0) where no answer comes. */
export async function ask(url, options = {}, patience = PATIENCE) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), patience);
  const asked = Date.now();
  try {
    const response = await fetch(url, { cache: "no-store", ...options, signal: controller.signal });
    hear(response.headers.get("date"), asked);
    const body = await response.text();
    return { status: response.status, ok: response.ok, body: parsed(body) };
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error;
    throw new ApiError(0);
  } finally {
    clearTimeout(timer);
  }
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return {}; // an empty answer, or a proxy's page: the status says enough
  }
}

async function request(method, path, body) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (csrf !== null) headers["x-csrf-token"] = csrf;
  const answer = await ask(PREFIX + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.ok) return answer.body;
  throw new ApiError(answer.status, answer.body);
}

/** Like `request`, for pages that need a session: without one the reader is sent to sign in, and nothing comes back. */
async function signedIn(method, path, body) {
  try {
    return await request(method, path, body);
  } catch (error) {
    if (error.status !== 401) throw error;
    leave();
    return new Promise(() => {});
  }
}

export const get = (path) => signedIn("GET", path);
export const post = (path, body = {}) => signedIn("POST", path, body);
export const remove = (path) => signedIn("DELETE", path);

export const signIn = (proof) => request("POST", "/session", proof);

export async function me() {
  const answer = await get("/me");
  csrf = answer.csrf;
  return answer;
}

export const FEED = `${PREFIX}/alerts/feed`;
