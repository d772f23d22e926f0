// What every page does for whoever is signed in: it tells what was done, asks before what cannot be undone,
// and shows nothing that the browser has kept from before.

import { clear, onSend, showProblem } from "./forms.js";

// A page out of the browser's own memory may be somebody else's by now.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});

/** Tells what was done, also to those who do not see the page. */
export function tell(text) {
  const told = document.getElementById("told");
  // Beside a dialog that is open nothing is seen or read out; so what is told stands in it meanwhile.
  const dialog = document.querySelector("dialog:modal");
  (dialog ?? document.body).append(told);
  dialog?.addEventListener("close", () => document.body.append(told), { once: true });
  // What is there already is not read out; what comes afterwards is.
  told.textContent = "";
  setTimeout(() => (told.textContent = text), 50);
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => (told.textContent = ""), 6000);
}

/** Opens a dialog with its form as it should be, and sends the form with `send`; then it closes. */
export function ask(dialog, { prepare = () => {}, send }) {
  const form = dialog.querySelector("form");
  if (!dialog.isReady) {
    dialog.isReady = true;
    dialog.querySelector(".cancel")?.addEventListener("click", () => isSending(dialog) || dialog.close());
    // One press too many of Escape must not cost what was typed; a second one would not ask by `cancel` any more.
    const stay = (event) => {
      if (!isSending(dialog) && textOf(form) === dialog.before) return;
      event.preventDefault();
      if (!isSending(dialog)) tell("Press Cancel to leave without saving.");
    };
    dialog.addEventListener("cancel", stay);
    dialog.addEventListener("keydown", (event) => event.key === "Escape" && stay(event));
    onSend(form, async (fields) => {
      await dialog.send(fields);
      dialog.close();
    });
    // Where the button that has opened it is gone by now, the keyboard would start at the top.
    dialog.addEventListener("close", () =>
      requestAnimationFrame(() => {
        const at = document.activeElement;
        if (at === document.body || !at.checkVisibility()) document.getElementById("main").focus();
      }),
    );
  }
  dialog.send = send;
  clear(form);
  prepare(form);
  dialog.before = textOf(form);
  dialog.showModal();
  (form.querySelector("[autofocus]") ?? form.elements[0]).focus();
}

/** Whether the answer is still to come, which is told to whoever wants to leave before. */
function isSending(dialog) {
  const isSending = dialog.querySelector("button[aria-disabled=true]") !== null;
  if (isSending) tell("Still at it …");
  return isSending;
}

function textOf(form) {
  return new URLSearchParams(new FormData(form)).toString();
}

/** Asks whether to do what cannot be undone, and does it. */
export function confirm(question, label, act) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("p").textContent = question;
  dialog.querySelector(".danger").textContent = label;
  ask(dialog, { send: act });
}

/** Does something that a button is for, and tells of what goes wrong. */
export async function attempt(button, act) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await act();
  } catch (problem) {
    const form = document.querySelector("#trouble form");
    ask(document.getElementById("trouble"), { prepare: () => showProblem(form, problem), send: async () => {} });
  } finally {
    button.ariaDisabled = null;
  }
}
