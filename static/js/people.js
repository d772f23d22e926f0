// The page of all accounts: administrators let people in, give them roles, help them, and shut them out.

import { call, root } from "./api.js";
import { fill } from "./fill.js";
import { setFields } from "./forms.js";
import { List } from "./list.js";
import { ask, attempt, confirm, tell } from "./page.js";
import { reveal } from "./secret.js";
import { showTime } from "./time.js";

const template = document.getElementById("person");
const filters = document.getElementById("filters");
const waiting = document.getElementById("waiting");

/** What the buttons of an account are for, by their classes. */
const ACTS = { unfold, approve, enable, disable, remove, changeRole, makeCode, endSessions };

const list = new List(document.getElementById("people"), {
  path: "users",
  filters,
  show(record) {
    const account = {
      ...record,
      isYou: record.public_id === template.dataset.viewer,
      isPending: record.status === "pending",
      isDisabled: record.status === "disabled",
      roleName: filters.querySelector(`#role [value=${record.role}]`).text,
    };
    const element = fill(template, account);
    const audit = new URL("audit", root);
    audit.searchParams.set("account", account.email);
    element.querySelector(".audit").href = audit.href;
    for (const [name, act] of Object.entries(ACTS)) {
      element.querySelector(`.${name}`)?.addEventListener("click", ({ target }) => act(account, target));
    }
    return element;
  },
});

function path({ public_id }) {
  return `users/${public_id}`;
}

/** Tells what was done, and shows what is so now. */
function done(text) {
  tell(text);
  list.load();
  countWaiting();
}

/** Says how many wait, who may be on another page of the list. */
async function countWaiting() {
  if (filters.elements.status.value === "pending") return;
  try {
    const { total_items: count } = await call("GET", "users?status=pending&per_page=5");
    waiting.hidden = count === 0;
    waiting.querySelector("span").textContent =
      count === 1 ? "One account waits for your approval." : `${count} accounts wait for your approval.`;
  } catch {
    // The list says what is wrong.
    waiting.hidden = true;
  }
}

function unfold(account, button) {
  const rest = button.closest("li").querySelector(".rest");
  rest.hidden = !rest.hidden;
  button.ariaExpanded = String(!rest.hidden);
}

function approve(account, button) {
  return attempt(button, async () => {
    await call("PATCH", path(account), { fields: { status: "active" } });
    done(`${account.email} may sign in now.`);
  });
}

function enable(account, button) {
  return attempt(button, async () => {
    await call("PATCH", path(account), { fields: { status: "active" } });
    done(`${account.email} is enabled.`);
  });
}

function disable(account) {
  const question = account.isYou
    ? "Disable your own account? You are signed out at once, and only another administrator can enable it."
    : `Disable ${account.email}? They cannot sign in, their sessions end, and their API keys stand still. ` +
      "You can enable them again.";
  confirm(question, "Disable", async () => {
    await call("PATCH", path(account), { fields: { status: "disabled" } });
    done(`${account.email} is disabled.`);
  });
}

function changeRole(account) {
  const dialog = document.getElementById("role-of");
  ask(dialog, {
    prepare(form) {
      dialog.querySelector("h2").textContent = `Role of ${account.email}`;
      dialog.querySelector(".notice").hidden = !account.isYou;
      setFields(form, account);
    },
    async send({ role }) {
      await call("PATCH", path(account), { fields: { role } });
      if (account.isYou && role !== account.role) return location.assign(root);
      done(`${account.email} has a new role.`);
    },
  });
}

function makeCode(account, button) {
  return attempt(button, async () => {
    const made = await call("POST", `${path(account)}/reset-code`);
    const dialog = document.getElementById("code");
    const link = dialog.querySelector("a");
    link.textContent = link.href;
    dialog.querySelector("h2").textContent = `Reset code for ${made.email}`;
    showTime(dialog.querySelector("time"), made.expires_at_iso8601);
    reveal(dialog, made.code);
  });
}

function endSessions(account) {
  const whose = account.isYou ? "yourself, also here" : account.email;
  confirm(`Sign out ${whose}, everywhere? API keys stay.`, "Sign out everywhere", async () => {
    await call("DELETE", `${path(account)}/sessions`);
    done(`${account.email} is signed out everywhere.`);
  });
}

function remove(account) {
  const whom = account.isYou ? `your own account, ${account.email}` : account.email;
  const question =
    `Delete ${whom}? Sessions, API keys and templates go with it. Widgets and tasks stay, ` +
    "and name it as a former account. This cannot be undone.";
  confirm(question, "Delete", async () => {
    await call("DELETE", path(account));
    done(`${account.email} is deleted.`);
  });
}

list.load();
countWaiting();
