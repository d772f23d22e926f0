// Copies texts: `<button data-copy="id">` that of an element, `<button data-copy-from="address">` that
// of the template whose page it is. `#copied` says what has become of it.

import { fetchPage } from "./page.js";

/** For how long a button says what it has done. */
const SHOWN_MS = 2_000;

export async function copy(button) {
  const { copy: id, copyFrom } = button.dataset;
  const said = document.getElementById("copied");
  said.textContent = "";
  try {
    const { page } = copyFrom ? await fetchPage(copyFrom) : { page: document };
    // The clipboard exists only over TLS and on localhost.
    await navigator.clipboard.writeText(page.getElementById(id ?? "text").textContent);
    said.textContent = "Copied.";
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), SHOWN_MS);
  } catch {
    const element = document.getElementById(id);
    if (element) getSelection().selectAllChildren(element);
    const next = "Selected. Now copy it with your keyboard or menu.";
    said.textContent = element ? next : "That did not work. Open the template and copy it there.";
  }
}
