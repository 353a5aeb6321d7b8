import { h } from "../dom.js";
import { named, t } from "../i18n.js";
import { lines, shortId, statusBadge } from "../parts/order.js";
import { empty, notice } from "../parts/states.js";
import { timelineItem } from "../parts/timeline.js";
import { heading } from "../router.js";
import { day, span } from "../time.js";
import { watch } from "./watch.js";

/** Milliseconds after which a waiting order is stuck, until the server has said its own. */
const BOUND_MS = 10_000;

/** Orders that do not go on, each with its timeline. */
export function stuckView({ signal }) {
  const place = h("div", {});
  const words = h("span", {}, t("op.stuck.words", { bound: span(BOUND_MS) }));
  const draw = ({ items, more, bound_ms }) => {
    words.textContent = t("op.stuck.words", { bound: span(bound_ms) });
    if (items.length === 0) return empty({ name: "ok", title: t("op.stuck.none"), words: t("op.stuck.none.words") });
    return h("div", { class: "list" }, items.map(item), more && notice("info", t("op.stuck.more")));
  };
  watch({ paths: ["/operator/stuck-orders"], place, draw, signal });
  return { title: t("op.stuck"), content: [heading(t("op.stuck"), { hint: words }), place] };
}

function item({ order, waiting_ms: waits, next_look_at: next, events }) {
  const summary = h("summary", {},
    h("span", { class: "title mono grow" }, shortId(order.order_id)),
    h("span", {}, named("step", order.step)),
    h("span", { class: "muted" }, t("op.stuck.waits", { span: span(waits) })),
    statusBadge(order));
  return h("details", { class: "item", id: `order-${order.order_id}` }, summary,
    h("div", { class: "stack" },
      notice(order.needs_attention ? "warn" : "info", next ? `${t("op.stuck.next")}: ${day(next)}` : t("op.stuck.operator")),
      h("p", { class: "mono small" }, order.order_id),
      h("div", {}, lines(order)),
      h("ol", { class: "timeline" }, events.map((event) => timelineItem(event, order)))));
}
