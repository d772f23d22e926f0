// Copies texts: `<button data-copy="id">` that of an element, `<button data-copy-from="address">` that
// of the template at an address of the API. `#copied` says what has become of it.

/** Milliseconds for which a button says what it has done. */
const SHOWN = 2_000;

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const said = document.getElementById("copied");
  const { copy, copyFrom } = button.dataset;
  const element = copy && document.getElementById(copy);
  said.textContent = "";
  try {
    // The clipboard exists only over TLS and on localhost.
    await navigator.clipboard.writeText(element?.textContent ?? (await read(copyFrom)));
    said.textContent = "Copied.";
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), SHOWN);
  } catch {
    if (element) getSelection().selectAllChildren(element);
    const next = "Selected. Now copy it with your keyboard or menu.";
    said.textContent = element ? next : "That did not work. Open the template and copy it there.";
  }
});

/** The whole text of a template. */
async function read(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(response.statusText);
  return (await response.json()).body;
}
