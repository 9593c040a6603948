// After a gap: count what is read at once, then say how long it was and how much came.

import { showResumed } from "./banner.js";

const QUIET = 500; // ms without a frame: what was missed has been read
const LONGEST = 5000; // ms: where live traffic never pauses
const BRIEF = 3000; // ms: a gap this short without changes is not worth a line

/** Watch a feed for gaps, from its first opening on. */
export function tellGaps(feed) {
  let lostAt = null;
  feed.addEventListener("lost", () => {
    lostAt ??= feed.heardAt;
  });
  feed.addEventListener("open", () => {
    if (lostAt !== null) void count(feed, lostAt, Date.now());
    lostAt = null;
  });
}

async function count(feed, from, to) {
  let changes = 0;
  let counted;
  await new Promise((resolve) => {
    let timer = setTimeout(resolve, QUIET);
    setTimeout(resolve, LONGEST);
    counted = () => {
      changes += 1;
      clearTimeout(timer);
      timer = setTimeout(resolve, QUIET);
    };
    feed.addEventListener("frame", counted);
  });
  feed.removeEventListener("frame", counted);
  if (changes > 0 || to - from > BRIEF) showResumed(from, to, changes);
}
