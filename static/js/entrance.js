// Sends the forms that somebody comes in by without leaving the page. Without this, the browser does.

import { enter } from "./api.js";
import { onSend } from "./forms.js";

for (const form of document.querySelectorAll("form[data-entrance]")) {
  onSend(form, async () => {
    const { next } = await enter(form);
    location.assign(new URL(next, form.action));
  });
}
