// Which view is shown. Addresses are after the `#`, because the paths before it belong to the API.

import { h, put } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Shows the view of the address in `outlet`, now and after each change. A route is `[pattern, view]`; `:name` in a pattern matches
 * one part. A view is called with `{ params, signal, outlet }` and answers `{ title, content }`; the signal aborts when it is left.
 */
export function startRouter({ outlet, routes, missing, onChange }) {
  let left = null;
  const show = (byReader) => {
    left?.abort();
    left = new AbortController();
    const path = currentPath();
    const [view, params] = match(routes, path) ?? [missing, {}];
    const { title, content } = view({ params, signal: left.signal });
    document.title = `${title} · sluice`;
    put(outlet, content);
    // What was said in passing about the view before is of no use here.
    if (byReader) document.querySelector("#toast")?.replaceChildren();
    onChange(path);
    if (byReader) focusHeading(outlet);
  };
  addEventListener("hashchange", () => show(true));
  show(false);
  return { refresh: () => show(false) };
}

export function currentPath() {
  return decodeURI(location.hash.slice(1)) || "/";
}

export function go(path) {
  if (currentPath() === path) dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = path;
}

/** The heading of a view. It takes the focus when the view comes, so that a screen reader reads it and Tab goes on from there. */
export function heading(words, { hint = null, actions = [] } = {}) {
  const text = h("div", { class: "grow" }, h("h1", { tabindex: "-1" }, words), hint && h("p", {}, hint));
  return h("div", { class: "head" }, text, actions);
}

/** A view for an address that nobody knows. */
export function missingView() {
  const back = h("a", { class: "button primary", href: "#/" }, t("missing.back"));
  return { title: t("missing.title"), content: [heading(t("missing.title"), { hint: t("missing.words") }), back] };
}

function focusHeading(outlet) {
  outlet.querySelector("h1")?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function match(routes, path) {
  const parts = path.split("/");
  for (const [pattern, view] of routes) {
    const wanted = pattern.split("/");
    const fits = wanted.length === parts.length && wanted.every((part, at) => part.startsWith(":") || part === parts[at]);
    if (fits) {
      const named = wanted.flatMap((part, at) => (part.startsWith(":") ? [[part.slice(1), parts[at]]] : []));
      return [view, Object.fromEntries(named)];
    }
  }
  return null;
}
