// Changes a part of the page into its next state and keeps what has not changed: focus, scroll
// position, open menus, and what is being typed.

/** Whether inputs keep what somebody has typed or chosen. */
let keepsTyped = true;

/** Makes `from` equal to `to`, a part of another document. Elements with the same id are the same. */
export function morph(from, to, keeps) {
  keepsTyped = keeps;
  const focused = document.activeElement;
  const row = focused?.closest("li, [id]");
  const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
  change(from, to);
  if (document.activeElement === focused || !focused || focused === document.body) return;
  // What had the focus is gone, or was moved.
  const same = focused.isConnected ? focused : focused.id && document.getElementById(focused.id);
  const place = same || (row?.isConnected ? row : neighbour);
  const next = same || place?.querySelector("a, button, summary") || document.querySelector("main");
  if (next?.isConnected) next.focus({ preventScroll: true });
}

function change(from, to) {
  if (from.isEqualNode(to) || from.matches?.("[data-kept]")) return;
  if (from.nodeType !== Node.ELEMENT_NODE) {
    from.nodeValue = to.nodeValue;
    return;
  }
  const isField = from.matches("input, select, textarea");
  const keepsValue = keepsTyped && (from === document.activeElement || isTyped(from));
  changeAttributes(from, to);
  if (isField && !keepsValue) {
    from.value = to.value;
    from.checked = to.checked;
  }
  changeChildren(from, to);
}

/** Whether an input has another value than the service gave it. */
export function isTyped(from) {
  if (from.tagName !== "SELECT") {
    return from.value !== from.defaultValue || from.checked !== from.defaultChecked;
  }
  const given = [...from.options].find((option) => option.defaultSelected) ?? from.options[0];
  return from.value !== given?.value;
}

function changeAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    // Whether details are open is the reader's.
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function changeChildren(from, to) {
  const ids = new Set([...to.children].map(({ id }) => id));
  for (const child of [...from.children]) if (child.id && !ids.has(child.id)) child.remove();
  // The texts before and after what was removed are one again.
  from.normalize();
  let at = from.firstChild;
  for (const next of to.childNodes) {
    const same = findSame(from, at, next);
    if (same) change(same, next);
    if (same && same === at) at = at.nextSibling;
    // To move a node in another way would take its focus.
    else if (same && from.moveBefore) from.moveBefore(same, at);
    else from.insertBefore(same ?? document.importNode(next, true), at);
  }
  while (at) {
    const rest = at.nextSibling;
    at.remove();
    at = rest;
  }
}

/** A node without an id is the same as the next one of its kind without an id; a text, as the next node. */
function findSame(from, at, next) {
  const isSame = ({ id, nodeName }) => nodeName === next.nodeName && (id ?? "") === (next.id ?? "");
  if (next.id) return [...from.children].find(isSame);
  if (next.nodeType !== Node.ELEMENT_NODE) return at && isSame(at) ? at : null;
  let node = at;
  while (node && !isSame(node)) node = node.nextSibling;
  return node;
}
