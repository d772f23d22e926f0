// Asks the service for pages, and makes the present page equal to the answer.

import { morph } from "./morph.js";

/** Longer than any timeout of the service, so that its own answer arrives first. */
const REQUEST_TIMEOUT_MS = 45_000;
const RETRY_AFTER_MS = 3_000;

const LOST = "The service cannot be reached.";
const OLD = `${LOST} What you see may be old.`;

/** How often the page was read again, and its list filtered. An answer to an earlier time is old. */
let refreshes = 0;
let filters = 0;
let retryTimer;

/** Whether the session ended elsewhere. Only the first answer after that says so. */
let isEnded = false;

/** The keys of requests that create a record and had no answer. Sent again, each is done once. */
const keys = {};

const main = document.querySelector("main");
const banner = document.getElementById("banner");
const [words, retry, signIn] = banner.children;

// Only pages of this origin become markup. Scripts in them do not run.
const policy = globalThis.trustedTypes?.createPolicy("widgetd", { createHTML: (page) => page });

/** Fetches a page. Resolves to its document and its address; throws if there is no answer. */
export async function fetchPage(address, options = {}) {
  const response = await fetch(address, {
    ...options,
    headers: { Accept: "text/html", ...options.headers },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const url = new URL(response.url);
  if (hasEnded(url)) isEnded ||= url.searchParams.get("notice") === "session-ended";
  else if (response.ok) isEnded = false;
  if (!response.headers.get("Content-Type")?.startsWith("text/html")) throw new Error("no page");
  const text = await response.text();
  const page = new DOMParser().parseFromString(policy?.createHTML(text) ?? text, "text/html");
  return { page, url, status: response.status, ok: response.ok };
}

/** Reads a page. If the service does not answer, says so; `again` tries once more. */
export async function ask(address, problem, again) {
  const answer = await fetchPage(address).catch(() => null);
  if (answer && answer.status !== 429 && answer.status < 500) return answer;
  say(problem, again);
  return null;
}

/** What was read again is older than what follows. */
export function ignoreRefresh() {
  refreshes += 1;
}

/** Says that something failed while the page stayed as it is, or nothing. */
function say(text, again) {
  words.textContent = text;
  retry.onclick = again;
  retry.hidden = !again;
  signIn.hidden = true;
  banner.hidden = !text;
}

const root = document.querySelector(".brand").href;
const login = new URL("login", root);

export const hasEnded = ({ pathname }) => pathname === login.pathname;

/** What is typed stays, so signing in happens in another tab. */
export function askToSignIn() {
  say("Your session has ended, and nothing was sent.");
  const [next] = location.href.slice(root.length).split("#");
  signIn.href = `${login}?${new URLSearchParams({ next })}`;
  signIn.hidden = false;
}

/** The version of the assets that a page was made for. */
const version = (page) =>
  page.querySelector("[rel=stylesheet]")?.getAttribute("href").split("/").at(-2);

/** Shows a page in place of the present one, under its address, if it has the same frame. */
function show({ page, url }, keepsTyped = true) {
  if (version(page) !== version(document)) return location.assign(url);
  // The links in a page are relative to its address.
  if (url.href !== location.href.split("#")[0]) history.replaceState(null, "", url);
  document.title = page.title;
  for (const part of ["header", "main", ".foot", "#act"]) {
    const [from, to] = [document.querySelector(part), page.querySelector(part)];
    if (from && to) morph(from, to, keepsTyped);
  }
  document.dispatchEvent(new Event("shown"));
}

/** Shows another page. Its message is in it, and would not be there a second time. */
function go(answer) {
  history.pushState(null, "", answer.url);
  show(answer, false);
  scrollTo(0, 0);
  (main.querySelector("[autofocus]") ?? main).focus({ preventScroll: true });
}

/** Reads the present page again, until the service answers. */
export async function refresh({ keepsTyped = true } = {}) {
  clearTimeout(retryTimer);
  const own = ++refreshes;
  const answer = await fetchPage(location.href).catch(() => null);
  if (own !== refreshes) return;
  if (!answer || answer.status >= 500) {
    const again = () => refresh({ keepsTyped });
    // Not instead of what became of a form.
    if (banner.hidden) say(OLD, again);
    retryTimer = setTimeout(again, RETRY_AFTER_MS);
    return;
  }
  if (words.textContent === OLD) say("");
  const { page, url, ok, status } = answer;
  // A line that was begun is in no draft.
  const isBegun = document.getElementById("quick-line")?.value;
  if (isBegun && isEnded) return askToSignIn();
  if (url.pathname !== location.pathname) return location.assign(url);
  // What was there may be deleted, or not be the user's any more.
  if (!ok && status !== 403 && status !== 404) return;
  // What was said of the last form stays, and can still be undone.
  const flash = keepsTyped && document.getElementById("flash");
  if (flash && !page.getElementById("flash")) page.getElementById("main").prepend(flash.cloneNode(true));
  show(answer, keepsTyped);
}

/** Shows the list that a form asks for, with its address. */
export async function filter(form) {
  const url = new URL(form.getAttribute("action") ?? location.pathname, document.baseURI);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const own = ++filters;
  const answer = await ask(url, `${LOST} The list stays as it was.`, () => filter(form));
  if (!answer || own !== filters) return;
  ignoreRefresh();
  if (answer.url.pathname !== url.pathname) return location.assign(answer.url);
  history.pushState(null, "", url);
  show(answer);
  say(answer.ok ? "" : "The list cannot be shown like that.");
}

/** Sends a form that writes, and shows what is answered. Resolves to whether it was done. */
export async function send(form, submitter) {
  const button = submitter ?? form.querySelector("button");
  if (button.ariaDisabled === "true") return false;
  button.ariaDisabled = "true";
  const address = submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
  const target = new URL(address, document.baseURI);
  const body = new URLSearchParams(new FormData(form, submitter));
  document.querySelector(":popover-open")?.hidePopover();
  ignoreRefresh();
  const headers = {};
  const record = `${target} ${body}`;
  if (form.matches("[data-once]")) {
    keys[record] ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    headers["Idempotency-Key"] = keys[record];
  }
  try {
    const answer = await fetchPage(target, { method: "POST", body, headers });
    delete keys[record];
    ignoreRefresh();
    say("");
    return take(answer, form, target);
  } catch {
    say(`${LOST} It is not certain that this was saved.`, () => send(form, submitter));
    return false;
  } finally {
    button.ariaDisabled = null;
  }
}

/** What the answer to a form means. */
function take(answer, form, target) {
  const { page, url, ok } = answer;
  if (!ok && form.id !== "act" && page.getElementById(form.id)) {
    show(answer);
    main.querySelector("[autofocus]")?.focus();
  } else if (form.matches("[data-sign-in]") && url.pathname !== target.pathname) {
    // The next page may have an error of its own.
    location.assign(url);
  } else if (!ok) {
    say(page.querySelector("main .message")?.textContent ?? "That did not work.");
  } else if (hasEnded(url)) {
    askToSignIn();
  } else {
    form.reset();
    if (url.pathname === location.pathname) show(answer);
    else go(answer);
    return true;
  }
  return false;
}
