// Shows /openapi.json: paths by tag, parameters, bodies, answers and shapes. Text only ever enters as text.
const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, options = {}, ...children) {
  const made = document.createElement(name);
  if (options.class) made.className = options.class;
  if (options.id) made.id = options.id;
  if (options.href) made.href = options.href;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function shapeName(ref) {
  return ref.split("/").pop();
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return element("a", { href: `#shape-${shapeName(schema.$ref)}` }, shapeName(schema.$ref));
  if (schema.anyOf) return joined(schema.anyOf.map(typeOf), " or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return joined(["list of ", typeOf(schema.items)], "");
  return [schema.type ?? "any", schema.format, schema.pattern].filter(Boolean).join(" · ");
}

function joined(parts, between) {
  const made = element("span");
  parts.forEach((part, at) => made.append(at ? between : "", part));
  return made;
}

function row(cell, ...values) {
  return element("tr", {}, ...values.map((value) => element(cell, {}, value)));
}

function table(heads, rows) {
  return element("table", {}, element("thead", {}, row("th", ...heads)), element("tbody", {}, ...rows));
}

function contents(content = {}) {
  return joined(Object.entries(content).map(([media, { schema }]) => joined([media, ": ", typeOf(schema)], "")), ", ");
}

function operation(method, path, what) {
  const inside = element("div", { class: "inside" }, element("p", {}, ...coded(what.description ?? "")));
  if (what.parameters?.length) {
    const rows = what.parameters.map((one) =>
      row("td", `${one.name}${one.required ? " *" : ""}`, one.in, typeOf(one.schema), one.description ?? ""));
    inside.append(table(["parameter", "in", "type", "meaning"], rows));
  }
  if (what.requestBody) inside.append(element("p", {}, "Body: ", contents(what.requestBody.content)));
  const answers = Object.entries(what.responses).map(([status, one]) =>
    row("td", status, one.description ?? "", contents(one.content)));
  inside.append(table(["answer", "meaning", "content"], answers));
  const head = element("summary", {}, element("span", { class: "method" }, method),
    element("span", { class: "path" }, path), element("span", { class: "what" }, what.summary ?? ""));
  return element("details", { class: "operation" }, head, inside);
}

function shape(name, schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([key, one]) =>
    row("td", `${key}${required.has(key) ? " *" : ""}`, typeOf(one), one.description ?? ""));
  const example = schema.example ?? schema.examples?.[0];
  return element("details", { id: `shape-${name}` }, element("summary", {}, name),
    element("div", { class: "inside" }, element("p", {}, ...coded(schema.description ?? "")),
      rows.length ? table(["key", "type", "meaning"], rows) : typeOf(schema),
      example ? element("pre", {}, JSON.stringify(example, null, 2)) : null));
}

function byTag(paths) {
  const tags = new Map();
  for (const [path, operations] of Object.entries(paths)) {
    for (const method of METHODS.filter((one) => operations[one])) {
      const tag = operations[method].tags?.[0] ?? "other";
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push(operation(method, path, operations[method]));
    }
  }
  return tags;
}

/** Text with what stands between backticks as code. */
function coded(text) {
  return text.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

const answer = await fetch("/openapi.json");
const api = await answer.json();
document.getElementById("about").replaceChildren(...coded(api.info.description));
for (const [tag, operations] of byTag(api.paths)) {
  document.getElementById("paths").append(element("h2", {}, tag), ...operations);
}
for (const [name, schema] of Object.entries(api.components.schemas)) {
  document.getElementById("shapes").append(shape(name, schema));
}
document.getElementById("find").addEventListener("input", ({ target }) => {
  const wanted = target.value.toLowerCase();
  for (const one of document.querySelectorAll(".operation")) {
    one.hidden = !one.textContent.toLowerCase().includes(wanted);
  }
});
addEventListener("hashchange", openTarget);
openTarget();
