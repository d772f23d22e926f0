// The widgets page. All users read widgets; administrators create, edit and delete them.

import { call } from "./api.js";
import { fill } from "./fill.js";
import { changedFields, fieldsOf, setFields } from "./forms.js";
import { List } from "./list.js";
import { confirm, openDialog, runAction, showToast } from "./page.js";
import { dateOf, showDeadline } from "./time.js";
import { labelOf, nameOf } from "./user.js";

const editor = document.getElementById("editor");
const template = document.getElementById("widget");

const list = new List(document.getElementById("widgets"), {
  path: "widgets",
  filters: document.getElementById("filters"),
  show(widget) {
    const { owner } = widget;
    const shown = { ...owner, called: nameOf(owner), label: labelOf(owner) };
    const element = fill(template, { ...widget, owner: shown });
    const { deadline_iso8601: deadline, deadline_passed: isPassed } = widget;
    showDeadline(element.querySelector(".due"), deadline, isPassed, "passed");
    const onClick = (selector, action) =>
      element.querySelector(selector)?.addEventListener("click", action);
    onClick(".edit", (event) => runAction(event.target, () => edit(widget.name)));
    onClick(".delete", () => remove(widget.name));
    return element;
  },
});

function widgetPath(name) {
  return `widgets/${encodeURIComponent(name)}`;
}

function add() {
  openDialog(editor, {
    prepare: () => (editor.querySelector("h2").textContent = "New widget"),
    async send(fields) {
      await call("POST", "widgets", { fields });
      showToast(`${fields.name} is added.`);
      list.load();
    },
  });
}

/** Edits the stored widget. The ETag makes saving fail if another user changes it meanwhile. */
async function edit(name) {
  const widget = await call("GET", widgetPath(name));
  let before;
  openDialog(editor, {
    prepare(form) {
      editor.querySelector("h2").textContent = `Change ${name}`;
      setFields(form, { ...widget, deadline: dateOf(widget) });
      before = fieldsOf(form);
    },
    async send(typed) {
      const fields = changedFields(typed, before);
      if (Object.keys(fields).length === 0) return;
      const changed = await call("PATCH", widgetPath(name), { fields, etag: widget.etag });
      showToast(`${changed.name} is changed.`);
      list.load();
    },
  });
}

function remove(name) {
  confirm(`Delete the widget ${name}? This cannot be undone.`, "Delete", async () => {
    await call("DELETE", widgetPath(name));
    showToast(`${name} is deleted.`);
    list.load();
  });
}

document.getElementById("add")?.addEventListener("click", add);
list.load();
