// Time left, said three ways: words, digits, bar. All of them on a page tick together.

import { age, digits, now } from "./clock.js";
import { el } from "./dom.js";
import { timing } from "./order.js";
import { t } from "./texts.js";

/** Make the clock of an alert; empty where none runs. */
export function left(alert) {
  const time = timing(alert);
  if (time === null) return el("div", { class: "left" });
  const span = time.span ?? null;
  const made = el(
    "div",
    { class: "left", "data-at": time.at, "data-span": span, "data-label": time.label },
    el("span", { class: "left-label" }),
    el("span", { class: "left-time", role: "timer" }),
    span === null ? null : el("progress", { max: span }),
  );
  tick(made);
  return made;
}

function tick(element) {
  const { at, span, label } = element.dataset;
  const remaining = Number(at) - now();
  const over = span !== undefined && remaining < 0;
  const said = digits(span === undefined || over ? -remaining : remaining);
  const words = t(over ? "left.over" : label);
  element.classList.toggle("over", over);
  write(element.querySelector(".left-label"), words);
  write(element.querySelector(".left-time"), said);
  const bar = element.querySelector("progress");
  if (bar === null) return;
  bar.value = over ? Number(span) : remaining;
  bar.setAttribute("aria-label", t("left.bar", { label: words, left: said, target: digits(Number(span)) }));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** For how long something has been so. */
export function lasting(since) {
  const made = el("span", { "data-since": since });
  tickLasting(made);
  return made;
}

function tickLasting(element) {
  write(element, t("row.lasting", { age: age(now() - Number(element.dataset.since)) }));
}

export function tickAll() {
  document.querySelectorAll(".left[data-at]").forEach(tick);
  document.querySelectorAll("[data-since]").forEach(tickLasting);
}
