// Forms: labels, hints, what is wrong beside its field, and one submission at a time.

import { Problem } from "../api.js";
import { h, put, uniqueId } from "../dom.js";
import { named, t } from "../i18n.js";
import { problemNotice } from "./states.js";

/** A labelled input. `pointer` is where the server's field errors point, such as `/price/amount`. */
export function field({ label, hint = null, pointer = null, input = {}, options = null }) {
  const id = uniqueId("field");
  const [hintId, errorId] = [`${id}-hint`, `${id}-error`];
  const describedBy = [hint && hintId, errorId].filter(Boolean).join(" ");
  const attributes = { id, class: "input", "aria-describedby": describedBy, ...input };
  const control = options ? h("select", attributes, options.map(option)) : h("input", attributes);
  const error = h("p", { class: "error", id: errorId, hidden: true });
  const element = h("div", { class: "field" },
    h("label", { for: id }, label),
    hint && h("p", { class: "hint", id: hintId }, hint),
    control, error);
  const say = (words) => {
    error.hidden = !words;
    error.textContent = words ?? "";
    if (words) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  control.addEventListener("input", () => say(null));
  return { element, control, pointer, say, value: () => control.value };
}

const option = ([value, words, selected = false]) => h("option", { value, selected }, words);

/** A card's token. Browsers are kept from offering the number of one. */
export function cardField({ label, hint }) {
  return field({ label, hint, pointer: "/card", input: { name: "card", maxlength: 64, autocomplete: "off", spellcheck: "false" } });
}

/** A choice between a few things that deserve a sentence each. */
export function choice({ label, name, options }) {
  const radios = options.map(({ value, title, words, checked }) =>
    h("label", { class: "choice" },
      h("input", { type: "radio", name, value, checked }),
      h("span", {}, h("strong", {}, title), h("span", { class: "small muted" }, words))));
  const element = h("fieldset", {}, h("legend", { class: "legend" }, label), h("div", { class: "choices" }, radios));
  return { element, pointer: null, say: () => {}, value: () => element.querySelector("input:checked")?.value };
}

/**
 * A form of these fields. `send(key)` is called once at a time, however often the button is pressed; a problem is shown beside its
 * fields where it has some, else above the button. An invalid field takes the focus. The key is that of the request: it stays the same
 * as long as nothing is changed, so that a second press, or another try after a lost answer, counts once.
 */
export function form({ fields, submit, send, danger = false, extra = [] }) {
  const message = h("div", {});
  const kind = danger ? "button danger" : "button primary";
  const button = h("button", { class: `${kind} wide`, type: "submit" }, submit);
  let busy = false;
  let key = crypto.randomUUID();
  const renew = () => {
    key = crypto.randomUUID();
  };
  const onSubmit = async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    put(message);
    fields.forEach((one) => one.say(null));
    try {
      await send(key);
      renew();
    } catch (problem) {
      show(problem, fields, message);
    } finally {
      busy = false;
      button.removeAttribute("aria-disabled");
    }
  };
  const elements = fields.map((one) => one.element);
  return h("form", { class: "stack", novalidate: true, onSubmit, onInput: renew }, elements, extra, message, button);
}

/** A choice of some things, all of which can be taken at once: `{ value, words, checked }`. */
export function several({ label, options, pointer, onChange = () => {} }) {
  const errorId = uniqueId("several");
  const error = h("p", { class: "error", id: errorId, hidden: true });
  const boxes = options.map(({ value, checked }) => h("input", { type: "checkbox", name: "several", value, checked, "aria-describedby": errorId }));
  const all = h("input", { type: "checkbox", name: "all" });
  const chosen = () => boxes.flatMap((box, at) => (box.checked ? [options[at].value] : []));
  const changed = () => {
    all.checked = boxes.every((box) => box.checked);
    all.indeterminate = !all.checked && boxes.some((box) => box.checked);
    error.hidden = true;
    onChange(chosen());
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    changed();
  });
  boxes.forEach((box) => box.addEventListener("change", changed));
  const row = (box, words) => h("label", { class: "check" }, box, h("span", {}, words));
  const element = h("fieldset", {}, h("legend", { class: "legend" }, label),
    h("div", { class: "checks" }, boxes.length > 1 && row(all, t("form.all")), boxes.map((box, at) => row(box, options[at].words))), error);
  const say = (words) => {
    error.hidden = !words;
    error.textContent = words ?? "";
  };
  changed();
  return { element, control: boxes[0], pointer, say, value: chosen };
}

/** A problem that this page has found by itself. */
export function fieldProblem(pointer, code) {
  return new Problem({ code: "OUT_OF_BOUNDS", status: 422, errors: [{ pointer, code }] });
}

function show(problem, fields, message) {
  if (problem.name === "AbortError") return;
  if (!(problem instanceof Problem)) throw problem;
  const wrong = problem.errors.map((error) => [fields.find((one) => one.pointer === error.pointer), error]);
  const placed = wrong.filter(([one]) => one);
  placed.forEach(([one, error]) => one.say(named("field", error.code, error.detail)));
  if (placed.length > 0) placed[0][0].control.focus();
  if (placed.length === 0 || placed.length < wrong.length) put(message, problemNotice(problem));
}

/** A number that can be typed or stepped. Values outside the bounds are brought inside them. */
export function stepper({ label, value, max, onChange }) {
  const input = h("input", { type: "number", inputmode: "numeric", min: 1, max, value, "aria-label": label });
  const set = (wanted) => {
    const next = Math.min(Math.max(1, Math.trunc(wanted) || 1), max);
    input.value = String(next);
    onChange(next);
  };
  // What is typed counts while it is typed; what does not fit is put right when the field is left.
  input.addEventListener("input", () => {
    const typed = Number(input.value);
    if (Number.isInteger(typed) && typed >= 1 && typed <= max) onChange(typed);
  });
  input.addEventListener("change", () => set(Number(input.value)));
  const step = (words, sign, by) =>
    h("button", { type: "button", class: "button icon-button", "aria-label": `${words}: ${label}`, onClick: () => set(Number(input.value) + by) }, sign);
  return h("div", { class: "stepper" }, step(t("form.less"), "−", -1), input, step(t("form.more"), "+", 1));
}
