// The people page, on which administrators manage users: approval, role, reset codes, sessions.

import { call, root } from "./api.js";
import { fill } from "./fill.js";
import { setFields } from "./forms.js";
import { List } from "./list.js";
import { confirm, openDialog, runAction, showToast } from "./page.js";
import { showSecret } from "./secret.js";
import { showTime } from "./time.js";
import { labelOf } from "./user.js";

const template = document.getElementById("user");
const filters = document.getElementById("filters");
const pendingUsers = document.getElementById("pending-users");

/** The action of each button of a user, by the button's CSS class. */
const ACTIONS = {
  toggleMore,
  approve,
  enable,
  disable,
  remove,
  changeRole,
  createResetCode,
  endSessions,
};

const list = new List(document.getElementById("people"), {
  path: "users",
  filters,
  show(record) {
    const user = {
      ...record,
      called: record.name ?? labelOf(record),
      label: labelOf(record),
      isYou: record.public_id === template.dataset.viewerId,
      isPending: record.status === "pending",
      isDisabled: record.status === "disabled",
      roleName: filters.querySelector(`#role [value=${record.role}]`).text,
      storage: `${formatSize(record.used_bytes)} of ${formatSize(record.quota_bytes)}`,
    };
    const element = fill(template, user);
    const audit = new URL("audit", root);
    audit.searchParams.set("account", user.label);
    element.querySelector(".audit").href = audit.href;
    for (const [name, action] of Object.entries(ACTIONS)) {
      const button = element.querySelector(`.${name}`);
      button?.addEventListener("click", () => action(user, button));
    }
    return element;
  },
});

/** A number of bytes for people, rounded down: "1.5 MiB". */
function formatSize(bytes) {
  const units = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 1024], ["bytes", 1]];
  const [name, size] = units.find(([, size]) => bytes >= size) ?? units.at(-1);
  return `${Math.floor((bytes / size) * 10) / 10} ${name}`;
}

function userPath({ public_id }) {
  return `users/${public_id}`;
}

/** Reports a change and reloads what it affects. */
function showChange(text) {
  showToast(text);
  list.load();
  showPendingUsers();
}

/** Shows how many users wait for approval: they may be on another page of the list. */
async function showPendingUsers() {
  if (filters.elements.status.value === "pending") return;
  try {
    const { total_items: count } = await call("GET", "users?status=pending&per_page=5");
    pendingUsers.hidden = count === 0;
    pendingUsers.querySelector("span").textContent =
      count === 1
        ? "One account waits for your approval."
        : `${count} accounts wait for your approval.`;
  } catch {
    // The list shows the error.
    pendingUsers.hidden = true;
  }
}

function toggleMore(user, button) {
  const actions = button.closest("li").querySelector(".more-actions");
  actions.hidden = !actions.hidden;
  button.ariaExpanded = String(!actions.hidden);
}

function approve(user, button) {
  return runAction(button, async () => {
    await call("PATCH", userPath(user), { fields: { status: "active" } });
    showChange(`${user.label} may sign in now.`);
  });
}

function enable(user, button) {
  return runAction(button, async () => {
    await call("PATCH", userPath(user), { fields: { status: "active" } });
    showChange(`${user.label} is enabled.`);
  });
}

function disable(user) {
  const question = user.isYou
    ? "Disable your own account? You are signed out at once, " +
      "and only another administrator can enable it."
    : `Disable ${user.label}? They cannot sign in, their sessions end, ` +
      "and their API keys stop working. You can enable them again.";
  confirm(question, "Disable", async () => {
    await call("PATCH", userPath(user), { fields: { status: "disabled" } });
    showChange(`${user.label} is disabled.`);
  });
}

function changeRole(user) {
  const dialog = document.getElementById("role-dialog");
  openDialog(dialog, {
    prepare(form) {
      dialog.querySelector("h2").textContent = `Role of ${user.label}`;
      dialog.querySelector(".notice").hidden = !user.isYou;
      setFields(form, user);
    },
    async send({ role }) {
      await call("PATCH", userPath(user), { fields: { role } });
      // Who is not an administrator any more may not see this page.
      if (user.isYou && role !== user.role) return location.assign(root);
      showChange(`${user.label} has a new role.`);
    },
  });
}

function createResetCode(user, button) {
  return runAction(button, async () => {
    const created = await call("POST", `${userPath(user)}/reset-code`);
    const dialog = document.getElementById("reset-code");
    const link = dialog.querySelector("a");
    link.textContent = link.href;
    dialog.querySelector("h2").textContent = `Reset code for ${user.label}`;
    showTime(dialog.querySelector("time"), created.expires_at_iso8601);
    showSecret(dialog, created.code);
  });
}

function endSessions(user) {
  const whom = user.isYou ? "yourself, also here" : user.label;
  const question = `Sign out ${whom}, everywhere? API keys stay.`;
  confirm(question, "Sign out everywhere", async () => {
    await call("DELETE", `${userPath(user)}/sessions`);
    showChange(`${user.label} is signed out everywhere.`);
  });
}

function remove(user) {
  const whom = user.isYou ? `your own account, ${user.label}` : user.label;
  const question =
    `Delete ${whom}? Sessions, API keys and templates go with it. Widgets and tasks stay, ` +
    "and name it as a former account. This cannot be undone.";
  confirm(question, "Delete", async () => {
    await call("DELETE", userPath(user));
    showChange(`${user.label} is deleted.`);
  });
}

list.load();
showPendingUsers();
