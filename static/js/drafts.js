// Drafts. What is typed into a `form[data-draft]` stays in this browser until it is sent or discarded,
// or its user signs out. If the browser stores nothing, there are none.

import { isTyped } from "./morph.js";

const PREFIX = "widgetd-draft ";
const MOST_DRAFTS = 20;

/** Milliseconds. */
const LIFE = 14 * 24 * 3_600_000;

/** Characters; no form may be longer. */
const LONGEST = 128 * 1024;

/** In the session's storage: whose drafts go if a form has ended the session. */
const LEAVING = "widgetd-leaving";

/** What the login page says after a sign-out. */
const HAS_LEFT = /notice=(logged-out|deleted)/;

const owner = () => `${PREFIX}${document.querySelector("[data-user]")?.dataset.user} `;
const keyOf = (form, target = new URL(form.action)) => owner() + target.pathname + target.search;
const read = (key) => JSON.parse(localStorage.getItem(key));
const keys = (start) => Object.keys(localStorage).filter((key) => key.startsWith(start));
const fieldsOf = (form) => [
  ...form.querySelectorAll("input:not([type=hidden], [type=password]), select, textarea"),
];

/** A browser may refuse to store, or have no space left. */
function quietly(action) {
  try {
    action();
  } catch {}
}

/** Keeps the fields that have changed, and what the form had shown when the first one did. */
function save(form) {
  const key = keyOf(form);
  const old = read(key);
  const values = { ...old?.values };
  for (const field of fieldsOf(form)) {
    const { name, value } = field;
    if (name in values || isTyped(field)) values[name] = value;
  }
  const seen = old ? old.seen : form.elements.seen?.value;
  const text = JSON.stringify({ at: Date.now(), seen, values });
  if (text.length <= LONGEST) localStorage.setItem(key, text);
  if (!old) purge();
}

/** Removes what is old, or too much. */
function purge() {
  const drafts = keys(PREFIX).map((key) => ({ key, at: read(key).at }));
  drafts.sort((one, other) => other.at - one.at);
  for (const [n, { key, at }] of drafts.entries()) {
    if (n >= MOST_DRAFTS || at < Date.now() - LIFE) localStorage.removeItem(key);
  }
}

/** Puts the drafts of a page back into its forms. */
export function restoreDrafts() {
  quietly(() => {
    const leaving = sessionStorage.getItem(LEAVING);
    sessionStorage.removeItem(LEAVING);
    if (leaving && HAS_LEFT.test(location.search)) remove(() => true, leaving);
    purge();
    // The answer to a form that the browser itself has sent.
    if (document.querySelector("#flash, .secret")) remove((draft) => draft.isSent);
    document.querySelectorAll("form[data-draft]").forEach(restore);
  });
}

function restore(form) {
  const key = keyOf(form);
  const draft = read(key);
  if (!draft) return;
  if (draft.isSent) localStorage.setItem(key, JSON.stringify({ ...draft, isSent: false }));
  const isLost = ({ name, value }) => name in draft.values && draft.values[name] !== value;
  const lost = fieldsOf(form).filter(isLost);
  if (lost.length === 0) return;
  for (const field of lost) field.value = draft.values[field.name];
  const { seen } = form.elements;
  const present = seen?.value;
  if (seen) seen.value = draft.seen;
  showNotice(form, draft.at, () => {
    form.reset();
    if (seen) seen.value = present;
    lost[0].focus();
  });
}

function showNotice(form, at, discard) {
  const time = { hour: "2-digit", minute: "2-digit" };
  const isOfToday = new Date(at).toDateString() === new Date().toDateString();
  const day = isOfToday ? {} : { day: "numeric", month: "short" };
  const said = new Date(at).toLocaleString("en-GB", { ...day, ...time });
  const notice = document.createElement("div");
  Object.assign(notice, { id: "draft", className: "notice head", role: "status" });
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "quiet small", textContent: "Discard" });
  button.addEventListener("click", () => {
    forgetDraft(form);
    discard();
  });
  const text = document.createElement("p");
  text.textContent = `Your unsaved text of ${said} is back.`;
  notice.append(text, button);
  form.before(notice);
}

/** For a form that was sent, or is not to be sent. */
export function forgetDraft(form, target) {
  if (!form.matches("[data-draft]")) return;
  quietly(() => localStorage.removeItem(keyOf(form, target)));
  document.getElementById("draft")?.remove();
}

/** Removes those of a user that fit. */
function remove(fits, of = owner()) {
  for (const key of keys(of)) if (fits(read(key))) localStorage.removeItem(key);
}

for (const kind of ["input", "change"]) {
  document.addEventListener(kind, ({ target: { form } }) => {
    if (form?.matches("[data-draft]")) quietly(() => save(form));
  });
}

document.addEventListener("click", ({ target, ctrlKey, metaKey, shiftKey }) => {
  const cancel = target.closest("form[data-draft] .buttons a");
  if (cancel && !ctrlKey && !metaKey && !shiftKey) forgetDraft(cancel.closest("form"));
});

document.addEventListener("submit", ({ target: form }) => {
  quietly(() => {
    if (form.matches("[data-navigate]")) sessionStorage.setItem(LEAVING, owner());
    const draft = form.matches("[data-draft][data-navigate]") && read(keyOf(form));
    if (draft) localStorage.setItem(keyOf(form), JSON.stringify({ ...draft, isSent: true }));
  });
});
