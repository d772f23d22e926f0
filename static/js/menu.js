// The menu of a row: the actions of its record, from the record's page.

import { ask } from "./page.js";

const ADDRESSES = ["href", "action", "formaction"];

export async function openMenu(button) {
  const { href } = button.closest(".row").querySelector(".text a");
  const answer = await ask(href, "The service cannot be reached.", () => openMenu(button));
  if (!answer) return;
  const acts = answer.page.querySelector(".record .buttons");
  if (!acts) return location.assign(href);
  const menu = document.getElementById("more");
  menu.replaceChildren(...acts.querySelectorAll(":scope > :is(a, form, button:not([data-copy]))"));
  // They are relative to the record's page.
  for (const name of ADDRESSES) {
    for (const part of menu.querySelectorAll(`[${name}]`)) {
      part.setAttribute(name, new URL(part.getAttribute(name), answer.url));
    }
  }
  // The style sheet places it at its source.
  menu.showPopover({ source: button });
  menu.querySelector("a, button")?.focus();
}
