// The home page: the user's own tasks and the next deadlines of widgets.

import { call } from "./api.js";
import { fill } from "./fill.js";
import { List } from "./list.js";
import "./page.js";
import { showTask } from "./task.js";
import { showDeadline } from "./time.js";

const FIRST_DUE = { sort: "deadline", per_page: 5 };
const taskTemplate = document.getElementById("task");
const widgetTemplate = document.getElementById("widget");
const pendingUsers = document.getElementById("pending-users");

const taskLists = ["in_progress", "pending"].map(
  (status) =>
    new List(document.getElementById(status), {
      path: "tasks",
      query: { mine: true, status, ...FIRST_DUE },
      show: (task) => showTask(taskTemplate, task, loadTasks),
    }),
);

function loadTasks() {
  return Promise.all(taskLists.map((list) => list.load()));
}

const deadlines = new List(document.getElementById("deadlines"), {
  path: "widgets",
  query: { deadline_after: new Date().toISOString(), ...FIRST_DUE },
  show(widget) {
    const element = fill(widgetTemplate, widget);
    const { deadline_iso8601: deadline, deadline_passed: isPassed } = widget;
    showDeadline(element.querySelector(".due"), deadline, isPassed, "passed");
    return element;
  },
});

/** Shows administrators how many accounts wait for approval. */
async function showPendingUsers() {
  const { total_items: count } = await call("GET", "users?status=pending&per_page=5");
  pendingUsers.querySelector("a").textContent =
    count === 1
      ? "One account waits for your approval"
      : `${count} accounts wait for your approval`;
  pendingUsers.hidden = count === 0;
}

loadTasks();
deadlines.load();
// If this request fails, so do the lists, and they show the error.
if (pendingUsers) showPendingUsers().catch(() => {});
