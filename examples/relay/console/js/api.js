// Calls to the relay: JSON in and out, refusals as exceptions, and events as they happen.

const root = "/api/v1";
let csrfToken = null;
let signedOut = () => {};

/** The relay's words as a sentence; an identifier at its beginning stays as it is. */
const sentence = (text) => (/^[a-z]+ /.test(text) ? text[0].toUpperCase() + text.slice(1) : text);

/** What the relay refused, in its own words. `field` is the setting that it is about, if it is about one. */
export class Refusal extends Error {
  constructor(status, { code = "", message = "", field = "" } = {}) {
    super(sentence(message) || `The relay answered with status ${status}.`);
    Object.assign(this, { status, code, field });
  }
  get editedMeanwhile() {
    return this.code === "edited_meanwhile";
  }
}

/** Called whenever the relay does not know this browser any more. */
export const onSignedOut = (handler) => {
  signedOut = handler;
};

/** A path of encoded parts, and a query of what is not empty. */
export const path = (parts, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const asked = given.length ? `?${new URLSearchParams(given)}` : "";
  return `/${parts.map(encodeURIComponent).join("/")}${asked}`;
};

const call = async (method, target, body, { signal } = {}) => {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  let response;
  try {
    response = await fetch(root + target, {
      method,
      headers,
      signal,
      cache: "no-store",
      credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { code: "unreachable", message: "The relay does not answer. Is it running?" });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const refusal = new Refusal(response.status, answer.error);
  if (response.status === 401 && target !== "/session" && target !== "/setup") signedOut();
  throw refusal;
};

export const get = (target, options) => call("GET", target, undefined, options);
export const post = (target, body = {}, options) => call("POST", target, body, options);
export const put = (target, body, options) => call("PUT", target, body, options);
export const patch = (target, body, options) => call("PATCH", target, body, options);
export const remove = (target, body, options) => call("DELETE", target, body, options);

const keep = (session) => {
  csrfToken = session.csrf_token;
  return session;
};
export const session = async () => keep(await get("/session"));
export const signIn = async (name, password) => keep(await post("/session", { name, password }));
export const signOut = async () => keep(await remove("/session"));
export const setUp = async (token, name, password) =>
  keep(await post("/setup", name ? { token, name, password } : { token, password }));

/** Everything of a list, page by page, at most `most` entries. */
export const all = async (parts, key, query = {}, most = 1000) => {
  const entries = [];
  let cursor = "";
  do {
    const page = await get(path(parts, { ...query, limit: 200, cursor }));
    entries.push(...page[key]);
    cursor = page.next_cursor;
  } while (cursor && entries.length < most);
  return entries;
};

/**
 * Listens to server-sent events until `signal` aborts: `handlers` by the events' names, each with the event's data.
 * The browser comes back by itself after a stream's end, with the last id; where it gives up, this begins anew.
 * `state(true | false)` tells whether events come.
 */
export const listen = (target, handlers, { signal, state = () => {} } = {}) => {
  let source = null;
  let again = 0;
  const open = () => {
    source = new EventSource(root + target);
    source.onopen = () => state(true);
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return; // it is coming back
      state(false);
      again = setTimeout(open, 3000);
    };
    for (const [name, handler] of Object.entries(handlers))
      source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
  };
  const close = () => {
    clearTimeout(again);
    source?.close();
  };
  if (signal?.aborted) return close;
  open();
  signal?.addEventListener("abort", close);
  return close;
};
