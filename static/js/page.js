// Shared by all pages that need a session: toasts, dialogs, and protection of cached pages.

import { onSubmit, resetForm, showError } from "./forms.js";

// A page restored from the back/forward cache may belong to a session that has ended.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});

/** Shows a short message for a few seconds. Screen readers announce it. */
export function showToast(text) {
  const toast = document.getElementById("toast");
  // An open modal dialog hides everything outside it, also from screen readers.
  const dialog = document.querySelector("dialog:modal");
  (dialog ?? document.body).append(toast);
  dialog?.addEventListener("close", () => document.body.append(toast), { once: true });
  // A live region announces changes, not the text that it already has.
  toast.textContent = "";
  setTimeout(() => (toast.textContent = text), 50);
  clearTimeout(showToast.timer);
  showToast.timer = setTimeout(() => (toast.textContent = ""), 6000);
}

/**
 * Opens a dialog. `prepare` fills its form before that. On submit, `send` gets the form's fields,
 * and the dialog closes when `send` is done. If `send` throws, the error is shown in the form.
 */
export function openDialog(dialog, { prepare = () => {}, send }) {
  const form = dialog.querySelector("form");
  if (!dialog.isInitialized) {
    dialog.isInitialized = true;
    initializeDialog(dialog, form);
  }
  dialog.send = send;
  resetForm(form);
  prepare(form);
  dialog.initialValues = serialize(form);
  dialog.showModal();
  (form.querySelector("[autofocus]") ?? form.elements[0]).focus();
}

function initializeDialog(dialog, form) {
  dialog.querySelector(".cancel")?.addEventListener("click", () => {
    if (!isSending(dialog)) dialog.close();
  });
  const keepUnsavedInput = (event) => {
    if (isSending(dialog)) return event.preventDefault();
    if (serialize(form) === dialog.initialValues) return;
    event.preventDefault();
    showToast("Press Cancel to leave without saving.");
  };
  dialog.addEventListener("cancel", keepUnsavedInput);
  // A second Escape in a row closes a dialog without a cancelable `cancel` event.
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && keepUnsavedInput(event));
  onSubmit(form, async (fields) => {
    await dialog.send(fields);
    dialog.close();
  });
  // Closing returns the focus to the button that opened the dialog. If that button is gone, the
  // focus would be lost to the body.
  dialog.addEventListener("close", () =>
    requestAnimationFrame(() => {
      const focused = document.activeElement;
      if (focused !== document.body && focused.checkVisibility()) return;
      document.getElementById("main").focus();
    }),
  );
}

/** Whether a submission is in progress. If so, tells the user. */
function isSending(dialog) {
  const isDisabled = dialog.querySelector("button[aria-disabled=true]") !== null;
  if (isDisabled) showToast("Still sending …");
  return isDisabled;
}

function serialize(form) {
  return new URLSearchParams(new FormData(form)).toString();
}

/** Asks for confirmation, then runs `action`. `label` is the text of the confirming button. */
export function confirm(question, label, action) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("p").textContent = question;
  dialog.querySelector(".danger").textContent = label;
  openDialog(dialog, { send: action });
}

/** Runs the action of a button, which is disabled meanwhile. Shows errors in a dialog. */
export async function runAction(button, action) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await action();
  } catch (error) {
    const prepare = (form) => showError(form, error);
    openDialog(document.getElementById("error-dialog"), { prepare, send: async () => {} });
  } finally {
    button.ariaDisabled = null;
  }
}
