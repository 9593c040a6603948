// What the page says: the catalogue of its language, put into the page by the server.

const entries = JSON.parse(document.getElementById("texts").textContent);

export const language = document.documentElement.dataset.language;

export function t(key, values = {}) {
  if (!(key in entries)) throw new Error(`the catalogue has no ${key}`);
  return entries[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The catalogue's word for a code of the contract, if it has one. */
export function known(section, code) {
  return entries[`${section}.${code}`];
}

/** The same; the code itself where it is newer than this page. */
export function named(section, code) {
  return known(section, code) ?? code;
}

/** The reader's language of a text that comes in both, such as a rule's name. */
export function said(both) {
  return both[language];
}

/** Several names as one phrase: `接入和消息`, `Intake and Broker`. */
export function listed(names) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(names);
}

/** What stands between facts in one line. */
export const DOT = language === "zh" ? "·" : " · ";
