// Fills HTML templates with records. Values become text, never markup.

import { showTime } from "./time.js";

/**
 * Clones the first element of a template and fills it with the values of a record:
 * `data-text="name"` sets the text, `data-title` the tooltip, `data-href` the link's address,
 * `data-time` the time, or the date that `data-date` names, if there is one.
 * `data-if="name"` removes the element if the value is falsy, `data-unless` if it is truthy.
 * A name can be a path: `owner.email`.
 */
export function fill(template, record) {
  const root = template.content.firstElementChild.cloneNode(true);
  const value = (path) => path.split(".").reduce((object, name) => object?.[name], record);
  for (const element of all(root, "if")) if (!value(element.dataset.if)) element.remove();
  for (const element of all(root, "unless")) if (value(element.dataset.unless)) element.remove();
  for (const element of all(root, "text")) element.textContent = value(element.dataset.text) ?? "";
  for (const element of all(root, "title")) element.title = value(element.dataset.title) ?? "";
  for (const element of all(root, "time")) {
    const { time, date = "" } = element.dataset;
    showTime(element, value(time), value(date));
  }
  for (const element of all(root, "href")) {
    const address = value(element.dataset.href);
    // The service validates this too. A second check keeps `javascript:` addresses out for certain.
    if (/^https?:\/\//i.test(address)) element.href = address;
  }
  return root;
}

function all(root, name) {
  const found = [...root.querySelectorAll(`[data-${name}]`)];
  return root.dataset[name] === undefined ? found : [root, ...found];
}
