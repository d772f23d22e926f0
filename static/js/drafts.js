// Drafts. What is typed into a `form[data-draft]` stays in this browser until it is sent or discarded,
// or its user signs out. If the browser stores nothing, there are none.

import { isTyped } from "./morph.js";

const PREFIX = "widgetd-draft ";
const MOST_DRAFTS = 20;
const LIFE_MS = 14 * 24 * 3_600_000;

/** Characters; no form may be longer. */
const LONGEST = 128 * 1024;

/** In the session's storage, from app.js: whose pages this tab has shown. */
const USER = "widgetd-user";

/** What the login page says after a sign-out. */
const HAS_LEFT = /notice=(logged-out|deleted)/;

const user = () => document.querySelector("[data-user]")?.dataset.user;
const read = (key) => JSON.parse(localStorage.getItem(key));
const keys = (start) => Object.keys(localStorage).filter((key) => key.startsWith(start));
const fieldsOf = (form) => [
  ...form.querySelectorAll("input:not([type=hidden], [type=password]), select, textarea"),
];

function keyOf(form) {
  const { pathname, search } = new URL(form.action);
  return `${PREFIX}${user()} ${pathname}${search}`;
}

/** A browser may refuse to store, or have no space left. */
const quietly = (action) => (part) => {
  try {
    action(part);
  } catch {}
};

/** Keeps the fields that have changed, and what the form had shown when the first one did. */
export const saveDraft = quietly(({ form }) => {
  const key = keyOf(form);
  const old = read(key);
  const values = old?.values ?? { seen: form.elements.seen?.value };
  for (const field of fieldsOf(form)) {
    if (field.name in values || isTyped(field)) values[field.name] = field.value;
  }
  const text = JSON.stringify({ at: Date.now(), values });
  if (text.length <= LONGEST) localStorage.setItem(key, text);
  if (!old) purge();
});

/** Removes what is old, or too much. */
function purge() {
  const drafts = keys(PREFIX).map((key) => ({ key, at: read(key).at }));
  drafts.sort((one, other) => other.at - one.at);
  for (const [n, { key, at }] of drafts.entries()) {
    if (n >= MOST_DRAFTS || at < Date.now() - LIFE_MS) localStorage.removeItem(key);
  }
}

/** Puts the drafts of a page back into its forms. */
export const restoreDrafts = quietly(() => {
  if (!user() && HAS_LEFT.test(location.search)) {
    const left = keys(`${PREFIX}${sessionStorage.getItem(USER)} `);
    for (const key of left) localStorage.removeItem(key);
  }
  purge();
  document.querySelectorAll("form[data-draft]").forEach(restore);
});

function restore(form) {
  const draft = read(keyOf(form));
  const { seen } = form.elements;
  const given = seen?.value;
  const isLost = ({ name, value }) => (draft?.values[name] ?? value) !== value;
  const lost = fieldsOf(form).filter(isLost);
  if (lost.length === 0) return;
  for (const field of lost) field.value = draft.values[field.name];
  if (seen) seen.value = draft.values.seen;
  const notice = form.previousElementSibling;
  const style = { dateStyle: "medium", timeStyle: "short" };
  const at = new Date(draft.at).toLocaleString("en-GB", style);
  notice.querySelector("p").textContent = `Your unsaved text of ${at} is back.`;
  notice.querySelector("button").onclick = () => {
    form.reset();
    if (seen) seen.value = given;
    lost[0].focus();
  };
  notice.hidden = false;
}

/** For a form that was sent, or is not to be sent. */
export const forgetDraft = quietly((form) => {
  localStorage.removeItem(keyOf(form));
  form.previousElementSibling.hidden = true;
});
