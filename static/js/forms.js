// Shows beside each field of a form what is wrong with it, in the same places as the service itself does.

import { Refusal, root } from "./api.js";

/** Calls `send` with the form's fields when the form is sent, and shows what was refused. */
export function onSend(form, send) {
  const button = form.querySelector("button:not([type=button])");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    showErrors(form, {});
    try {
      await send(fieldsOf(form));
    } catch (problem) {
      showProblem(form, problem);
    } finally {
      button.ariaDisabled = null;
    }
  });
}

/**
 * What was typed, by name. An input that was left empty says nothing, unless `data-empty` has what it
 * says then.
 */
export function fieldsOf(form) {
  const fields = {};
  for (const [name, value] of new FormData(form)) {
    const { empty } = form.elements[name].dataset;
    if (value !== "") fields[name] = value;
    else if (empty !== undefined) fields[name] = empty;
  }
  return fields;
}

/** The fields that say something else than before: of a record, only what somebody has changed is sent. */
export function changes(fields, before) {
  return Object.fromEntries(Object.entries(fields).filter(([name, value]) => value !== before[name]));
}

/** Puts values into the fields of a form. */
export function setFields(form, values) {
  for (const input of form.elements) {
    if (input.name) input.value = values[input.name] ?? "";
  }
}

/** Empties a form, and takes away what was said of it. */
export function clear(form) {
  form.reset();
  showErrors(form, {});
}

/** Tells why a form was refused, and brings the first field at fault into view. */
export function showProblem(form, problem) {
  if (problem instanceof Refusal && problem.status === 401 && !form.matches("[data-entrance]")) {
    showErrors(form, {}, "You are signed out by now. ");
    const link = document.createElement("a");
    Object.assign(link, { href: new URL("login", root).href, target: "_blank", textContent: "Sign in in a new tab" });
    form.querySelector(".summary").append(link, ", then try again here.");
    return;
  }
  showErrors(form, problem.errors ?? {}, problem.message);
}

function showErrors(form, errors, message = "") {
  const summary = form.querySelector(".summary");
  const unseen = [];
  let first = null;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const place of form.querySelectorAll(".error")) place.textContent = "";
  for (const input of form.elements) {
    if (!input.name || input.type === "hidden" || !(input.name in errors)) continue;
    input.setAttribute("aria-invalid", "true");
    document.getElementById(`${input.id}-error`).textContent = errors[input.name];
    first ??= input;
  }
  for (const [name, why] of Object.entries(errors)) {
    if (!form.elements[name] || form.elements[name].type === "hidden") unseen.push(`${name} ${why}`);
  }
  summary.textContent = unseen.length > 0 ? unseen.join("; ") : first ? "" : message;
  if (first) first.focus();
  else if (summary.textContent) summary.focus();
}
