// @ts-check
// Requests to the server, with the session's cookie and CSRF value.

export class Refused extends Error {
  /** @param {number} status @param {Partial<import("./wire.js").Problem>} problem */
  constructor(status, problem) {
    super(problem.message || `the server answered ${status}`);
    this.status = status;
    this.code = problem.code || "";
    this.help = problem.help || "";
    this.diagnostics = problem.diagnostics || [];
  }
}

let csrf = "";

/** @param {string} value */
export function setCsrf(value) { csrf = value; }

/**
 * The answer of a request. Throws Refused for a refusal, TypeError where the server is away.
 * @param {string} method @param {string} path @param {any} [body] @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
export async function send(method, path, body, signal) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (method !== "GET") headers["Atoll-Csrf"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, {
    method, headers, signal, credentials: "same-origin", cache: "no-store",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer;
  /** @type {Partial<import("./wire.js").Problem>} */
  let problem = {};
  try { problem = await answer.json(); } catch { /* no JSON: a proxy in between */ }
  throw new Refused(answer.status, problem);
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export const get = async (path, signal) => (await send("GET", path, undefined, signal)).json();

/** @param {string} path @param {any} [body] @returns {Promise<any>} */
export async function post(path, body) {
  const answer = await send("POST", path, body);
  return answer.status === 204 ? null : answer.json();
}

/** All pages of a list. @param {string} path @returns {Promise<any[]>} */
export async function all(path) {
  const found = [];
  let after = "";
  for (;;) {
    const url = new URL(path, location.href);
    if (after) url.searchParams.set("after", after);
    const answer = await send("GET", url.pathname + url.search);
    found.push(...await answer.json());
    after = answer.headers.get("Atoll-Next") || "";
    if (!after) return found;
  }
}
