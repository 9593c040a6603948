// What a person does about an alert. Each ends in a sentence, whether it was done or not.

import { ApiError, post } from "./api.js";
import { say } from "./banner.js";
import { known, listed, t } from "./texts.js";

const SETTLES = 3000; // ms that the feed is waited for

/**
 * Do `what` to an alert and say so; `told` is the sentence for it, or makes it out of the answer. Return null where it was done, else why it was not.
 * The feed tells the change too, and in its place among the others, so it goes first; the answer is used where the
 * feed does not come.
 */
export async function act(desk, alert, what, body, told) {
  const seen = desk.board.nextChange(alert.id, SETTLES);
  desk.busy.add(alert.id);
  desk.changed();
  try {
    const answer = await post(`/alerts/${alert.id}/${what}`, body);
    if (!desk.feedIsOpen || !(await seen)) desk.board.put(answer);
    say(t(typeof told === "string" ? told : told(answer), { name: desk.title(alert) }));
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const why = refusal(error, desk.title(alert));
    say(why, true);
    return why;
  } finally {
    desk.busy.delete(alert.id);
    desk.changed();
  }
}

function refusal(error, name) {
  if (error.status === 0) return t("said.unreachable");
  const { holder } = error.problem;
  if (error.status === 409 && holder) return t("said.taken", { holder, name });
  return t("said.not_done", { reason: reasonOf(error) });
}

/** The API names each refusal; one that is newer than this page is told in its own words. */
function reasonOf(error) {
  const code = (error.problem.type ?? "").split(":").at(-1).replaceAll("-", "_");
  const fields = (error.problem.errors ?? []).map(({ at }) => known("close", at?.split(".").at(-1))).filter(Boolean);
  if (fields.length > 0) return t("reason.fields", { fields: listed(fields) });
  return known("reason", code) ?? error.message;
}
