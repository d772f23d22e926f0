// The page of templates: texts that nobody else sees, to be kept and copied.

import { call } from "./api.js";
import { copy } from "./copy.js";
import { fill } from "./fill.js";
import { changes, fieldsOf, setFields } from "./forms.js";
import { List } from "./list.js";
import { ask, attempt, confirm, tell } from "./page.js";

/** How much of a text a list shows at the most: more than three lines have. */
const BEGINNING = 600;

const reader = document.getElementById("reader");
const editor = document.getElementById("editor");

const list = new List(document.getElementById("templates"), {
  path: "templates",
  filters: document.getElementById("filters"),
  show(record) {
    const element = fill(document.getElementById("template"), { ...record, body: record.body.slice(0, BEGINNING) });
    const on = (part, act) => element.querySelector(part).addEventListener("click", act);
    on(".name", () => read(record));
    on(".copy", () => copy(record.body, () => read(record)));
    on(".edit", (event) => attempt(event.target, () => edit(record.name)));
    on(".delete", () => remove(record.name));
    return element;
  },
});

function path(name) {
  return `templates/${encodeURIComponent(name)}`;
}

/** Shows all of a text, and answers the element that does. */
function read(record) {
  const whole = fill(document.getElementById("whole"), record);
  const text = whole.querySelector(".reading");
  reader.querySelector(".copy").onclick = () => copy(record.body, () => text);
  ask(reader, { prepare: () => reader.querySelector(".content").replaceChildren(whole), send: async () => {} });
  return text;
}

/** Opens the editor, and sends what is another value then than `values`: a text that stays keeps its line ends. */
function write(title, values, send) {
  let before;
  ask(editor, {
    prepare(form) {
      editor.querySelector("h2").textContent = title;
      setFields(form, values);
      before = fieldsOf(form);
    },
    send: async (fields) => send(changes(fields, before)),
  });
}

function add() {
  write("New template", {}, async (fields) => {
    const { name } = await call("POST", "templates", { fields });
    tell(`Added: ${name}`);
    list.load();
  });
}

/** Changes a template as it is now, unless it has been changed meanwhile, in another tab. */
async function edit(name) {
  const record = await call("GET", path(name));
  write("Change the template", record, async (fields) => {
    if (Object.keys(fields).length === 0) return;
    const changed = await call("PATCH", path(name), { fields, etag: record.etag });
    tell(`Changed: ${changed.name}`);
    list.load();
  });
}

function remove(name) {
  confirm(`Delete the template “${name}”? This cannot be undone.`, "Delete", async () => {
    await call("DELETE", path(name));
    tell(`Deleted: ${name}`);
    list.load();
  });
}

document.getElementById("add").addEventListener("click", add);
list.load();
