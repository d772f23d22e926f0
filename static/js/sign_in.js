// Submits the forms that need no session (sign in, register, reset, set up) without leaving the
// page. Without this script, the browser submits them itself.

import { submitForm } from "./api.js";
import { onSubmit } from "./forms.js";

// A link to choose a password has the code in its fragment, which browsers send to nobody.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
const field = document.getElementById("code");
if (code && field) {
  field.value = code;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("new_password").focus();
}

for (const form of document.querySelectorAll("form[data-sign-in]")) {
  onSubmit(form, async () => {
    const { next } = await submitForm(form);
    location.assign(new URL(next, form.action));
  });
}
