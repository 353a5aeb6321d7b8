// Looks again and again, as long as somebody looks at the view.

import { get } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { loading, problemNotice } from "../parts/states.js";
import { clock } from "../time.js";

/** Wait between two looks. The server gives the same answer for two seconds. */
const INTERVAL_MS = 3_000;

/**
 * Reads `paths` now and again and draws the answers into `place`. A look that fails leaves what was seen and says so. Nothing is
 * read while the page is hidden.
 */
export function watch({ paths, place, draw, signal }) {
  const problem = h("div", {});
  const body = h("div", {}, loading(3));
  const asOf = h("p", { class: "small muted as-of" });
  put(place, problem, body, asOf);
  const look = async () => {
    if (document.hidden) return;
    try {
      const answers = await Promise.all(paths.map((path) => get(path, { signal })));
      put(problem);
      keepingFocus(body, () => put(body, draw(...answers)));
      asOf.textContent = t("op.refreshed", { time: clock(new Date().toISOString()) });
    } catch (cause) {
      if (!signal.aborted) put(problem, h("div", { class: "stack" }, problemNotice(cause)));
    }
  };
  const turn = async () => {
    await look();
    if (!signal.aborted) setTimeout(turn, INTERVAL_MS);
  };
  turn();
}

/** What is open stays open and what has the focus keeps it, although everything is drawn anew. */
function keepingFocus(body, redraw) {
  const open = new Set([...body.querySelectorAll("details[open]")].map((one) => one.id));
  const focused = body.contains(document.activeElement) ? document.activeElement.closest("[id]")?.id : null;
  redraw();
  for (const one of body.querySelectorAll("details")) one.open = open.has(one.id);
  if (focused) {
    const element = document.getElementById(focused);
    (element?.querySelector("summary") ?? element)?.focus();
  }
}
