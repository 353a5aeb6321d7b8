import { h } from "../dom.js";
import { t } from "../i18n.js";
import { empty } from "../parts/states.js";
import { heading } from "../router.js";
import { time } from "../time.js";
import { watch } from "./watch.js";

/** Headers with a place of their own; all others are shown by their names. */
const KNOWN = { topic: "sluice.topic", partition: "sluice.partition", offset: "sluice.offset", stage: "sluice.stage", error: "sluice.error", task: "sluice.task", schema: "sluice.schema-id" };

/** Records that could not be processed, by topology, each with where it stood and why. */
export function lettersView({ signal }) {
  const place = h("div", {});
  const draw = ({ items }) => {
    const some = items.filter((one) => one.letters.length > 0);
    if (some.length === 0) return empty({ name: "ok", title: t("op.letters.none"), words: t("op.letters.none.words") });
    return h("div", { class: "stack loose" }, some.map(ofTopology));
  };
  watch({ paths: ["/operator/dead-letters"], place, draw, signal });
  return { title: t("op.letters"), content: [heading(t("op.letters"), { hint: t("op.letters.words") }), place] };
}

function ofTopology({ topology, topic, offsets, letters }) {
  return h("section", { class: "stack" },
    h("div", {}, h("h2", {}, topology), h("p", { class: "small muted" }, t("op.letters.count", { count: offsets, topic }))),
    h("div", { class: "list" }, letters.map((letter) => item(topic, letter))));
}

function item(topic, { partition, offset, at, key, value, headers }) {
  const from = `${headers[KNOWN.topic] ?? "?"} ${headers[KNOWN.partition] ?? "?"}/${headers[KNOWN.offset] ?? "?"}`;
  const others = Object.entries(headers).filter(([name]) => !Object.values(KNOWN).includes(name));
  const rows = [
    [t("op.letters.from"), from],
    [t("op.letters.stage"), headers[KNOWN.stage]],
    [t("op.letters.task"), headers[KNOWN.task]],
    [t("op.letters.schema"), headers[KNOWN.schema]],
    [t("op.letters.key"), text(key)],
    ...others.map(([name, content]) => [name, text(content)]),
  ];
  return h("details", { class: "item", id: `letter-${topic}-${partition}-${offset}` },
    h("summary", {}, h("span", { class: "grow title" }, headers[KNOWN.error] ?? from), h("span", { class: "mono small muted" }, from), time(at)),
    h("div", { class: "stack" },
      h("dl", { class: "facts wide" }, rows.filter(([, content]) => content !== undefined).map(([name, content]) => h("div", {}, h("dt", {}, name), h("dd", { class: "mono" }, content)))),
      h("div", {}, h("h3", {}, t("op.letters.value")), h("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2)))));
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
