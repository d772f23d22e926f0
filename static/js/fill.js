// Makes elements out of templates and records. Values become text, never markup.

import { showTime } from "./time.js";

/**
 * A copy of a template's first element, filled with a record's values:
 * `data-text="name"` is text, `data-href` an address, `data-time` a moment, and
 * `data-if="name"` or `data-unless="name"` say on what it depends that an element is there.
 */
export function fill(template, record) {
  const element = template.content.firstElementChild.cloneNode(true);
  const value = (path) => path.split(".").reduce((part, name) => part?.[name], record);
  for (const part of all(element, "if")) if (!value(part.dataset.if)) part.remove();
  for (const part of all(element, "unless")) if (value(part.dataset.unless)) part.remove();
  for (const part of all(element, "text")) part.textContent = value(part.dataset.text) ?? "";
  for (const part of all(element, "time")) showTime(part, value(part.dataset.time));
  for (const part of all(element, "href")) {
    const address = value(part.dataset.href);
    // The service accepts no other addresses either.
    if (/^https?:\/\//i.test(address)) part.href = address;
  }
  return element;
}

function all(element, name) {
  const found = [...element.querySelectorAll(`[data-${name}]`)];
  return element.dataset[name] === undefined ? found : [element, ...found];
}
