// Shows a secret that the service shows once, until its dialog is closed.

import { copy } from "./copy.js";
import { ask } from "./page.js";

/** Opens a dialog with a secret in its `.secret`, which its button `.copy` copies. */
export function reveal(dialog, text) {
  const place = dialog.querySelector(".secret");
  place.textContent = text;
  dialog.querySelector(".copy").onclick = () => copy(place.textContent, () => place);
  dialog.onclose = () => (place.textContent = "");
  ask(dialog, { send: async () => {} });
}
