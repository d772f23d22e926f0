// The page that whoever signs in sees first: what they have to do, and what is due next.

import { call } from "./api.js";
import { fill } from "./fill.js";
import { List } from "./list.js";
import "./page.js";
import { showTask } from "./task.js";
import { showDue } from "./time.js";

const FIRST = { sort: "deadline", per_page: 5 };
const template = document.getElementById("task");
const widget = document.getElementById("widget");
const waiting = document.getElementById("waiting");

const tasks = ["in_progress", "pending"].map(
  (status) =>
    new List(document.getElementById(status), {
      path: "tasks",
      query: { mine: true, status, ...FIRST },
      show: (task) => showTask(template, task, load),
    }),
);

function load() {
  return Promise.all(tasks.map((list) => list.load()));
}

const deadlines = new List(document.getElementById("deadlines"), {
  path: "widgets",
  query: { deadline_after: new Date().toISOString(), ...FIRST },
  show(record) {
    const element = fill(widget, record);
    showDue(element.querySelector(".due"), record.deadline_iso8601, record.deadline_passed, "passed");
    return element;
  },
});

/** Tells an administrator how many accounts wait. What is wrong if that fails, the lists tell. */
async function showWaiting() {
  const { total_items: count } = await call("GET", "users?status=pending&per_page=5");
  const link = waiting.querySelector("a");
  link.textContent = count === 1 ? "One account waits for your approval" : `${count} accounts wait for your approval`;
  waiting.hidden = count === 0;
}

load();
deadlines.load();
if (waiting) showWaiting().catch(() => {});
