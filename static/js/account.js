// The page of one's own account: username, password, API keys, sessions, and how to leave.

import { call, root } from "./api.js";
import { fill } from "./fill.js";
import { clear, onSend } from "./forms.js";
import { List } from "./list.js";
import { ask, confirm, tell } from "./page.js";
import { reveal } from "./secret.js";
import { showTime } from "./time.js";

const part = (id) => document.getElementById(id);

// An account has no more than that, so this is all of them, and the latest may come first.
const query = { per_page: 100 };

const keys = new List(part("keys"), {
  path: "auth/keys",
  query,
  arrange: (items) => items.reverse(),
  show(key) {
    const isExpired = key.expires_at !== null && new Date(key.expires_at_iso8601) < new Date();
    const element = fill(part("key"), { ...key, isExpired, writes: key.scope === "write" });
    element.querySelector(".revoke").addEventListener("click", () => revoke(key));
    return element;
  },
});

const sessions = new List(part("sessions"), {
  path: "auth/sessions",
  query,
  arrange: (items) => items.reverse().sort((one, other) => other.current - one.current),
  show(session) {
    const element = fill(part("session"), { ...session, name: nameOf(session.client) });
    element.querySelector(".name").title = session.client ?? "";
    element.querySelector(".end")?.addEventListener("click", () => end(session));
    return element;
  },
});

/** What a client that calls itself so is to people: "Firefox on Windows". */
function nameOf(client) {
  if (!client) return "Something that does not say what it is";
  // Browsers name those as well that they are like; so the particular ones come first.
  const find = (names) => names.find(([sign]) => client.includes(sign))?.[1];
  const browser = find([
    ["Edg", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"],
  ]);
  const system = find([
    ["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "Mac"],
    ["CrOS", "ChromeOS"], ["Linux", "Linux"],
  ]);
  return client.startsWith("Mozilla/") && browser && system ? `${browser} on ${system}` : client;
}

function signIn(notice) {
  location.assign(new URL(`login?notice=${notice}`, root));
}

function addKey() {
  const dialog = part("new-key");
  ask(dialog, {
    async send(fields) {
      const made = await call("POST", "auth/keys", { fields });
      dialog.close();
      part("made-key-title").textContent = `Your new key: ${made.name}`;
      reveal(part("made-key"), made.key);
      keys.load();
    },
  });
}

function revoke({ id, name }) {
  const question = `Revoke the key “${name}”? Scripts that use it are shut out at once. This cannot be undone.`;
  confirm(question, "Revoke", async () => {
    await call("DELETE", `auth/keys/${id}`);
    tell(`The key “${name}” is revoked.`);
    keys.load();
  });
}

function end({ id, client }) {
  confirm(`Sign out ${nameOf(client)}?`, "Sign out there", async () => {
    await call("DELETE", `auth/sessions/${id}`);
    tell("You are signed out there.");
    sessions.load();
  });
}

function endAll() {
  confirm("Sign out everywhere, also here? API keys stay.", "Sign out everywhere", async () => {
    await call("DELETE", "auth/sessions");
    signIn("logged-out");
  });
}

function leave() {
  ask(part("farewell"), {
    async send(fields) {
      await call("DELETE", "auth/user", { fields });
      signIn("deleted");
    },
  });
}

onSend(part("username-form"), async (fields) => {
  const { username } = await call("PATCH", "auth/user", { fields });
  const who = document.querySelector(".who");
  who.textContent = who.title = username;
  tell(`Your username is ${username}.`);
});

onSend(part("password-form"), async (fields) => {
  await call("POST", "auth/password", { fields });
  clear(part("password-form"));
  tell("Your password is changed. Every other session has ended.");
  sessions.load();
});

part("add").addEventListener("click", addKey);
part("leave").addEventListener("click", endAll);
part("delete").addEventListener("click", leave);
showTime(part("since"), part("since").textContent);
keys.load();
sessions.load();
