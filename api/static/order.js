// Who needs somebody first, and by when. Times in ms of the server's clock.

// What the time left is for. P4 waits for the digest.
const LABELS = { P1: "left.claim", P2: "left.check", P3: "left.shift" };

/** What the alert's clock says: `{label, at, span}`; without `span` it counts up from `at`. Null for a digest item. */
export function timing(alert) {
  if (alert.claimed_at !== null) return { label: "left.since_claim", at: Date.parse(alert.claimed_at) };
  const label = LABELS[alert.severity];
  const at = Date.parse(alert.respond_by);
  return label ? { label, at, span: at - Date.parse(alert.severity_since) } : null;
}

/** In whose hands: `nobody`, `mine`, `theirs`; while a second person is waited for, `confirming` or `confirm_me`. */
export function hands(alert, me) {
  if (alert.handling === "confirming") return alert.proposed_by === me ? "confirming" : "confirm_me";
  if (alert.handling === "closed" || alert.handling === "inhibited") return alert.handling;
  if (alert.claimed_by === null) return "nobody";
  return alert.claimed_by === me ? "mine" : "theirs";
}

/** The open alerts by section of the queue, each in order; `shout` is the first P1 that nobody has. */
export function sorted(board, me) {
  const sections = { shout: null, urgent: [], mine: [], P2: [], P3: [], P4: [] };
  const rest = { P1: sections.urgent, P2: sections.P2, P3: sections.P3, P4: sections.P4 };
  for (const alert of board.open.sort(first)) {
    const whose = hands(alert, me);
    if (whose === "nobody" && alert.severity === "P1" && sections.shout === null) sections.shout = alert;
    else if (whose === "mine" || whose === "confirming") sections.mine.push(alert);
    else rest[alert.severity].push(alert);
  }
  return sections;
}

function first(a, b) {
  return rank(a) - rank(b) || Date.parse(a.severity_since) - Date.parse(b.severity_since) || a.id - b.id;
}

/** By severity; within one, what still waits for somebody goes before what a colleague has. */
function rank({ severity, claimed_by: holder, handling }) {
  return 2 * Number(severity[1]) + (holder === null || handling === "confirming" ? 0 : 1);
}

/** What nobody has taken, P1 and P2: what title and icon count. */
export function waiting(board) {
  return board.open.filter((alert) => alert.severity <= "P2" && alert.handling === "new");
}
