// Who is logged in. The access token lives in memory alone; the refresh token is a cookie that no script can read.
//
// All tabs share the session: one of them renews the token for all, and none ever shows an access token that has run out, because a
// token of two generations ago would look stolen and end the session.

import { read, write } from "./preferences.js";

/** A token is renewed so long before it runs out. */
const EARLY_MS = 20_000;
/** Says that there is probably a session, so that a first visit asks for nothing. It is no secret. */
const HINT = "sluice.session";
const COOKIE_MODE = { "sluice-session": "cookie" };

const channel = "BroadcastChannel" in window ? new BroadcastChannel("sluice-session") : null;
const listeners = new Set();
let token = null;
let expiresAt = 0;
let account = null;
let renewing = null;
let confined = false;

/** The account: `{ account_id, role, name }`, or null. */
export function currentAccount() {
  return account;
}

/** Calls the listener whenever somebody logs in or out, here or in another tab. */
export function onAccount(listener) {
  listeners.add(listener);
}

/** Whether a second factor was shown when the session began. An account takes or loses one with all its sessions, so it has one then. */
export function hasSecondFactor() {
  return token !== null && claims(token).mfa === true;
}

/** Whether the session can do nothing but take a second factor. */
export function isConfined() {
  return confined;
}

/** The server has said so. */
export function confine() {
  if (confined || account === null) return;
  confined = true;
  tell();
}

/** Takes up the session of an earlier visit, if there is one. */
export async function resume() {
  if (read(HINT) === null) return;
  try {
    await renew();
    await identify();
  } catch {
    // Whoever needs the session is told; the page itself shows without one.
  }
}

/** A token that is good for now. Null without a session. */
export async function freshToken() {
  if (token !== null && Date.now() < expiresAt - EARLY_MS) return token;
  if (token === null && read(HINT) === null) return null;
  return renew();
}

/** A token that replaces `refused`, which the server did not take. Null without a session. */
export async function replaceToken(refused) {
  if (token !== null && token !== refused) return token;
  token = null;
  return read(HINT) === null ? null : renew();
}

/** Takes the renewed token that an answer has brought. */
export function adopt(header) {
  const text = header?.replace(/^Bearer /i, "");
  if (text && text !== token) keep(text, lifetime(text), true);
}

/** Begins with what a login has answered. */
export async function begin(tokens) {
  keep(tokens.access_token, tokens.expires_in * 1_000, false);
  confined = false;
  write(HINT, "1");
  await identify();
  channel?.postMessage({ kind: "began", token, expiresAt, account });
}

/** Headers by which the server keeps the refresh token in a cookie. */
export function cookieMode() {
  return COOKIE_MODE;
}

/** Forgets the session in every tab. */
export function end() {
  forget();
  channel?.postMessage({ kind: "ended" });
}

// One renewal at a time in this tab, and one at a time in all of them.
function renew() {
  renewing ??= exclusively(renewNow).finally(() => {
    renewing = null;
  });
  return renewing;
}

function exclusively(work) {
  return navigator.locks ? navigator.locks.request("sluice-session", work) : work();
}

async function renewNow() {
  // Another tab may have done it while this one waited for its turn.
  if (token !== null && Date.now() < expiresAt - EARLY_MS) return token;
  const answer = await fetch("/auth/refresh", { method: "POST", headers: COOKIE_MODE });
  if (answer.status === 401) {
    end();
    return null;
  }
  if (!answer.ok) throw new Error(`renewing failed: ${answer.status}`);
  const tokens = await answer.json();
  keep(tokens.access_token, tokens.expires_in * 1_000, true);
  return token;
}

async function identify() {
  if (token === null) return;
  const answer = await fetch("/me", { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`no account: ${answer.status}`);
  account = await answer.json();
  tell();
}

function keep(text, livesMs, isNews) {
  token = text;
  expiresAt = Date.now() + livesMs;
  if (isNews) channel?.postMessage({ kind: "renewed", token, expiresAt });
}

function forget() {
  token = null;
  account = null;
  confined = false;
  write(HINT, null);
  tell();
}

function tell() {
  for (const listener of listeners) listener(account);
}

/** Milliseconds that a token lives, as it says itself; the clock of this machine may be wrong. */
function lifetime(text) {
  const { exp, iat } = claims(text);
  return (exp - iat) * 1_000 || 0;
}

/** What a token says; nothing if it cannot be read. */
function claims(text) {
  try {
    return JSON.parse(atob(text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}

channel?.addEventListener("message", ({ data }) => {
  if (data.kind === "ended" && account !== null) forget();
  if (data.kind === "renewed" && account !== null) ({ token, expiresAt } = data);
  if (data.kind === "began") {
    ({ token, expiresAt, account } = data);
    confined = false;
    tell();
  }
});
