import { el } from "./dom.js";
import { t } from "./texts.js";

/** A titled panel. */
export function panel(title, content, style = "panel") {
  const id = `h-${title.replace(".", "-")}`;
  const heading = el("h2", { id }, t(title));
  return el("section", { class: style, "aria-labelledby": id }, el("div", { class: "head" }, heading), content);
}
