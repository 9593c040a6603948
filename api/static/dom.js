// Elements out of data. Text goes in as text nodes only: nothing that comes from an alert is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";
const sprite = document.body.dataset.sprite;

export function byId(id) {
  return document.getElementById(id);
}

/** Make an element. Attributes that are null or false are left out; so are such children. */
export function el(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name, style = "icon") {
  const use = svg("use", { href: `${sprite}#${style === "sev" ? name : `i-${name}`}` });
  return svg("svg", { class: style, "aria-hidden": "true" }, use);
}

/** The sign of a severity: shape and digit. */
export function sign(severity) {
  return icon(`sev-${severity.slice(1)}`, "sev");
}

export function button(label, press, attributes = {}) {
  const made = el("button", { type: "button", class: "btn", ...attributes }, label);
  made.addEventListener("click", press);
  return made;
}

export function time(text, shown) {
  return el("time", { datetime: text }, shown);
}

/** Fill an element anew; who had the focus in it keeps it, by `data-focus`. */
export function refill(element, ...children) {
  const held = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (held) (element.querySelector(`[data-focus="${held}"]`) ?? element.querySelector("[data-focus]"))?.focus();
}

/** Make `parent` hold one element a key, in this order, keeping those that it has. */
export function arrange(parent, keys, make) {
  const held = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = parent.firstElementChild;
  for (const key of keys) {
    let child = held.get(String(key));
    held.delete(String(key));
    if (child === undefined) {
      child = make(key);
      child.dataset.key = key;
    }
    if (child === before) before = before.nextElementSibling;
    else parent.insertBefore(child, before);
  }
  for (const child of held.values()) child.remove();
}
