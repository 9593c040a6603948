// After a gap: count what came meanwhile until all of it is read, then say how long it was and how much.

import { ApiError, get } from "./api.js";
import { showResumed } from "./banner.js";

const LOOK_EVERY = 200; // ms
const QUIET = 2000; // ms without a frame: all is read, where changes out of one's scope make up the rest
const LONGEST = 15_000; // ms: where nobody can say how far the log reached
const BRIEF = 3000; // ms: a gap this short without changes is not worth a line

/** Watch a feed for gaps, from its first opening on. */
export function tellGaps(feed) {
  let lostAt = null;
  feed.addEventListener("lost", () => {
    lostAt ??= feed.heardAt;
  });
  feed.addEventListener("open", () => {
    if (lostAt !== null) void tell(feed, lostAt, Date.now());
    lostAt = null;
  });
}

async function tell(feed, from, to) {
  const read = [];
  const take = ({ detail }) => read.push({ id: detail.log_id, at: Date.now() });
  feed.addEventListener("frame", take);
  const end = await endOfLog();
  await until(() => {
    const quietFor = Date.now() - Math.max(to, ...read.map(({ at }) => at));
    return feed.lastId >= end || (end !== Infinity && quietFor > QUIET) || Date.now() - to > LONGEST;
  });
  feed.removeEventListener("frame", take);
  const changes = read.filter(({ id }) => id <= end).length;
  if (changes > 0 || to - from > BRIEF) showResumed(from, to, changes);
}

/** How far the log reached when the connection was back: what comes later is news. */
async function endOfLog() {
  try {
    return (await get("/alerts?limit=1")).as_of;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return Infinity;
  }
}

async function until(done) {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
}
