// The page of tasks: everybody moves on what is theirs, managers hand out, change and delete.

import { call } from "./api.js";
import { changes, fieldsOf, setFields } from "./forms.js";
import { List } from "./list.js";
import { ask, attempt, confirm, tell } from "./page.js";
import { path, showTask } from "./task.js";

const editor = document.getElementById("editor");
const accounts = document.getElementById("accounts");

const list = new List(document.getElementById("tasks"), {
  path: "tasks",
  filters: document.getElementById("filters"),
  show(task) {
    const element = showTask(document.getElementById("task"), task, () => list.load());
    const on = (part, act) => element.querySelector(part)?.addEventListener("click", act);
    on(".edit", (event) => attempt(event.target, () => edit(task.id)));
    on(".delete", () => remove(task));
    return element;
  },
});

/** Opens the editor, and sends what is another value then than `values`. */
function write(title, values, send) {
  let before;
  ask(editor, {
    prepare(form) {
      editor.querySelector("h2").textContent = title;
      showTimeOfDay(values.deadline_iso8601);
      setFields(form, { status: "pending", ...values });
      before = fieldsOf(form);
      suggest();
    },
    send: async (fields) => send(changes(fields, before)),
  });
}

function add() {
  write("New task", {}, async (fields) => {
    const { title } = await call("POST", "tasks", { fields });
    tell(`Added: ${title}`);
    list.load();
  });
}

/** Changes a task as it is now, unless somebody else has changed it meanwhile. */
async function edit(id) {
  const task = await call("GET", path(id));
  const values = { ...task, deadline: task.deadline_iso8601?.slice(0, 10), assignee: task.assignee?.email };
  write("Change the task", values, async (fields) => {
    if (Object.keys(fields).length === 0) return;
    const { title } = await call("PATCH", path(id), { fields, etag: task.etag });
    tell(`Changed: ${title}`);
    list.load();
  });
}

/** Days are chosen here; a time of day that a script has set stays as long as the day does, and so it is told. */
function showTimeOfDay(deadline) {
  const time = deadline?.slice(11, 19) ?? "23:59:59";
  document.getElementById("editor-deadline-hint").textContent =
    time === "23:59:59"
      ? "Until the end of that day, UTC. Empty: none."
      : `Until ${time} UTC on this day. If you choose another, until its end.`;
}

function remove({ id, title }) {
  confirm(`Delete the task “${title}”? This cannot be undone.`, "Delete", async () => {
    await call("DELETE", path(id));
    tell(`Deleted: ${title}`);
    list.load();
  });
}

/** Suggests accounts to an administrator. Without suggestions, any can still be typed. */
async function suggest() {
  if (!accounts) return;
  const typed = document.getElementById("editor-assignee").value;
  const query = new URLSearchParams({ status: "active", q: typed });
  const { items } = await call("GET", `users?${query}`).catch(() => ({ items: [] }));
  if (document.getElementById("editor-assignee").value !== typed) return;
  accounts.replaceChildren(...items.map(({ email, username }) => new Option(username ?? "", email)));
}

document.getElementById("add")?.addEventListener("click", add);
document.getElementById("editor-assignee")?.addEventListener("input", () => {
  clearTimeout(suggest.timer);
  suggest.timer = setTimeout(suggest, 200);
});
list.load();
