// Copies a text for whoever presses the button that is for it.

import { tell } from "./page.js";

/** Copies a text; where the browser does not let us, selects it in the element that `show` brings into view. */
export async function copy(text, show) {
  try {
    // Only there over TLS, or on this very machine.
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch {
    const element = show();
    if (element.select) element.select();
    else getSelection().selectAllChildren(element);
    tell("Selected. Now copy it with your keyboard or menu.");
  }
}
