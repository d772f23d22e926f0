// Sends the pages' forms without leaving the page, and replaces what has changed. Without this module
// the same forms work: the service answers each with a whole page.

import "./clipboard.js";
import { forgetDraft, restoreDrafts } from "./drafts.js";
import { follow, keepFresh, unfollow } from "./fresh.js";
import { morph } from "./morph.js";
import { startQuickAdd } from "./quick.js";
import "./shortcuts.js";

/** Milliseconds. Longer than any timeout of the service, so that its own answer arrives first. */
const REQUEST_TIMEOUT = 45_000;

/** Milliseconds between attempts to reach the service again. */
const RETRY_AFTER = 3_000;

/** The number of the latest request. The answer to an earlier one is old. */
let turn = 0;

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
  const { status, ok } = response;
  return { page: parse(await response.text()), url: new URL(response.url), status, ok };
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
  countSelected();
  follow();
}

/** Shows another page. Its message is in it, and would not be there a second time. */
function go(answer) {
  history.pushState(null, "", answer.url);
  show(answer, { keepsTyped: false });
  scrollTo(0, 0);
  (main().querySelector("[autofocus]") ?? main()).focus({ preventScroll: true });
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
  main().prepend(banner);
  return banner;
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
  const own = ++turn;
  try {
    const answer = await fetchPage(location.href);
    if (own !== turn) return;
    if (answer.status >= 500) throw new Error("no page");
    refresh.banner?.remove();
    if (answer.url.pathname !== location.pathname) return location.assign(answer.url);
    // What was there may be deleted, or not be the user's any more.
    if (!answer.ok && answer.status !== 403 && answer.status !== 404) return;
    if (!options) keepNotices(answer.page);
    show(answer, options);
  } catch {
    if (own !== turn) return;
    const again = () => refresh(options);
    // Whoever listens is told once, and not instead of what became of a form.
    if (!document.getElementById("banner")) {
      refresh.banner = showBanner("The service cannot be reached. What you see may be old.", again);
    }
    refresh.timer = setTimeout(again, RETRY_AFTER);
  }
}

/** What was said of the last form stays, and can still be undone. */
function keepNotices(page) {
  for (const id of ["flash", "banner"]) {
    const notice = document.getElementById(id);
    if (notice && !page.getElementById(id)) {
      page.querySelector("main").prepend(notice.cloneNode(true));
    }
  }
}

/** What forms with `data-once` have sent without an answer, and its key. */
const unanswered = new WeakMap();

/** The headers of a request that creates a record: it is done once, also if it is sent again. */
function onceHeaders(form, text) {
  if (!form.matches("[data-once]")) return {};
  const last = unanswered.get(form);
  const key = last?.text === text ? last.key : crypto.getRandomValues(new Uint32Array(4)).join("-");
  unanswered.set(form, { text, key });
  return { "Idempotency-Key": key };
}

/** Sends a form that writes, and shows what the service answers. Resolves to whether it was done. */
async function send(form, submitter, base = document.baseURI) {
  const address = submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
  const body = new URLSearchParams(new FormData(form, submitter));
  const button = submitter ?? form.querySelector("button");
  if (button.ariaDisabled === "true") return false;
  button.ariaDisabled = "true";
  turn += 1;
  const target = new URL(address, base);
  try {
    const headers = onceHeaders(form, `${body}`);
    const answer = await fetchPage(target, { method: "POST", body, headers });
    unanswered.delete(form);
    turn += 1;
    hideBanner();
    form.querySelector(":popover-open")?.hidePopover();
    if (form.matches("[data-sign-in]")) {
      // The next page may have an error of its own.
      if (answer.url.pathname !== target.pathname) return location.assign(answer.url);
    } else if (hasEnded(answer.url)) {
      showSignIn(answer.url);
      return false;
    }
    if (answer.ok) forgetDraft(form, target);
    const isHere = answer.ok && answer.url.pathname === location.pathname;
    const isRejected = !answer.ok && answer.page.getElementById(form.id) && form.id !== "act";
    if (answer.ok) form.reset();
    if (isHere || isRejected) {
      show(answer);
      if (isRejected) main().querySelector("[autofocus]")?.focus();
    } else if (answer.ok) go(answer);
    else showBanner(answer.page.querySelector("main .message")?.textContent ?? "That did not work.");
    return answer.ok;
  } catch {
    const again = () => send(form, submitter, base);
    showBanner("The service cannot be reached. It is not certain that this was saved.", again);
    return false;
  } finally {
    button.ariaDisabled = null;
  }
}

/** Shows the list that a form asks for, with its address. */
async function filter(form) {
  const url = new URL(form.getAttribute("action") ?? location.pathname, document.baseURI);
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  url.search = new URLSearchParams(filled);
  const own = ++turn;
  try {
    const answer = await fetchPage(url);
    if (own !== turn) return;
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

startQuickAdd({ fetchPage, send, showBanner, showSignIn, hasEnded });

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented) return;
  if (form.matches("[data-navigate]")) {
    turn += 1;
    return unfollow();
  }
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
  const { all } = target.dataset;
  const boxes = all ? document.querySelectorAll(`.pick[name=${all}]`) : [];
  for (const box of boxes) box.checked = target.checked;
  if (all || target.matches(".pick")) countSelected();
});

// A menu closes when another part of the page is used.
document.addEventListener("click", ({ target }) => closeMenus(target.closest("details.menu")));
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  const open = document.querySelector("details.menu[open]");
  closeMenus(null);
  open?.querySelector("summary").focus();
});

// A menu opens upwards where there is no space below.
document.addEventListener("toggle", ({ target }) => {
  if (!target.matches("details.menu")) return;
  target.classList.remove("up");
  const bottom = target.lastElementChild.getBoundingClientRect().bottom;
  const space = document.querySelector(".foot")?.getBoundingClientRect().top || innerHeight;
  target.classList.toggle("up", target.open && bottom > space);
}, true);

/** Says how many rows are selected. */
function countSelected() {
  const count = document.querySelectorAll(".pick:checked").length;
  for (const part of document.querySelectorAll("[data-count]")) part.textContent = count ? ` (${count})` : "";
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

// A link to choose a password has the code in its fragment, which browsers send to nobody.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
const field = document.getElementById("code");
if (code && field) {
  field.value = code;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("new_password").focus();
}

restoreDrafts();
keepFresh(refresh);
follow();

// Their addresses are relative to that of the page, which may change without the page.
for (const link of document.querySelectorAll("link[rel$=icon], link[rel=manifest]")) link.href = link.href;

addEventListener("popstate", () => refresh({ keepsTyped: false }));
addEventListener("pagehide", unfollow);

// A page restored from the back/forward cache may belong to a session that has ended.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});
