// Asks the API. The browser brings the session along, in a cookie that no script can read.

/** Where the service is: this file is at `assets/<version>/js/api.js` below it. */
export const root = new URL("../../../", import.meta.url);

/** How long an answer may take, in milliseconds: longer than the service itself waits for anything. */
const PATIENCE = 45_000;

/** What the API refused or failed to do. */
export class Refusal extends Error {
  constructor(status, { message, errors = {} }) {
    super(message);
    this.status = status;
    /** What is wrong with each field, by its name. */
    this.errors = errors;
  }
}

/** The request has not got through, or the answer has not come back. */
export class Offline extends Error {
  constructor() {
    super("The service cannot be reached. Please check your connection.");
  }
}

/**
 * Sends a request below `/api/v1`, and answers the body of the answer; its tag as `etag`.
 * `fields` go as JSON, so that an empty text can be said as well as none.
 */
export async function call(method, path, { fields, etag } = {}) {
  const headers = { Accept: "application/json" };
  if (fields) headers["Content-Type"] = "application/json";
  if (etag) headers["If-Match"] = etag;
  return send(path, { method, headers, body: fields && JSON.stringify(fields) });
}

/** Sends a form that somebody comes in by, as it is; the token goes into the cookie. */
export async function enter(form) {
  const headers = { Accept: "application/json", "Widgetd-Session": "cookie" };
  return send(form.action, { method: "POST", headers, body: new URLSearchParams(new FormData(form)) });
}

async function send(path, request) {
  const url = new URL(path, new URL("api/v1/", root));
  let response, text;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    response = await fetch(url, { ...request, signal, credentials: "same-origin", redirect: "error" });
    text = await response.text();
  } catch {
    throw new Offline();
  }
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    // A proxy has answered in the service's place.
    throw new Refusal(response.status, { message: `The service does not answer (${response.status}).` });
  }
  if (!response.ok) throw new Refusal(response.status, { message: `Status ${response.status}`, ...body });
  return Object.assign(body, { etag: response.headers.get("ETag") });
}
