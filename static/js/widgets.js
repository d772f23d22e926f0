// The page of widgets: everybody reads them, administrators add, change and delete them.

import { call } from "./api.js";
import { fill } from "./fill.js";
import { changes, fieldsOf, setFields } from "./forms.js";
import { List } from "./list.js";
import { ask, attempt, confirm, tell } from "./page.js";
import { showDue } from "./time.js";

const editor = document.getElementById("editor");
const template = document.getElementById("widget");

const list = new List(document.getElementById("widgets"), {
  path: "widgets",
  filters: document.getElementById("filters"),
  show(widget) {
    const element = fill(template, widget);
    showDue(element.querySelector(".due"), widget.deadline_iso8601, widget.deadline_passed, "passed");
    const on = (part, act) => element.querySelector(part)?.addEventListener("click", act);
    on(".edit", (event) => attempt(event.target, () => edit(widget.name)));
    on(".delete", () => remove(widget.name));
    return element;
  },
});

function path(name) {
  return `widgets/${encodeURIComponent(name)}`;
}

function add() {
  ask(editor, {
    prepare: () => (editor.querySelector("h2").textContent = "New widget"),
    async send(fields) {
      await call("POST", "widgets", { fields });
      tell(`${fields.name} is added.`);
      list.load();
    },
  });
}

/** Changes a widget as it is now, unless somebody else has changed it meanwhile. */
async function edit(name) {
  const widget = await call("GET", path(name));
  let before;
  ask(editor, {
    prepare(form) {
      editor.querySelector("h2").textContent = `Change ${name}`;
      setFields(form, { ...widget, deadline: widget.deadline_iso8601.slice(0, 10) });
      before = fieldsOf(form);
    },
    async send(typed) {
      const fields = changes(typed, before);
      if (Object.keys(fields).length === 0) return;
      const changed = await call("PATCH", path(name), { fields, etag: widget.etag });
      tell(`${changed.name} is changed.`);
      list.load();
    },
  });
}

function remove(name) {
  confirm(`Delete the widget ${name}? This cannot be undone.`, "Delete", async () => {
    await call("DELETE", path(name));
    tell(`${name} is deleted.`);
    list.load();
  });
}

document.getElementById("add")?.addEventListener("click", add);
list.load();
