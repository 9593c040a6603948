// Who needs somebody first, and by when. Times in ms of the server's clock.

const SECOND = 1000;
const MINUTE = 60 * SECOND;

// P1: 97.5 % answered in 60 s (TSA). P2: within minutes. P3: within the shift. P4 waits for the digest.
const TARGETS = {
  P1: { span: 60 * SECOND, label: "left.claim" },
  P2: { span: 10 * MINUTE, label: "left.check" },
  P3: { span: 480 * MINUTE, label: "left.shift" },
};

/** What the alert's clock says: `{label, at, span}`; without `span` it counts up from `at`. Null for a digest item. */
export function timing(alert, since) {
  if (alert.claimed_at !== null) return { label: "left.since_claim", at: Date.parse(alert.claimed_at) };
  const target = TARGETS[alert.severity];
  return target ? { label: target.label, at: since + target.span, span: target.span } : null;
}

/** In whose hands: `nobody`, `mine`, `theirs`; while a second person is waited for, `confirming` or `confirm_me`. */
export function hands(alert, me) {
  if (alert.handling === "confirming") return alert.claimed_by === me ? "confirming" : "confirm_me";
  if (alert.handling === "closed" || alert.handling === "inhibited") return alert.handling;
  if (alert.claimed_by === null) return "nobody";
  return alert.claimed_by === me ? "mine" : "theirs";
}

/** The open alerts by section of the queue, each in order; `shout` is the first P1 that nobody has. */
export function sorted(board, me) {
  const sections = { shout: null, urgent: [], mine: [], P2: [], P3: [], P4: [] };
  const rest = { P1: sections.urgent, P2: sections.P2, P3: sections.P3, P4: sections.P4 };
  const inOrder = board.open.map((alert) => ({ alert, since: board.since(alert) })).sort(first);
  for (const { alert } of inOrder) {
    const whose = hands(alert, me);
    if (whose === "nobody" && alert.severity === "P1" && sections.shout === null) sections.shout = alert;
    else if (whose === "mine" || whose === "confirming") sections.mine.push(alert);
    else rest[alert.severity].push(alert);
  }
  return sections;
}

function first(a, b) {
  return rank(a.alert) - rank(b.alert) || a.since - b.since || a.alert.id - b.alert.id;
}

/** By severity; within one, what still waits for somebody goes before what a colleague has. */
function rank({ severity, claimed_by: holder, handling }) {
  return 2 * Number(severity[1]) + (holder === null || handling === "confirming" ? 0 : 1);
}

/** What nobody has taken, P1 and P2: what title and icon count. */
export function waiting(board) {
  return board.open.filter((alert) => alert.severity <= "P2" && alert.handling === "new");
}
