// A new task in one line: shows what the service understands while it is typed, and sends the form that
// the service has filled with it.

import { ask, askToSignIn, fetchPage, hasEnded, send } from "./page.js";

/** Without a key, before the service is asked. */
const PAUSE_MS = 150;

let timer;

export function understand({ form }) {
  clearTimeout(timer);
  timer = setTimeout(tell, PAUSE_MS, form);
}

const addressOf = (form) => `${form.action}?${new URLSearchParams(new FormData(form))}`;

async function tell(form) {
  const { line } = form.elements;
  const typed = line.value;
  const answer = typed.trim() ? await fetchPage(addressOf(form)).catch(() => null) : null;
  if (line.value !== typed) return;
  const understood = answer?.page.getElementById("understood")?.childNodes ?? [];
  document.getElementById("quick-understood")?.replaceChildren(...understood);
}

export async function add(form) {
  const { line } = form.elements;
  const typed = line.value;
  const problem = "The service does not answer. Nothing was sent.";
  const answer = await ask(addressOf(form), problem, () => add(form));
  if (!answer) return;
  if (hasEnded(answer.url)) return askToSignIn();
  const filled = answer.page.getElementById("task-form");
  // What is not clear is decided in the form.
  if (!filled || answer.page.querySelector("#understood[data-asks]")) return form.submit();
  filled.setAttribute("action", new URL(filled.getAttribute("action"), answer.url));
  if (!(await send(filled))) return;
  if (line.value === typed) form.reset();
  tell(form);
}
