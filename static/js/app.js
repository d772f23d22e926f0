// What the pages do with scripts: one table of what is clicked, chosen, typed and sent. Without scripts
// the same links and forms work: the service answers each with a whole page.

import { copy } from "./clipboard.js";
import { keepFresh, leave } from "./fresh.js";
import { openMenu } from "./menu.js";
import { filter, ignoreRefresh, refresh, send } from "./page.js";
import { add, understand } from "./quick.js";
import { pressKey } from "./shortcuts.js";

/** The modules that few pages need, by the name in `data-module`. */
const modules = {};
const saveDraft = (field) => modules.drafts?.saveDraft(field);
const forgetDraft = (form) => modules.drafts?.forgetDraft(form);

async function loadModules() {
  for (const { dataset } of all("[data-module]")) {
    modules[dataset.module] ??= await import(`./${dataset.module}.js`);
  }
  modules.drafts?.restoreDrafts();
}

/** In place of what the browser does with a form. */
const instead = (act) => (form, event) => {
  event.preventDefault();
  act(form, event.submitter);
};

/** For each kind of event: which parts of a page it is about, and what it does with them. */
const ACTIONS = {
  click: {
    ".more": openMenu,
    "[data-copy], [data-copy-from]": copy,
    "[data-draft] .buttons a": (cancel) => forgetDraft(cancel.closest("form")),
  },
  input: {
    "[data-draft] *": saveDraft,
    "[data-quick] *": understand,
  },
  change: {
    "[data-draft] *": saveDraft,
    "[data-live] select": ({ form }) => form.requestSubmit(),
    "[data-all]": ({ checked }) => all(".pick").forEach((box) => (box.checked = checked)),
    "[data-all], .pick": countPicks,
  },
  submit: {
    // The browser itself sends it.
    "[data-navigate]": () => {
      ignoreRefresh();
      leave();
    },
    "[data-quick]": instead(add),
    "[data-live]": instead(filter),
    "[method=post]:not([data-navigate])": instead(send),
  },
  reset: { "[data-draft]": forgetDraft },
};

for (const [kind, actions] of Object.entries(ACTIONS)) {
  document.addEventListener(kind, (event) => {
    for (const [selector, act] of Object.entries(actions)) {
      const part = event.target.closest(selector);
      if (part) act(part, event);
    }
  });
}

const all = (selector) => document.querySelectorAll(selector);

/** Says how many rows are selected. */
function countPicks() {
  const count = all(".pick:checked").length;
  for (const part of all("[data-count]")) part.textContent = count ? ` (${count})` : "";
}

// A link to choose a password has the code in its fragment, which browsers send to nobody.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
const field = document.getElementById("code");
if (code && field) {
  field.value = code;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("new_password").focus();
}

// Whose drafts go when the login page says that they have left. A browser may refuse to store.
try {
  sessionStorage.setItem("widgetd-user", document.querySelector("[data-user]").dataset.user);
} catch {}

loadModules();
keepFresh();

document.addEventListener("shown", loadModules);
document.addEventListener("shown", countPicks);
document.addEventListener("keydown", pressKey);

// Their addresses are relative to that of the page, which may change without the page.
for (const link of all("link[rel$=icon], link[rel=manifest]")) link.href = link.href;

addEventListener("popstate", () => refresh({ keepsTyped: false }));
addEventListener("pagehide", leave);

// A page restored from the back/forward cache may belong to a session that has ended.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});
