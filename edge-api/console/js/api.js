// Requests to the API. Every failure is a `Problem` with a code that has words in both languages.

import { adopt, confine, cookieMode, end, freshToken, replaceToken } from "./session.js";

/** Whoever asks for these is nobody yet, whatever session there is: a refusal says nothing about that one. */
const PUBLIC = ["/auth/login", "/auth/register", "/auth/password/reset"];
/** A request may take so long beyond the wait that it asks for; the server gives up sooner. */
const PATIENCE_MS = 20_000;

/** What the server refuses, or that it cannot be reached (`OFFLINE`). */
export class Problem extends Error {
  constructor({ code, detail = "", status = 0, errors = [], request_id: requestId = "", retryAfter = 0 }) {
    super(`${code}: ${detail}`);
    Object.assign(this, { code, detail, status, errors, requestId, retryAfter });
  }

  /** Whether the session is over, so that only a login helps. */
  get isSessionOver() {
    return this.status === 401 && !["WRONG_CREDENTIALS", "SECOND_FACTOR_REQUIRED"].includes(this.code);
  }
}

export const get = async (path, options = {}) => (await call("GET", path, options)).body;
export const post = async (path, body, options = {}) => (await call("POST", path, { ...options, body })).body;
export const patch = async (path, body, options = {}) => (await call("PATCH", path, { ...options, body })).body;

/** Sends a request with the token, and once more if that has just run out; answers status, headers and body. */
export async function call(method, path, options = {}) {
  const answer = await send(method, path, options);
  if (answer.status === 304) return { status: 304, headers: answer.headers, body: null };
  const isJson = /json/.test(answer.headers.get("content-type") ?? "");
  const body = isJson ? await answer.json() : null;
  if (!answer.ok) throw problem(answer, body);
  return { status: answer.status, headers: answer.headers, body };
}

/** The answer of a request that is read piece by piece. */
export async function open(path, { headers = {}, signal }) {
  const answer = await send("GET", path, { headers, signal, patience: null });
  if (answer.ok) return answer;
  throw problem(answer, await answer.json().catch(() => null));
}

async function send(method, path, options) {
  const token = PUBLIC.includes(path) ? null : await attempt(freshToken);
  const answer = await once(method, path, options, token);
  if (answer.status !== 401 || token === null) return answer;
  const next = await attempt(() => replaceToken(token));
  if (next === null || next === token) return answer;
  const again = await once(method, path, options, next);
  if (again.status === 401) end();
  return again;
}

function once(method, path, { body, key, headers = {}, signal, waitSeconds = 0, patience = PATIENCE_MS }, token) {
  const all = { ...headers };
  if (token !== null) all.authorization = `Bearer ${token}`;
  if (path.startsWith("/auth/")) Object.assign(all, cookieMode());
  if (body !== undefined) all["content-type"] = "application/json";
  if (key !== undefined) all["idempotency-key"] = `"${key}"`;
  if (waitSeconds > 0) all.prefer = `wait=${waitSeconds}`;
  const limit = patience === null ? [] : [AbortSignal.timeout(patience + waitSeconds * 1_000)];
  const request = {
    method,
    headers: all,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.any([...limit, ...(signal ? [signal] : [])]),
  };
  return attempt(async () => {
    const answer = await fetch(path, request);
    adopt(answer.headers.get("authorization"));
    return answer;
  });
}

/** A connection that fails is a problem too; a view that was left stays silent. */
async function attempt(work) {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Problem || cause.name === "AbortError") throw cause;
    throw new Problem({ code: cause.name === "TimeoutError" ? "TIMED_OUT" : "OFFLINE", detail: String(cause) });
  }
}

function problem(answer, body) {
  if (body?.code === "SECOND_FACTOR_ENROLMENT_REQUIRED") confine();
  const retryAfter = Number(answer.headers.get("retry-after")) || 0;
  return new Problem({ code: "INTERNAL", ...body, status: answer.status, retryAfter });
}
