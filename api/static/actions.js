// What a person does about an alert. Each ends in a sentence, whether it was done or not.

import { ApiError, post } from "./api.js";
import { say } from "./banner.js";
import { known, t } from "./texts.js";

/** Do `what` to an alert; return whether it was done. `told` is the sentence for it, or null. */
export async function act(desk, alert, what, body, told) {
  if (desk.busy.has(alert.id)) return false;
  desk.busy.add(alert.id);
  desk.changed();
  try {
    await desk.settle(await post(`/alerts/${alert.id}/${what}`, body));
    if (told !== null) say(t(told, { name: desk.title(alert) }));
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(refusal(error, desk.title(alert)), true);
    return false;
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
  return known("reason", code) ?? error.message;
}
