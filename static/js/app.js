// Sends the pages' forms without leaving the page, and replaces what has changed. Without this module
// the same forms work: the service answers each with a whole page.

import "./clipboard.js";
import { forgetDraft, restoreDrafts } from "./drafts.js";
import { morph } from "./morph.js";
import "./shortcuts.js";

/** Milliseconds. Longer than any timeout of the service, so that its own answer arrives first. */
const REQUEST_TIMEOUT = 45_000;

/** Milliseconds between attempts to reach the service again. */
const RETRY_AFTER = 3_000;

// Only pages of this origin become markup. Scripts in them do not run.
const policy = globalThis.trustedTypes?.createPolicy("widgetd", { createHTML: (page) => page });
const parse = (page) => {
  const markup = policy ? policy.createHTML(page) : page;
  return new DOMParser().parseFromString(markup, "text/html");
};

/** Fetches a page. Resolves to its document and its address; throws if there is no answer. */
async function fetchPage(address, options = {}) {
  const response = await fetch(address, {
    ...options,
    headers: { Accept: "text/html", ...options.headers },
    credentials: "same-origin",
    signal: AbortSignal.timeout(REQUEST_TIMEOUT),
  });
  if (!response.headers.get("Content-Type")?.startsWith("text/html")) throw new Error("no page");
  return { page: parse(await response.text()), url: new URL(response.url), ok: response.ok };
}

/** The version of the assets that a page was made for. */
const version = (page) =>
  /assets\/(\w+)/.exec(page.querySelector("link[rel=stylesheet]")?.getAttribute("href"))?.[1];

/** Shows a page in place of the present one, under its address, if it has the same frame. */
function show({ page, url }, { keepsTyped = true } = {}) {
  if (version(page) !== version(document)) return location.assign(url);
  // The links in a page are relative to its address.
  if (url.href !== location.href.split("#")[0]) history.replaceState(null, "", url);
  document.title = page.title;
  for (const part of ["header", "main", ".foot", "#act"]) {
    const [from, to] = [document.querySelector(part), page.querySelector(part)];
    if (from && to) morph(from, to, keepsTyped);
  }
  if (!keepsTyped) restoreDrafts();
}

/** Shows another page. Its message is in it, and would not be there a second time. */
function go(answer) {
  const names = (page) => [...page.scripts].map((script) => script.src.split("/").pop()).join();
  if (names(answer.page) !== names(document)) return location.assign(answer.url);
  history.pushState(null, "", answer.url);
  show(answer, { keepsTyped: false });
  scrollTo(0, 0);
  main().focus({ preventScroll: true });
}

/** Tells that something failed while the page stayed as it is. `again` tries once more. */
function showBanner(text, again) {
  hideBanner();
  const banner = document.createElement("div");
  banner.id = "banner";
  banner.role = "alert";
  banner.append(Object.assign(document.createElement("p"), { textContent: text }));
  if (again) {
    const button = Object.assign(document.createElement("button"), {
      textContent: "Try again",
      className: "quiet small",
    });
    button.addEventListener("click", again);
    banner.append(button);
  }
  document.querySelector("main").prepend(banner);
}

/** Whether an answer leads to the login page because there is no session any more. */
function hasEnded({ pathname, searchParams }) {
  const notice = searchParams.get("notice") ?? "session-ended";
  return pathname.endsWith("/login") && notice === "session-ended";
}

/** What is typed stays, so signing in happens in another tab. */
function showSignIn(url) {
  showBanner("Your session has ended, and nothing was sent. ");
  const link = Object.assign(document.createElement("a"), {
    href: url.origin + url.pathname,
    target: "_blank",
    textContent: "Sign in in a new tab",
  });
  document.querySelector("#banner").append(link);
}

function hideBanner() {
  document.getElementById("banner")?.remove();
}

/** Reads the present page again, until the service answers. */
async function refresh(options) {
  clearTimeout(refresh.timer);
  try {
    const answer = await fetchPage(location.href);
    hideBanner();
    if (answer.url.pathname !== location.pathname) location.assign(answer.url);
    else if (answer.ok) show(answer, options);
  } catch {
    const again = () => refresh(options);
    showBanner("The service cannot be reached. What you see may be old.", again);
    refresh.timer = setTimeout(again, RETRY_AFTER);
  }
}

/** Sends a form that writes, and shows what the service answers. */
async function send(form, submitter) {
  const address = submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
  const body = new URLSearchParams(new FormData(form, submitter));
  const button = submitter ?? form.querySelector("button");
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    const answer = await fetchPage(new URL(address, document.baseURI), { method: "POST", body });
    hideBanner();
    if (hasEnded(answer.url)) return showSignIn(answer.url);
    if (answer.ok) forgetDraft(form);
    const isHere = answer.ok && answer.url.pathname === location.pathname;
    const isRejected = !answer.ok && answer.page.getElementById(form.id) && form.id !== "act";
    if (isHere || isRejected) {
      show(answer);
      if (isRejected) main().querySelector("[autofocus]")?.focus();
    } else if (answer.ok) go(answer);
    else showBanner(answer.page.querySelector("main .message")?.textContent ?? "That did not work.");
  } catch {
    showBanner("The service cannot be reached. Nothing was sent.", () => send(form, submitter));
  } finally {
    button.ariaDisabled = null;
  }
}

/** Shows the list that a form asks for, with its address. */
async function filter(form) {
  const url = new URL(form.getAttribute("action") ?? location.pathname, document.baseURI);
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  url.search = new URLSearchParams(filled);
  try {
    const answer = await fetchPage(url);
    hideBanner();
    if (answer.url.pathname !== url.pathname) return location.assign(answer.url);
    history.pushState(null, "", url);
    show(answer);
    if (!answer.ok) showBanner("The list cannot be shown like that.");
  } catch {
    showBanner("The service cannot be reached. The list stays as it was.", () => filter(form));
  }
}

const main = () => document.querySelector("main");

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[data-navigate]")) return;
  if (form.method === "post") {
    event.preventDefault();
    send(form, submitter);
  } else if (form.matches("[data-live]")) {
    event.preventDefault();
    filter(form);
  }
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-live] select")) target.form.requestSubmit();
});

// A menu closes when another part of the page is used.
document.addEventListener("click", ({ target }) => closeMenus(target.closest("details.menu")));
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  const open = document.querySelector("details.menu[open]");
  closeMenus(null);
  open?.querySelector("summary").focus();
});

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

restoreDrafts();

// Its address is relative to that of the page, which may change without the page.
for (const icon of document.querySelectorAll("link[rel=icon]")) icon.href = icon.href;

addEventListener("popstate", () => refresh({ keepsTyped: false }));
document.addEventListener("visibilitychange", () => {
  const isLive = document.querySelector("main [data-live], main .rows, main .record");
  if (document.visibilityState === "visible" && isLive) refresh();
});

// A page restored from the back/forward cache may belong to a session that has ended.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});
