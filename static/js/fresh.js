// Pages that show records follow what others change, while they can be seen. The service says only
// that something has changed (src/http/pages/changes.rs).

import { refresh } from "./page.js";

const LIVE = "main [data-fresh], main [data-live], main .rows, main .record";

/** Between refreshes. */
const PACE_MS = 2_000;

/** After this, a text such as "5 minutes ago" is wrong. */
const AGE_MS = 60_000;

let feed, timer;
let hasChanged = false;
let latest = 0;

const isLive = () => document.visibilityState === "visible" && document.querySelector(LIVE);
const isSending = () => document.querySelector("button[aria-disabled=true]");

export function keepFresh() {
  follow();
  document.addEventListener("shown", follow);
  document.addEventListener("visibilitychange", () => (isLive() ? refresh() : unfollow()));
  timer = setInterval(() => {
    const isOld = hasChanged || performance.now() - latest > AGE_MS;
    if (!isOld || !isLive() || isSending()) return;
    hasChanged = false;
    latest = performance.now();
    refresh();
  }, PACE_MS);
}

/** Listens while the page is live. */
function follow() {
  if (!isLive()) return unfollow();
  if (feed && feed.readyState !== EventSource.CLOSED) return;
  feed = new EventSource(new URL("changes", document.querySelector(".brand").href));
  feed.onmessage = () => (hasChanged = true);
  // The session has ended, or the user has another role.
  feed.addEventListener("end", () => {
    unfollow();
    hasChanged = true;
  });
  // It has connected again, and may have missed something.
  feed.onopen = ({ target }) => (target.onopen = target.onmessage);
  // The service may have stopped. A stream that is refused is closed, and says nothing of that.
  feed.onerror = ({ target }) => (hasChanged ||= target.readyState === EventSource.CONNECTING);
}

function unfollow() {
  feed?.close();
  hasChanged = false;
}

/** For a page that the browser leaves. */
export function leave() {
  clearInterval(timer);
  // A refresh may still be answered.
  document.removeEventListener("shown", follow);
  unfollow();
}
