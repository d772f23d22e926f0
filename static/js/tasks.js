// The tasks page. Assignees change the status of their tasks; managers create, edit and delete all.

import { call } from "./api.js";
import { changedFields, fieldsOf, setFields } from "./forms.js";
import { List } from "./list.js";
import { confirm, openDialog, runAction, showToast } from "./page.js";
import { showTask, taskPath } from "./task.js";
import { dateOf, zone } from "./time.js";
import { labelOf, nameOf } from "./user.js";

const editor = document.getElementById("editor");
const deadlineHint = document.getElementById("editor-deadline-hint");
const assignee = document.getElementById("editor-assignee");
/** Suggestions for the assignee. Only administrators may list users. */
const suggestions = document.getElementById("accounts");

const list = new List(document.getElementById("tasks"), {
  path: "tasks",
  filters: document.getElementById("filters"),
  show(task) {
    const element = showTask(document.getElementById("task"), task, () => list.load());
    const onClick = (selector, action) =>
      element.querySelector(selector)?.addEventListener("click", action);
    onClick(".edit", (event) => runAction(event.target, () => edit(task.id)));
    onClick(".delete", () => remove(task));
    return element;
  },
});

/** Opens the editor with `values`. `send` gets the fields that the user has changed. */
function openEditor(title, values, send) {
  let initial;
  openDialog(editor, {
    prepare(form) {
      editor.querySelector("h2").textContent = title;
      showDeadlineHint(values);
      setFields(form, { status: "pending", ...values });
      initial = fieldsOf(form);
      suggestAssignees();
    },
    send: async (fields) => send(changedFields(fields, initial)),
  });
}

function add() {
  openEditor("New task", {}, async (fields) => {
    const { title } = await call("POST", "tasks", { fields });
    showToast(`Added: ${title}`);
    list.load();
  });
}

/** Edits the stored task. The ETag makes saving fail if another user changes it meanwhile. */
async function edit(id) {
  const task = await call("GET", taskPath(id));
  const { assignee } = task;
  const values = { ...task, deadline: dateOf(task), assignee: assignee && labelOf(assignee) };
  openEditor("Change the task", values, async (fields) => {
    if (Object.keys(fields).length === 0) return;
    const { title } = await call("PATCH", taskPath(id), { fields, etag: task.etag });
    showToast(`Changed: ${title}`);
    list.load();
  });
}

/**
 * The editor sets only dates. A deadline with a time of day, which a script has set, keeps it as
 * long as the date is not changed. The hint says so.
 */
function showDeadlineHint({ deadline_iso8601: deadline, deadline_date: date }) {
  deadlineHint.textContent =
    deadline && !date
      ? `Until ${deadline.slice(11, 19)} UTC on this day. If you choose another, until its end.`
      : `Until the end of that day in ${zone}. Empty: none.`;
}

function remove({ id, title }) {
  confirm(`Delete the task “${title}”? This cannot be undone.`, "Delete", async () => {
    await call("DELETE", taskPath(id));
    showToast(`Deleted: ${title}`);
    list.load();
  });
}

/** Suggests users that match what is typed. If the request fails, the field works without. */
async function suggestAssignees() {
  if (!suggestions) return;
  const typed = assignee.value;
  const query = new URLSearchParams({ status: "active", q: typed });
  const { items } = await call("GET", `users?${query}`).catch(() => ({ items: [] }));
  if (assignee.value !== typed) return;
  const options = items.map((user) => new Option(nameOf(user), labelOf(user)));
  suggestions.replaceChildren(...options);
}

document.getElementById("add")?.addEventListener("click", add);
assignee?.addEventListener("input", () => {
  clearTimeout(suggestAssignees.timer);
  suggestAssignees.timer = setTimeout(suggestAssignees, 200);
});
list.load();
