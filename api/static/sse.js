// Server-sent events out of text that arrives in any pieces.

/** Return a function to push text into; `found({id, event, data})` is called for each whole event. */
export function reader(found) {
  let rest = "";
  let event = fresh();
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line !== "") take(event, line);
      else {
        if (event.data.length > 0) found({ id: event.id, event: event.event, data: event.data.join("\n") });
        event = fresh();
      }
    }
  };
}

function fresh() {
  return { id: null, event: "message", data: [] };
}

function take(event, line) {
  const [, field, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line);
  if (field === "data") event.data.push(value ?? "");
  else if (field === "id") event.id = value ?? "";
  else if (field === "event") event.event = value ?? "";
}
