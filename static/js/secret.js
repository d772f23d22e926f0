// Shows a secret that the service returns only once.

import { copy } from "./copy.js";
import { openDialog } from "./page.js";

/** Opens a dialog with `text` in its `.secret`. Closing it removes the text from the page. */
export function showSecret(dialog, text) {
  const output = dialog.querySelector(".secret");
  output.textContent = text;
  dialog.querySelector(".copy").onclick = () => copy(output.textContent, () => output);
  dialog.onclose = () => (output.textContent = "");
  openDialog(dialog, { send: async () => {} });
}
