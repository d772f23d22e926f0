// A list of records in all its states (static/pages/lists.html): loading, records, empty, no match,
// failed. Pagination included.

import { call, NetworkError, Problem, root } from "./api.js";

/** Leads to the sign-in page, and from there back to this page. */
function signIn() {
  const here = location.href.slice(root.href.length).replace(/#.*/, "");
  location.assign(new URL(`login?next=${encodeURIComponent(here)}`, root));
}

/**
 * Shows the API's list at `path` in a section. `show` makes an element of each record.
 * `query` has parameters that are sent with every request. `filters` is a form that filters the
 * list: its fields are the parameters of the page's own address, and pagination changes that
 * address. Without it, pagination loads the next records in place. `reorder` sorts the records of
 * a page.
 */
export class List {
  constructor(section, { path, query = {}, filters = null, reorder = (items) => items, show }) {
    Object.assign(this, { section, path, query, filters, reorder, show });
    /** The number of requests sent. Tells the answer to the latest one from older answers. */
    this.requests = 0;
    this.page = "1";
    if (filters) this.readAddress();
    else this.paginateInPlace();
    section.querySelector(".failed button").addEventListener("click", () => {
      // The button is hidden while the list loads, and would lose the focus.
      section.focus();
      this.load();
    });
    addEventListener("online", () => this.isOffline && this.load());
  }

  readAddress() {
    const parameters = new URLSearchParams(location.search);
    this.page = parameters.get("page") ?? "1";
    for (const input of this.filters.elements) {
      if (input.name && parameters.has(input.name)) input.value = parameters.get(input.name);
    }
    this.filters.addEventListener("submit", (event) => {
      event.preventDefault();
      location.search = this.queryString({});
    });
  }

  paginateInPlace() {
    for (const link of this.section.querySelectorAll(".pagination a")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.page = link.dataset.page;
        this.load();
      });
    }
  }

  /** The filters as a query string, with some parameters changed. */
  queryString(changes) {
    const parameters = new URLSearchParams(this.filters ? new FormData(this.filters) : "");
    for (const [name, value] of Object.entries(changes)) parameters.set(name, value);
    for (const [name, value] of [...parameters]) if (value === "") parameters.delete(name);
    return parameters.toString();
  }

  get isFiltered() {
    return this.queryString({ sort: "" }) !== "";
  }

  /** Requests the records and shows them. Records shown before stay until the answer arrives. */
  async load() {
    const number = (this.requests += 1);
    this.section.ariaBusy = "true";
    const isEmpty = this.section.querySelector(".records").childElementCount === 0;
    if (isEmpty) this.setState("loading");
    const parameters = new URLSearchParams(this.queryString({ page: this.page }));
    for (const [name, value] of Object.entries(this.query)) parameters.set(name, value);
    try {
      const page = await call("GET", `${this.path}?${parameters}`);
      if (number !== this.requests) return;
      if (page.items.length === 0 && page.page > 1) {
        // The records of this page were deleted. Show the last page.
        this.page = String(Math.max(1, page.total_pages));
        return page.total_items > 0 ? await this.load() : this.showPage(page);
      }
      this.showPage(page);
    } catch (error) {
      const isSignedOut = error instanceof Problem && error.status === 401;
      // An open dialog may have unsaved input. It shows its own error when it is submitted.
      if (isSignedOut && !document.querySelector("dialog:modal")) return signIn();
      if (number === this.requests) this.showError(error);
    } finally {
      if (number === this.requests) this.section.ariaBusy = null;
    }
  }

  showPage(page) {
    const records = this.section.querySelector(".records");
    const { activeElement } = document;
    const focused = this.section.contains(activeElement) ? activeElement : null;
    const index = [...records.children].findIndex((record) => record.contains(focused));
    records.replaceChildren(...this.reorder(page.items).map((item) => this.show(item)));
    for (const record of records.children) this.describeButtons(record);
    this.setState(page.items.length > 0 ? "records" : this.isFiltered ? "no-match" : "empty");
    this.showPagination(page);
    const successor = records.children[Math.min(index, page.items.length - 1)];
    if (focused) this.restoreFocus(focused, successor);
  }

  /** Describes each button of a record by the record's name: "Edit" is the same in all of them. */
  describeButtons(record) {
    const name = record.querySelector(".name");
    if (!name) return;
    name.id ||= `name-${(List.lastNameId = (List.lastNameId ?? 0) + 1)}`;
    for (const button of record.querySelectorAll("button:not(.name)")) {
      button.setAttribute("aria-describedby", name.id);
    }
  }

  showPagination({ page, total_pages, total_items, has_prev, has_next }) {
    const showAll = this.section.querySelector(".show-all");
    if (showAll) showAll.hidden = total_pages < 2;
    const pagination = this.section.querySelector(".pagination");
    if (!pagination) return;
    pagination.hidden = total_pages < 2;
    const count = `Page ${page} of ${total_pages} (${total_items} in all)`;
    pagination.querySelector(".count").textContent = count;
    const setLink = (selector, isVisible, number) => {
      const link = pagination.querySelector(selector);
      link.hidden = !isVisible;
      link.href = this.filters ? `?${this.queryString({ page: number })}` : `#${this.section.id}`;
      link.dataset.page = number;
    };
    setLink(".prev", has_prev, page - 1);
    setLink(".next", has_next, page + 1);
  }

  /** If the focused control is gone, focuses the same control of the record now in its place. */
  restoreFocus(focused, record) {
    if (focused.checkVisibility()) return;
    const controls = [...(record?.querySelectorAll("a, button, summary") ?? [])];
    const visible = controls.filter((control) => control.checkVisibility());
    const same = visible.find((control) => control.className === focused.className);
    (same ?? visible[0] ?? this.section).focus();
  }

  showError(error) {
    this.isOffline = error instanceof NetworkError;
    const fieldErrors = Object.entries(error.errors ?? {}).map(([name, why]) => `${name}: ${why}`);
    this.section.querySelector(".failed p").textContent =
      fieldErrors.length > 0 ? fieldErrors.join("; ") : error.message;
    this.setState("failed");
  }

  /** Shows the element of one state, and hides the others. */
  setState(state) {
    for (const name of ["loading", "empty", "no-match", "failed", "records"]) {
      this.section.querySelector(`.${name}`).hidden = name !== state;
    }
    if (state === "records") return;
    for (const part of this.section.querySelectorAll(".pagination, .show-all")) part.hidden = true;
  }
}
