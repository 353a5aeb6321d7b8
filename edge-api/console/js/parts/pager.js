// A list that comes page by page.

import { call } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { loading, problemNotice } from "./states.js";

/** Reads one page: `{ items, next_cursor }`. */
export async function page(path, { cursor = null, limit = 20, query = {}, signal }) {
  const parameters = new URLSearchParams({ limit: String(limit), ...query });
  if (cursor !== null) parameters.set("cursor", cursor);
  return (await call("GET", `${path}?${parameters}`, { signal })).body;
}

/** Pages of a list, drawn one under the other, with a button for the next one. `whenEmpty()` is shown where there is nothing. */
export function pager({ path, query = {}, item, whenEmpty, listClass = "list", signal }) {
  const list = h("ul", { class: listClass });
  const more = h("div", { class: "row" });
  const element = h("div", { class: "stack" });
  let cursor = null;
  const next = async () => {
    const first = cursor === null;
    put(more, loading(first ? 3 : 1));
    if (first) put(element, more);
    try {
      const { items, next_cursor: nextCursor } = await page(path, { cursor, query, signal });
      const added = items.map((entry) => h("li", {}, item(entry)));
      list.append(...added);
      cursor = nextCursor;
      put(more, cursor !== null && button(t("list.more"), next));
      put(element, list.children.length === 0 && cursor === null ? whenEmpty() : [list, more]);
      if (!first) added[0]?.querySelector("a, button")?.focus();
    } catch (problem) {
      if (signal.aborted || problem.name === "AbortError") return;
      put(more, h("div", { class: "stack grow" }, problemNotice(problem), h("div", {}, button(t("state.retry"), next))));
    }
  };
  next();
  return element;
}

const button = (words, onClick) => h("button", { class: "button", type: "button", onClick }, words);
