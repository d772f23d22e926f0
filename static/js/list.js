// A list of records in all its states: loading, there, empty, nothing found, failed, offline; and its pages.

import { call, Offline, Refusal, root } from "./api.js";

/** Sends whoever is signed out by now to sign in, and then back here. */
function signIn() {
  const here = location.href.slice(root.href.length).replace(/#.*/, "");
  location.assign(new URL(`login?next=${encodeURIComponent(here)}`, root));
}

/**
 * Shows what the API lists at `path` in a section, each record as the element that `show` makes of it.
 * `query` has parameters that always hold; `filters` is the form whose fields, which are those of the
 * page's own address, hold beside them. A list without such a form turns its pages in place.
 * `arrange` gives the records of a page another order.
 */
export class List {
  constructor(section, { path, query = {}, filters = null, arrange = (items) => items, show }) {
    Object.assign(this, { section, path, query, filters, arrange, show });
    const address = new URLSearchParams(location.search);
    this.page = filters ? (address.get("page") ?? "1") : "1";
    for (const input of filters?.elements ?? []) {
      if (input.name && address.has(input.name)) input.value = address.get(input.name);
    }
    filters?.addEventListener("submit", (event) => {
      event.preventDefault();
      location.search = this.search({});
    });
    for (const link of filters ? [] : section.querySelectorAll(".pages a")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.page = link.dataset.page;
        this.load();
      });
    }
    section.querySelector(".failed button").addEventListener("click", () => {
      // The button goes while it is tried.
      section.focus();
      this.load();
    });
    addEventListener("online", () => this.isOffline && this.load());
  }

  /** The page's own query with some parameters changed. */
  search(changes) {
    const parameters = new URLSearchParams(this.filters ? new FormData(this.filters) : "");
    for (const [name, value] of Object.entries(changes)) parameters.set(name, value);
    for (const [name, value] of [...parameters]) if (value === "") parameters.delete(name);
    return parameters.toString();
  }

  get isFiltered() {
    return this.search({ sort: "" }) !== "";
  }

  /** Asks for the records, and shows what comes of it. What is there already stays until then. */
  async load() {
    const number = (this.loads = (this.loads ?? 0) + 1);
    this.section.ariaBusy = "true";
    if (this.section.querySelector(".records").childElementCount === 0) this.turn("loading");
    const parameters = new URLSearchParams(this.search({ page: this.page }));
    for (const [name, value] of Object.entries(this.query)) parameters.set(name, value);
    try {
      const page = await call("GET", `${this.path}?${parameters}`);
      // Somebody has asked once more meanwhile, and that answer counts.
      if (number !== this.loads) return;
      if (page.items.length === 0 && page.page > 1) {
        this.page = String(Math.max(1, page.total_pages));
        return page.total_items > 0 ? await this.load() : this.showPage(page);
      }
      this.showPage(page);
    } catch (problem) {
      const isSignedOut = problem instanceof Refusal && problem.status === 401;
      // Not away from a dialog in which somebody may have typed; its own answer tells them.
      if (isSignedOut && !document.querySelector("dialog:modal")) return signIn();
      if (number === this.loads) this.fail(problem);
    } finally {
      if (number === this.loads) this.section.ariaBusy = null;
    }
  }

  showPage(page) {
    const records = this.section.querySelector(".records");
    const focused = this.section.contains(document.activeElement) ? document.activeElement : null;
    const place = [...records.children].findIndex((record) => record.contains(focused));
    records.replaceChildren(...this.arrange(page.items).map((item) => this.show(item)));
    for (const record of records.children) this.nameControls(record);
    this.turn(page.items.length > 0 ? "records" : this.isFiltered ? "unmatched" : "empty");
    this.showPages(page);
    if (focused) this.keepFocus(focused, records.children[Math.min(place, page.items.length - 1)]);
  }

  /** Says of each control of a record, by the record's name, what it is for. */
  nameControls(record) {
    const name = record.querySelector(".name");
    if (!name) return;
    name.id ||= `name-${(List.named = (List.named ?? 0) + 1)}`;
    for (const button of record.querySelectorAll("button:not(.name)")) button.setAttribute("aria-describedby", name.id);
  }

  showPages({ page, total_pages, total_items, has_prev, has_next }) {
    const whole = this.section.querySelector(".whole");
    if (whole) whole.hidden = total_pages < 2;
    const pages = this.section.querySelector(".pages");
    if (!pages) return;
    pages.hidden = total_pages < 2;
    pages.querySelector(".count").textContent = `Page ${page} of ${total_pages} (${total_items} in all)`;
    const link = (name, isThere, number) => {
      const element = pages.querySelector(name);
      element.hidden = !isThere;
      element.href = this.filters ? `?${this.search({ page: number })}` : `#${this.section.id}`;
      element.dataset.page = number;
    };
    link(".prev", has_prev, page - 1);
    link(".next", has_next, page + 1);
  }

  /** Who was at a control that is there no more comes to its like in the record that has its place. */
  keepFocus(focused, record) {
    if (focused.checkVisibility()) return;
    const controls = [...(record?.querySelectorAll("a, button, summary") ?? [])];
    const visible = controls.filter((control) => control.checkVisibility());
    const like = visible.find((control) => control.className === focused.className);
    (like ?? visible[0] ?? this.section).focus();
  }

  fail(problem) {
    this.isOffline = problem instanceof Offline;
    this.section.querySelector(".failed p").textContent =
      problem.errors && Object.keys(problem.errors).length > 0
        ? Object.entries(problem.errors).map(([name, why]) => `${name}: ${why}`).join("; ")
        : problem.message;
    this.turn("failed");
  }

  turn(state) {
    for (const name of ["loading", "empty", "unmatched", "failed", "records"]) {
      const part = this.section.querySelector(`.${name}`);
      if (part) part.hidden = name !== state;
    }
    if (state === "records") return;
    for (const part of this.section.querySelectorAll(".pages, .whole")) part.hidden = true;
  }
}
