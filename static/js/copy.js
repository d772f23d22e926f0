// Copies text to the clipboard.

import { showToast } from "./page.js";

/**
 * Copies `text`. If the browser does not allow that, selects the text in the element that `show`
 * makes visible and returns.
 */
export async function copy(text, show) {
  try {
    // `navigator.clipboard` exists only over TLS and on localhost.
    await navigator.clipboard.writeText(text);
    showToast("Copied.");
  } catch {
    const element = show();
    if (element.select) element.select();
    else getSelection().selectAllChildren(element);
    showToast("Selected. Now copy it with your keyboard or menu.");
  }
}
