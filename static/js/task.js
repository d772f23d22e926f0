// What the pages that show tasks have in common: how a task looks, and its moves.

import { call, Refusal } from "./api.js";
import { fill } from "./fill.js";
import { ask, attempt, tell } from "./page.js";
import { showDue } from "./time.js";

/** How each status is called, and the look of its tag. */
const STATUSES = {
  pending: ["To do", "plain"],
  in_progress: ["In progress"],
  done: ["Done", "good"],
  cancelled: ["Cancelled", "plain"],
};

/** Where a task is. */
export function path(id) {
  return `tasks/${encodeURIComponent(id)}`;
}

/**
 * An element for a task, out of a template. Of its buttons, those whose `data-from` is the task's status
 * move it to `data-to`; then `reload` shows how it is, also before it is told what went wrong.
 */
export function showTask(template, task, reload) {
  const element = fill(template, task);
  const stage = element.querySelector(".stage");
  if (stage) {
    const [label, ...looks] = STATUSES[task.status];
    stage.textContent = label;
    stage.classList.add(...looks);
  }
  const due = element.querySelector(".due");
  const isOpen = task.status === "pending" || task.status === "in_progress";
  if (isOpen && task.deadline_iso8601) showDue(due, task.deadline_iso8601, task.deadline_passed, "overdue");
  else due?.remove();
  element.querySelector(".name")?.addEventListener("click", () => read(task));
  for (const button of element.querySelectorAll("[data-to]")) {
    const { from, to } = button.dataset;
    if (from !== task.status) button.remove();
    else button.addEventListener("click", () => attempt(button, () => move(task, to).finally(reload)));
  }
  return element;
}

/** Shows all of a task, also of its description. */
function read(task) {
  const reader = document.getElementById("reader");
  const whole = showTask(document.getElementById("whole"), task);
  ask(reader, { prepare: () => reader.querySelector(".content").replaceChildren(whole), send: async () => {} });
}

/** Moves a task on from where it was seen, and not from where somebody else has moved it meanwhile. */
async function move({ id, title, status }, to) {
  const task = await call("GET", path(id));
  if (task.status !== status) {
    throw new Refusal(409, { message: `Somebody has moved it meanwhile: ${STATUSES[task.status][0]}.` });
  }
  await call("PATCH", path(id), { fields: { status: to }, etag: task.etag });
  tell(`${STATUSES[to][0]}: ${title}`);
}
