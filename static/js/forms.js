// Reads forms, submits them, and shows validation errors beside their fields. The service renders
// errors into the same elements for browsers without scripts (static/pages/fields.html).

import { Problem, root } from "./api.js";

/** Calls `send` with the form's fields when the form is submitted, and shows its errors. */
export function onSubmit(form, send) {
  const button = form.querySelector("button:not([type=button])");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    showErrors(form, {});
    try {
      await send(fieldsOf(form));
    } catch (error) {
      showError(form, error);
    } finally {
      button.ariaDisabled = null;
    }
  });
}

/**
 * The values of a form, by field name. An empty field is left out, unless it has `data-empty`:
 * then the value of that attribute is sent.
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

/** Sets all fields of a form. Fields that `values` lacks become empty. */
export function setFields(form, values) {
  for (const input of form.elements) {
    if (input.name) input.value = values[input.name] ?? "";
  }
}

/** Resets the fields of a form and removes its errors. */
export function resetForm(form) {
  form.reset();
  showErrors(form, {});
}

/** Shows an error in a form, and moves the focus to the first invalid field or to the summary. */
export function showError(form, error) {
  const isSignedOut = error instanceof Problem && error.status === 401;
  // On a sign-in form, 401 means that the password is wrong.
  if (!isSignedOut || form.matches("[data-sign-in]")) {
    showErrors(form, error.errors ?? {}, error.message);
    return;
  }
  showErrors(form, {}, "Your session has ended. ");
  const link = document.createElement("a");
  link.href = new URL("login", root).href;
  link.target = "_blank";
  link.textContent = "Sign in in a new tab";
  form.querySelector(".summary").append(link, ", then try again here.");
}

function showErrors(form, errors, message = "") {
  const summary = form.querySelector(".summary");
  let firstInvalid = null;
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
  }
  for (const element of form.querySelectorAll(".error")) element.textContent = "";
  for (const input of form.elements) {
    if (!input.name || input.type === "hidden" || !(input.name in errors)) continue;
    input.setAttribute("aria-invalid", "true");
    document.getElementById(`${input.id}-error`).textContent = errors[input.name];
    firstInvalid ??= input;
  }
  // Errors of fields that the form does not show go into the summary.
  const others = Object.entries(errors)
    .filter(([name]) => !form.elements[name] || form.elements[name].type === "hidden")
    .map(([name, error]) => `${name} ${error}`);
  summary.textContent = others.length > 0 ? others.join("; ") : firstInvalid ? "" : message;
  if (firstInvalid) firstInvalid.focus();
  else if (summary.textContent) summary.focus();
}
