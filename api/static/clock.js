// The server's clock in the zone of the sites, and times and durations as people read them.

import { t } from "./texts.js";

const DAY = 86_400_000;
const TRUSTED = 1500; // ms: an HTTP date has whole seconds, so less than this is no difference

let offset = 0;
let desk = null; // {name, offsets}: the zone that the page's clock shows; the browser's own until it is known

/** The server's time in ms, as far as its answers told. */
export function now() {
  return Date.now() + offset;
}

/** The browser's time in ms as the server's. */
export function served(ms) {
  return ms + offset;
}

/** Learn the server's time from the Date of an answer that was asked for at `asked` (browser's ms). */
export function hear(date, asked) {
  const there = Date.parse(date ?? "") + 500;
  const here = (asked + Date.now()) / 2;
  if (Math.abs(there - here - offset) > TRUSTED) offset = there - here;
}

/** The offset of an RFC 3339 time in minutes: an alert's times are all read in the zone of its site. */
export function zoneOf(text) {
  const found = /([+-])(\d\d):(\d\d)$/.exec(text);
  return found ? (found[1] === "-" ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3])) : 0;
}

/** Show times in an IANA zone from now on; one that this browser does not know changes nothing. */
export function setZone(name) {
  if (name === undefined || name === desk?.name) return;
  try {
    desk = { name, offsets: new Intl.DateTimeFormat("en", { timeZone: name, timeZoneName: "longOffset" }) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

/** The name of the zone that is shown, or null while it is the browser's. */
export function shownZone() {
  return desk?.name ?? null;
}

/** The offset in minutes that the page's clock has at a moment. */
function offsetAt(ms) {
  if (desk === null) return -new Date(ms).getTimezoneOffset();
  return zoneOf(desk.offsets.formatToParts(ms).find(({ type }) => type === "timeZoneName").value);
}

/** `UTC+8`, `UTC-3:30`, `UTC`. */
function named(zone) {
  const minutes = Math.abs(zone) % 60;
  const digits = `${Math.floor(Math.abs(zone) / 60)}${minutes === 0 ? "" : `:${two(minutes)}`}`;
  return zone === 0 ? "UTC" : `UTC${zone < 0 ? "-" : "+"}${digits}`;
}

/** What the page's clock is labelled with. */
export function zoneLabel() {
  return named(offsetAt(now()));
}

const two = (n) => String(n).padStart(2, "0");

function inZone(ms, zone) {
  return new Date(ms + zone * 60_000);
}

/** `03:12:00`, with the date before it where that is not today, and its zone behind it where that is another than the page's. */
export function clock(ms, zone = offsetAt(ms)) {
  const then = inZone(ms, zone);
  const time = `${two(then.getUTCHours())}:${two(then.getUTCMinutes())}:${two(then.getUTCSeconds())}`;
  const today = inZone(now(), zone).toISOString().slice(0, 10);
  const date = then.toISOString().slice(0, 10);
  const dated = date === today ? time : `${date.slice(5)} ${time}`;
  return desk === null || zone === offsetAt(ms) ? dated : `${dated} ${named(zone)}`;
}

/** The same of an RFC 3339 time. */
export function when(text, zone) {
  return clock(Date.parse(text), zone);
}

/** `00:41` up to an hour, then words. */
export function digits(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 3600 ? `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}` : age(ms);
}

/** `34 s`, `12 min`, `2 h 5 min`, `3 d`. */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return t("time.second", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("time.minute", { n: minutes });
  if (ms < 2 * DAY) return t("time.hour", { h: Math.floor(minutes / 60), m: minutes % 60 });
  return t("time.day", { n: Math.floor(ms / DAY) });
}

export function ago(ms) {
  return t("time.ago", { age: age(ms) });
}
