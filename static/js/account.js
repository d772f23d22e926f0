// The account page: names, password, API keys, sessions, and deleting the account.

import { call, root } from "./api.js";
import { fill } from "./fill.js";
import { onSubmit, resetForm } from "./forms.js";
import { List } from "./list.js";
import { confirm, openDialog, showToast } from "./page.js";
import { showSecret } from "./secret.js";
import { dateEndingAt, showTime } from "./time.js";
import { nameOf } from "./user.js";

const byId = (id) => document.getElementById(id);

// 100 is the limit of keys and sessions per user, so one page has all of them.
const query = { per_page: 100 };

const SCOPES = ["read", "write", "calendar"];

const keys = new List(byId("keys"), {
  path: "auth/keys",
  query,
  reorder: (items) => items.reverse(),
  show(key) {
    const isExpired = key.expires_at !== null && new Date(key.expires_at_iso8601) < new Date();
    const expires_date = key.expires_at && dateEndingAt(key.expires_at_iso8601);
    const [reads, writes, isCalendar] = SCOPES.map((scope) => scope === key.scope);
    const shown = { ...key, expires_date, isExpired, reads, writes, isCalendar };
    const element = fill(byId("key"), shown);
    element.querySelector(".revoke").addEventListener("click", () => revokeKey(key));
    return element;
  },
});

const sessions = new List(byId("sessions"), {
  path: "auth/sessions",
  query,
  reorder: (items) => items.reverse().sort((one, other) => other.current - one.current),
  show(session) {
    const element = fill(byId("session"), { ...session, name: clientName(session.client) });
    element.querySelector(".name").title = session.client ?? "";
    element.querySelector(".end")?.addEventListener("click", () => endSession(session));
    return element;
  },
});

// Browsers also name the browsers and systems that they are compatible with: Edge names Chrome and
// Safari. So the order matters, and the first match counts.
const BROWSERS = [
  ["Edg", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
];
const SYSTEMS = [
  ["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"],
  ["Mac OS", "Mac"], ["CrOS", "ChromeOS"], ["Linux", "Linux"],
];

/** A readable name for a User-Agent header: "Firefox on Windows". */
function clientName(userAgent) {
  if (!userAgent) return "Unknown client";
  const find = (names) => names.find(([token]) => userAgent.includes(token))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  const isBrowser = userAgent.startsWith("Mozilla/") && browser && system;
  return isBrowser ? `${browser} on ${system}` : userAgent;
}

function goToSignIn(notice) {
  location.assign(new URL(`login?notice=${notice}`, root));
}

function createKey() {
  const dialog = byId("new-key");
  openDialog(dialog, {
    async send(fields) {
      const created = await call("POST", "auth/keys", { fields });
      dialog.close();
      byId("created-key-title").textContent = `Your new key: ${created.name}`;
      const isCalendar = created.scope === "calendar";
      byId("created-key-script").hidden = isCalendar;
      byId("created-key-calendar").hidden = !isCalendar;
      const calendar = new URL(`api/v1/calendar.ics?key=${created.key}`, root);
      showSecret(byId("created-key"), isCalendar ? calendar.href : created.key);
      keys.load();
    },
  });
}

function revokeKey({ id, name }) {
  const question =
    `Revoke the key “${name}”? Scripts that use it are shut out at once. ` +
    "This cannot be undone.";
  confirm(question, "Revoke", async () => {
    await call("DELETE", `auth/keys/${id}`);
    showToast(`The key “${name}” is revoked.`);
    keys.load();
  });
}

function endSession({ id, client }) {
  confirm(`Sign out ${clientName(client)}?`, "Sign out there", async () => {
    await call("DELETE", `auth/sessions/${id}`);
    showToast("You are signed out there.");
    sessions.load();
  });
}

function endAllSessions() {
  confirm("Sign out everywhere, also here? API keys stay.", "Sign out everywhere", async () => {
    await call("DELETE", "auth/sessions");
    goToSignIn("logged-out");
  });
}

function deleteAccount() {
  openDialog(byId("delete-dialog"), {
    async send(fields) {
      await call("DELETE", "auth/user", { fields });
      goToSignIn("deleted");
    },
  });
}

onSubmit(byId("names-form"), async ({ name = null, ...fields }) => {
  const user = await call("PATCH", "auth/user", { fields: { name, ...fields } });
  const who = document.querySelector(".who");
  who.textContent = who.title = nameOf(user);
  showToast("Your names are saved.");
});

onSubmit(byId("password-form"), async (fields) => {
  await call("POST", "auth/password", { fields });
  resetForm(byId("password-form"));
  showToast("Your password is changed. Every other session has ended.");
  sessions.load();
});

byId("add").addEventListener("click", createKey);
byId("sign-out-everywhere").addEventListener("click", endAllSessions);
byId("delete").addEventListener("click", deleteAccount);
showTime(byId("registered-on"), byId("registered-on").textContent);
keys.load();
sessions.load();
