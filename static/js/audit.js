// The page of what happened to accounts, sessions and keys: each entry as a sentence.

import { fill } from "./fill.js";
import { List } from "./list.js";
import "./page.js";

const template = document.getElementById("entry");
const filters = document.getElementById("filters");
const tellings = new Map([...filters.elements.action.options].map((option) => [option.value, option.dataset]));
const NOBODY_KNOWN = { anonymous: "Somebody", "command line": "The command line", service: "The service" };

/** The parts of a sentence: who did what, before whom it names, whom, and what comes after. */
function sentence({ actor, actor_id, action, target, target_id, result }) {
  const isDone = result === "ok";
  // Who proves who they are only by doing it, at a login say, is nobody known before.
  const isOwn = isDone && (actor === "anonymous" || (target_id && actor_id === target_id));
  const telling = tellings.get(action) ?? { own: action, other: `${action} {}`, tried: `${action} {}` };
  const [before, after] = (isOwn ? telling.own : isDone ? telling.other : telling.tried).split("{}");
  return {
    who: isOwn ? target ?? "Somebody" : NOBODY_KNOWN[actor] ?? actor,
    before,
    whom: after === undefined ? "" : target ?? "an account that is not there",
    after,
    reason: isDone ? "" : result.replaceAll("_", " "),
  };
}

new List(document.getElementById("entries"), {
  path: "audit",
  filters,
  show: (entry) => fill(template, { ...entry, ...sentence(entry), byKey: entry.credential?.startsWith("key ") }),
}).load();
