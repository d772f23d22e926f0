// The audit page: each event of accounts, sessions, keys and records as a sentence.

import { fill } from "./fill.js";
import { List } from "./list.js";
import "./page.js";

const template = document.getElementById("event");
const filters = document.getElementById("filters");
/**
 * The verb phrases of each action (src/http/pages/audit.rs): `own` for users acting on themselves,
 * `other` for acting on another user or on a record, `tried` for failures. `{}` stands for the target.
 */
const phrases = new Map(
  [...filters.elements.action.options].map((option) => [option.value, option.dataset]),
);
const ACTOR_LABELS = {
  anonymous: "Somebody",
  "command line": "The command line",
  service: "The service",
};

/** The parts of an event's sentence: actor, phrase before the target, target, phrase after it. */
function sentence({ actor, actor_id, action, target, target_id, result }) {
  const isSuccess = result === "ok";
  // Someone who signs in, registers or resets a password is anonymous until it succeeds.
  const isOwn = isSuccess && (actor === "anonymous" || (target_id && actor_id === target_id));
  // The service may be newer than this page, and have actions that the page does not know.
  const unknown = { own: action, other: `${action} {}`, tried: `${action} {}` };
  const { own, other, tried } = phrases.get(action) ?? unknown;
  const [before, after] = (isOwn ? own : isSuccess ? other : tried).split("{}");
  return {
    actorName: isOwn ? target ?? "Somebody" : ACTOR_LABELS[actor] ?? actor,
    before,
    targetName: after === undefined ? "" : target ?? "an unknown account",
    after,
    reason: isSuccess ? "" : result.replaceAll("_", " "),
  };
}

/**
 * The fields of a record and their values, after an update also the values before it. A field that
 * only its owner may see is named alone.
 */
function changesInWords(action, changes) {
  const isUpdate = action.endsWith(".update");
  const words = ([field, values]) => {
    const name = field.replaceAll("_", " ");
    if (!values) return name;
    const [from, to] = values;
    return `${name}: ${isUpdate ? `${from ?? "none"} → ${to ?? "none"}` : from ?? to}`;
  };
  return Object.entries(changes).map(words).join("; ");
}

new List(document.getElementById("events"), {
  path: "audit",
  filters,
  show(event) {
    const byKey = event.credential?.startsWith("key ");
    const changes = event.changes && changesInWords(event.action, event.changes);
    const detail = event.detail ?? (event.action.endsWith(".update") ? changes : null);
    return fill(template, { ...event, ...sentence(event), byKey, changes, detail });
  },
}).load();
