// Pages that show records follow what others change, while they can be seen. The service says only
// that something has changed (src/http/pages/changes.rs).

const LIVE = "main [data-fresh], main [data-live], main .rows, main .record";

/** Milliseconds between refreshes. */
const PACE = 2_000;

/** Milliseconds after which a text such as "5 minutes ago" is wrong. */
const AGE = 60_000;

let feed = null;
let hasChanged = false;
let latest = 0;

const isLive = () => document.visibilityState === "visible" && document.querySelector(LIVE);
const isSending = () => document.querySelector("button[aria-disabled=true]");

/** Calls `refresh` where the page is old. */
export function keepFresh(refresh) {
  document.addEventListener("visibilitychange", () => (isLive() ? refresh() : unfollow()));
  setInterval(() => {
    const isOld = hasChanged || performance.now() - latest > AGE;
    if (!isOld || !isLive() || isSending()) return;
    hasChanged = false;
    latest = performance.now();
    refresh();
  }, PACE);
}

/** Listens while the page is live. */
export function follow() {
  if (!isLive()) return unfollow();
  if (feed && feed.readyState !== EventSource.CLOSED) return;
  feed = new EventSource(new URL("changes", document.querySelector(".brand").href));
  feed.onmessage = () => (hasChanged = true);
  // It has connected again, and may have missed something.
  feed.onopen = ({ target }) => (target.onopen = target.onmessage);
  // The session has ended, or the user has another role.
  feed.addEventListener("end", () => {
    unfollow();
    hasChanged = true;
  });
}

/** For a page that cannot be seen, or that the browser leaves. */
export function unfollow() {
  feed?.close();
  feed = null;
  hasChanged = false;
}
