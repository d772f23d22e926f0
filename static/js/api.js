// The API client. The browser sends the session in a cookie that scripts cannot read.

/** The root of the service: this file is served from `assets/<version>/js/api.js` below it. */
export const root = new URL("../../../", import.meta.url);

/** Milliseconds. Longer than any timeout of the service, so that its own answer arrives first. */
const REQUEST_TIMEOUT = 45_000;

/** An error answer of the API. */
export class Problem extends Error {
  constructor(status, { message, errors = {} }) {
    super(message);
    this.status = status;
    /** The error of each invalid field, by the field's name. */
    this.errors = errors;
  }
}

/** No complete answer: the connection failed or timed out. */
export class NetworkError extends Error {
  constructor() {
    super("The service cannot be reached. Please check your connection.");
  }
}

/**
 * Sends a request below `/api/v1`. Resolves to the answer's JSON, with its ETag added as `etag`.
 * Throws a `Problem` or a `NetworkError`. `fields` are sent as JSON, and `etag` as `If-Match`.
 */
export async function call(method, path, { fields, etag } = {}) {
  const headers = { Accept: "application/json" };
  if (fields) headers["Content-Type"] = "application/json";
  if (etag) headers["If-Match"] = etag;
  return send(path, { method, headers, body: fields && JSON.stringify(fields) });
}

/** Submits a form that starts a session. The service puts the access token into the cookie. */
export async function submitForm(form) {
  const headers = { Accept: "application/json", "Widgetd-Session": "cookie" };
  const body = new URLSearchParams(new FormData(form));
  return send(form.action, { method: "POST", headers, body });
}

async function send(path, request) {
  const url = new URL(path, new URL("api/v1/", root));
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT);
  let response, text;
  try {
    const options = { signal, credentials: "same-origin", redirect: "error" };
    response = await fetch(url, { ...request, ...options });
    text = await response.text();
  } catch {
    throw new NetworkError();
  }
  const { status } = response;
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    // Not JSON: a proxy has answered instead of the service.
    throw new Problem(status, { message: `The service does not answer (${status}).` });
  }
  if (!response.ok) throw new Problem(status, { message: `Status ${status}`, ...body });
  return Object.assign(body, { etag: response.headers.get("ETag") });
}
