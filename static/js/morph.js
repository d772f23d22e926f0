// Changes a part of the page into its next state and keeps what has not changed: focus, scroll
// position, open menus, and what is being typed.

/** Attributes that are the reader's. */
const KEPT = new Map([["DETAILS", ["open", "class"]]]);

/** Whether inputs keep what somebody has typed or chosen. */
let keepsTyped = true;

/** Makes `from` equal to `to`, a part of another document. Elements with the same id are the same. */
export function morph(from, to, keeps = true) {
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
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  const keepsValue = keepsTyped && (from === document.activeElement || isTyped(from));
  changeAttributes(from, to);
  if (!keepsValue) changeValue(from, to);
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
  const kept = KEPT.get(from.tagName) ?? [];
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !kept.includes(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function changeValue(from, to) {
  if (!("defaultValue" in from) && from.tagName !== "SELECT") return;
  if (from.value !== to.value) from.value = to.value;
  if (from.checked !== to.checked) from.checked = to.checked;
}

function changeChildren(from, to) {
  const byId = new Map();
  const ids = new Set([...to.children].map(({ id }) => id));
  for (const child of [...from.children]) {
    if (child.id && !ids.has(child.id)) child.remove();
    else if (child.id) byId.set(child.id, child);
  }
  // The texts before and after what was removed are one again.
  from.normalize();
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const same = next.id ? byId.get(next.id) : findSame(at, next);
    if (same && same.nodeName === next.nodeName) {
      at = removeUntil(same, at);
      if (same === at) at = at.nextSibling;
      else from.insertBefore(same, at);
      change(same, next);
    } else {
      from.insertBefore(document.importNode(next, true), at);
    }
  }
  while (at) {
    const rest = at.nextSibling;
    at.remove();
    at = rest;
  }
}

/** A node without an id is the same as the next one of its kind without an id. */
function findSame(at, next) {
  const isText = next.nodeType !== Node.ELEMENT_NODE;
  for (let node = at; node; node = isText ? null : node.nextSibling) {
    if (node.nodeName === next.nodeName && !node.id) return node;
  }
  return null;
}

/** Removes what stands before a node without a counterpart: to move the node would take its focus. */
function removeUntil(same, at) {
  const isBefore = (node) => node.compareDocumentPosition(same) & Node.DOCUMENT_POSITION_FOLLOWING;
  const isLost = (node) => node !== same && !node.id && (!same.id || node.nodeType === Node.TEXT_NODE);
  while (at && isBefore(at) && isLost(at)) {
    const rest = at.nextSibling;
    at.remove();
    at = rest;
  }
  return at;
}
