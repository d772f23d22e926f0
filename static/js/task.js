// Shared by the pages that show tasks: how a task looks, and how its status changes.

import { call, Problem } from "./api.js";
import { fill } from "./fill.js";
import { openDialog, runAction, showToast } from "./page.js";
import { showDeadline } from "./time.js";
import { labelOf, nameOf } from "./user.js";

/** The label of each status, and the CSS classes of its tag. */
const STATUSES = {
  pending: ["To do", "plain"],
  in_progress: ["In progress"],
  done: ["Done", "good"],
  cancelled: ["Cancelled", "plain"],
};

/** The path of a task in the API. */
export function taskPath(id) {
  return `tasks/${encodeURIComponent(id)}`;
}

/**
 * Makes an element of a task. A button with `data-from` and `data-to` changes the status from the
 * one to the other; buttons of other statuses are removed. `reload` reloads the list after a
 * change, also if it failed.
 */
export function showTask(template, task, reload) {
  const { assignee, creator } = task;
  const element = fill(template, {
    ...task,
    assignee: assignee && { ...assignee, called: nameOf(assignee), label: labelOf(assignee) },
    creator: { ...creator, called: nameOf(creator), label: labelOf(creator) },
  });
  const statusTag = element.querySelector(".task-status");
  if (statusTag) {
    const [label, ...classes] = STATUSES[task.status];
    statusTag.textContent = label;
    statusTag.classList.add(...classes);
  }
  const dueTag = element.querySelector(".due");
  const isOpen = task.status === "pending" || task.status === "in_progress";
  if (isOpen && task.deadline_iso8601) {
    showDeadline(dueTag, task.deadline_iso8601, task.deadline_passed, "overdue");
  } else {
    dueTag?.remove();
  }
  const name = element.querySelector(".name");
  name?.addEventListener("click", () => runAction(name, () => read(task)));
  for (const button of element.querySelectorAll("[data-to]")) {
    const { from, to } = button.dataset;
    const change = () => changeStatus(task, to).finally(reload);
    if (from !== task.status) button.remove();
    else button.addEventListener("click", () => runAction(button, change));
  }
  return element;
}

/** Shows all of a task in a dialog. A list has only the beginning of a long description. */
async function read(listed) {
  const task = listed.description_truncated ? await call("GET", taskPath(listed.id)) : listed;
  const reader = document.getElementById("reader");
  const content = showTask(document.getElementById("reader-content"), task);
  openDialog(reader, {
    prepare: () => reader.querySelector(".content").replaceChildren(content),
    send: async () => {},
  });
}

/** Changes the status of a task, unless another user has changed it since it was shown. */
async function changeStatus({ id, title, status }, to) {
  const task = await call("GET", taskPath(id));
  if (task.status !== status) {
    const [label] = STATUSES[task.status];
    throw new Problem(409, { message: `Somebody has moved it meanwhile: ${label}.` });
  }
  await call("PATCH", taskPath(id), { fields: { status: to }, etag: task.etag });
  showToast(`${STATUSES[to][0]}: ${title}`);
}
