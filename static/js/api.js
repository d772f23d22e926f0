// The API client. The browser sends the session in a cookie that scripts cannot read.

/** Milliseconds. Longer than any timeout of the service, so that its own answer arrives first. */
const REQUEST_TIMEOUT = 45_000;

/** An error answer of the API. */
class Problem extends Error {
  constructor(status, { message, errors = {} }) {
    super(message);
    this.status = status;
    /** The error of each invalid field, by the field's name. */
    this.errors = errors;
  }
}

/** No complete answer: the connection failed or timed out. */
class NetworkError extends Error {
  constructor() {
    super("The service cannot be reached. Please check your connection.");
  }
}

/** Submits a form that starts a session. The service puts the access token into the cookie. */
export async function submitForm(form) {
  const headers = { Accept: "application/json", "Widgetd-Session": "cookie" };
  const body = new URLSearchParams(new FormData(form));
  return send(form.action, { method: "POST", headers, body });
}

async function send(url, request) {
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
  return body;
}
