// Waiting, nothing there, and what went wrong.

import { h, put } from "../dom.js";
import { icon } from "../icons.js";
import { has, t } from "../i18n.js";

/** Grey lines in the shape of what comes. */
export function loading(lines = 3) {
  const label = h("p", { class: "hidden-text" }, t("state.loading"));
  const shapes = Array.from({ length: lines }, () => h("span", { "aria-hidden": "true" }));
  return h("div", { class: "skeleton", role: "status" }, label, shapes);
}

export function empty({ name, title, words, action = null }) {
  return h("div", { class: "empty" }, icon(name), h("h2", {}, title), h("p", {}, words), action);
}

/** A sentence with an icon; `kind` is info, calm, ok, warn or danger. */
export function notice(kind, ...words) {
  const name = { ok: "ok", calm: "ok", info: "info" }[kind] ?? "warn";
  const body = words.filter(Boolean).map((word) => h("p", {}, word));
  return h("div", { class: `notice ${kind}`, role: kind === "danger" ? "alert" : null }, icon(name), h("div", {}, body));
}

/** What went wrong in the reader's words; the server's own where there are none. */
export function problemNotice(problem) {
  const number = problem.requestId ? t("problem.request", { id: problem.requestId }) : null;
  return notice("danger", problemWords(problem), problem.status >= 500 ? number : null);
}

export function problemWords(problem) {
  const key = `problem.${problem.code}`;
  if (has(key)) return t(key, { seconds: problem.retryAfter });
  return problem.detail || t("problem.INTERNAL");
}

/** Fills `place` with what `load` answers once `draw` has drawn it; meanwhile it waits, and after a failure it offers another try. */
export async function fill(place, { load, draw, lines, signal }) {
  put(place, loading(lines));
  try {
    const loaded = await load();
    if (!signal.aborted) put(place, draw(loaded));
  } catch (problem) {
    if (signal.aborted || problem.name === "AbortError") return;
    const again = () => fill(place, { load, draw, lines, signal });
    const retry = h("button", { class: "button", type: "button", onClick: again }, t("state.retry"));
    put(place, h("div", { class: "stack" }, problemNotice(problem), h("div", {}, retry)));
  }
}
