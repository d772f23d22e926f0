// Keyboard shortcuts. A link or a field says in `aria-keyshortcuts` which key leads to it; `j` and `k`
// go from row to row, and `?` shows what there is. The account page switches them off.

const TYPED_INTO = "input, textarea, select, [contenteditable]";

export function pressKey(event) {
  const { key, target, ctrlKey, altKey, metaKey } = event;
  const isOn = document.documentElement.matches("[data-shortcuts]");
  if (!isOn || ctrlKey || altKey || metaKey || target.closest(TYPED_INTO)) return;
  const list = document.getElementById("shortcuts");
  if (key === "?") return list.togglePopover();
  const next = key === "j" || key === "k" ? nextRow(key === "j" ? 1 : -1) : withKey(key);
  if (!next) return;
  event.preventDefault();
  list.hidePopover();
  if (next.matches("input") || !next.ariaKeyShortcuts) next.focus();
  else next.click();
}

/** What the page has for a key, rather than what all pages have. */
function withKey(key) {
  const all = [...document.querySelectorAll("[aria-keyshortcuts]")];
  return all.findLast((part) => part.ariaKeyShortcuts === key && part.checkVisibility());
}

/** The title of the row that is so many after the one with the focus; first the first row's. */
function nextRow(step) {
  const titles = [...document.querySelectorAll(".row .text a")];
  const row = document.activeElement?.closest(".row");
  return titles[titles.findIndex((title) => title.closest(".row") === row) + step];
}
