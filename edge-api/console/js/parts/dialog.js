// A dialog of the browser's own: it keeps the focus inside and gives it back.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { problemWords } from "./states.js";

/** Opens a dialog; `body(close)` is what is in it. */
export function openDialog(title, body) {
  const id = "dialog-title";
  const dialog = h("dialog", { "aria-labelledby": id });
  const opener = document.activeElement;
  const close = () => dialog.close();
  const cancel = h("button", { class: "button quiet wide", type: "button", onClick: close }, t("form.back"));
  dialog.append(h("div", { class: "stack" }, h("h2", { id }, title), body(close), cancel));
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The page may have been drawn anew meanwhile; then the button of the same name has the focus, or the heading.
    if (!opener?.isConnected) (document.getElementById(opener?.id) ?? document.querySelector("#view h1"))?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Says in a moment's words that something was done. */
export function toast(words) {
  const place = document.querySelector("#toast");
  if (!place) return;
  const line = h("p", {}, words);
  place.replaceChildren(line);
  setTimeout(() => line.remove(), TOAST_MS);
}

/** How long such words stay. */
const TOAST_MS = 5_000;

/** Does something that a button asks for; what goes wrong is said in passing. */
export async function attempt(work) {
  try {
    await work();
  } catch (problem) {
    if (problem.name !== "AbortError") toast(problemWords(problem));
  }
}
