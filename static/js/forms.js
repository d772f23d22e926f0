// Submits forms, and shows validation errors beside their fields. The service renders
// errors into the same elements for browsers without scripts (static/pages/fields.html).

/** Calls `send` when the form is submitted, and shows its errors. */
export function onSubmit(form, send) {
  const button = form.querySelector("button:not([type=button])");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    showErrors(form, {});
    try {
      await send();
    } catch (error) {
      showErrors(form, error.errors, error.message);
    } finally {
      button.ariaDisabled = null;
    }
  });
}

/** Shows errors, and moves the focus to the first invalid field or to the summary. */
function showErrors(form, errors = {}, message = "") {
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
