// Submits the forms that need no session (sign in, register, reset, set up) without leaving the
// page. Without this script, the browser submits them itself.

import { submitForm } from "./api.js";
import { onSubmit } from "./forms.js";

for (const form of document.querySelectorAll("form[data-sign-in]")) {
  onSubmit(form, async () => {
    const { next } = await submitForm(form);
    location.assign(new URL(next, form.action));
  });
}
