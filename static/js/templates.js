// The templates page: private texts, to copy and reuse.

import { call } from "./api.js";
import { copy } from "./copy.js";
import { fill } from "./fill.js";
import { changedFields, fieldsOf, setFields } from "./forms.js";
import { List } from "./list.js";
import { confirm, openDialog, runAction, showToast } from "./page.js";

/** How many characters of a body the list renders. CSS cuts it to three lines. */
const EXCERPT_LENGTH = 600;

const reader = document.getElementById("reader");
const editor = document.getElementById("editor");

const list = new List(document.getElementById("templates"), {
  path: "templates",
  filters: document.getElementById("filters"),
  show(template) {
    const excerpt = template.body.slice(0, EXCERPT_LENGTH);
    const element = fill(document.getElementById("template"), { ...template, body: excerpt });
    const onClick = (selector, action) =>
      element.querySelector(selector).addEventListener("click", action);
    onClick(".name", (event) => runAction(event.target, async () => read(await whole(template))));
    onClick(".copy", (event) => runAction(event.target, () => copyBody(template)));
    onClick(".edit", (event) => runAction(event.target, () => edit(template.name)));
    onClick(".delete", () => remove(template.name));
    return element;
  },
});

function templatePath(name) {
  return `templates/${encodeURIComponent(name)}`;
}

/** All of a template of the list, which has only the beginning of a long body. */
async function whole(template) {
  return template.body_truncated ? call("GET", templatePath(template.name)) : template;
}

async function copyBody(listed) {
  const template = await whole(listed);
  await copy(template.body, () => read(template));
}

/** Shows all of a template in a dialog. Returns the element that has the body. */
function read(template) {
  const content = fill(document.getElementById("reader-content"), template);
  const body = content.querySelector(".full-text");
  reader.querySelector(".copy").onclick = () => copy(template.body, () => body);
  openDialog(reader, {
    prepare: () => reader.querySelector(".content").replaceChildren(content),
    send: async () => {},
  });
  return body;
}

/**
 * Opens the editor with `values`. `send` gets the fields that the user has changed: a text area
 * changes line ends, so an unchanged body must not be sent.
 */
function openEditor(title, values, send) {
  let initial;
  openDialog(editor, {
    prepare(form) {
      editor.querySelector("h2").textContent = title;
      setFields(form, values);
      initial = fieldsOf(form);
    },
    send: async (fields) => send(changedFields(fields, initial)),
  });
}

function add() {
  openEditor("New template", {}, async (fields) => {
    const { name } = await call("POST", "templates", { fields });
    showToast(`Added: ${name}`);
    list.load();
  });
}

/**
 * Edits the stored template, all of it. The ETag makes saving fail if another tab changes it
 * meanwhile.
 */
async function edit(name) {
  const template = await call("GET", templatePath(name));
  openEditor("Change the template", template, async (fields) => {
    if (Object.keys(fields).length === 0) return;
    const changed = await call("PATCH", templatePath(name), { fields, etag: template.etag });
    showToast(`Changed: ${changed.name}`);
    list.load();
  });
}

function remove(name) {
  confirm(`Delete the template “${name}”? This cannot be undone.`, "Delete", async () => {
    await call("DELETE", templatePath(name));
    showToast(`Deleted: ${name}`);
    list.load();
  });
}

document.getElementById("add").addEventListener("click", add);
list.load();
