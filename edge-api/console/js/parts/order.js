// Orders in words: status, reason, lines.

import { h } from "../dom.js";
import { named, t } from "../i18n.js";
import { formatMoney } from "../money.js";

const KINDS = { CREATED: "info", PAID: "ok", SHIPPED: "info", DELIVERED: "ok", CANCELLED: "danger" };

/** The kind of a status: ok, info, calm, warn or danger. A call for an operator is seen before anything else. */
export function statusKind(order) {
  // What the buyer wanted is nothing that went wrong.
  if (order.status === "CANCELLED" && order.cancel_reason === "CANCELLED_BY_BUYER") return "calm";
  return order.needs_attention ? "warn" : KINDS[order.status] ?? "info";
}

export function statusBadge(order) {
  return h("span", { class: `badge ${statusKind(order)}` }, named("status", order.status));
}

/** One sentence about where the order is. */
export function statusWords(order) {
  if (order.needs_attention) return t("order.attention");
  if (order.status === "CANCELLED") return named("reason", order.cancel_reason, t("order.cancelled"));
  if (order.cancel_reason) return t("order.cancelling");
  return named("explained", order.status, "");
}

export function shortId(id) {
  return id.length > 12 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id;
}

/** A coloured tile with the first letter of a name, the same for the same id. */
export function tile(id, name, size = "") {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) % 6_007;
  return h("span", { class: `tile tint-${sum % 6} ${size}`, "aria-hidden": "true" }, [...(name || "?")][0].toUpperCase());
}

/** The lines of an order with their prices, and the total. */
export function lines(order) {
  const rows = order.lines.map((line) => h("li", {},
    tile(line.product_id, line.product_name, "tiny"),
    h("div", { class: "grow" },
      h("p", { class: "title" }, line.product_name ?? shortId(line.product_id)),
      h("p", { class: "muted small" }, t("order.quantity", { quantity: line.quantity }), " · ", named("line", line.status))),
    h("p", { class: "number" }, line.unit_price
      ? formatMoney({ ...line.unit_price, amount: line.unit_price.amount * line.quantity })
      : "–")));
  return [h("ul", { class: "lines" }, rows), order.total && h("p", { class: "total" }, h("span", {}, t("order.total")), h("span", { class: "number" }, formatMoney(order.total)))];
}

/** A row in a list of orders that leads to the order. */
export function orderRow(order, path) {
  const names = order.lines.map((line) => line.product_name ?? shortId(line.product_id));
  const title = names.length > 2 ? t("order.more", { first: names[0], more: names.length - 1 }) : names.join(", ");
  return { title, path };
}
