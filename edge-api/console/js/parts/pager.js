// A list that comes page by page.

import { call } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { loading, problemNotice } from "./states.js";

/** The first page is looked at again after so long, as long as it is the only one. */
const REFRESH_MS = 5_000;

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
  const seen = { pages: 0, cursor: null, first: null };
  const draw = ({ items, next_cursor: cursor }) => {
    const added = items.map((entry) => h("li", {}, item(entry)));
    list.append(...added);
    seen.cursor = cursor;
    put(more, cursor !== null && button(t("list.more"), next));
    put(element, list.children.length === 0 && cursor === null ? whenEmpty() : [list, more]);
    return added;
  };
  const next = async () => {
    put(more, loading(seen.pages === 0 ? 3 : 1));
    if (seen.pages === 0) put(element, more);
    try {
      const read = await page(path, { cursor: seen.cursor, query, signal });
      const added = draw(read);
      if (seen.pages === 0) seen.first = JSON.stringify(read);
      else added[0]?.querySelector("a, button")?.focus();
      seen.pages += 1;
    } catch (problem) {
      if (signal.aborted || problem.name === "AbortError") return;
      put(more, h("div", { class: "stack grow" }, problemNotice(problem), h("div", {}, button(t("state.retry"), next))));
    }
  };
  const refresh = async () => {
    const isBusy = document.hidden || element.contains(document.activeElement) || seen.pages !== 1;
    if (isBusy || !element.isConnected) return;
    const read = await page(path, { query, signal });
    if (JSON.stringify(read) === seen.first || seen.pages !== 1) return;
    seen.first = JSON.stringify(read);
    put(list);
    draw(read);
  };
  // What cannot be read now is read the next time.
  const timer = setInterval(() => refresh().catch(() => {}), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  next();
  return element;
}

const button = (words, onClick) => h("button", { class: "button", type: "button", onClick }, words);
