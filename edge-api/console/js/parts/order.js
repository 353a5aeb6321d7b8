// Orders in words: status, reason, lines.

import { h } from "../dom.js";
import { named, t } from "../i18n.js";
import { formatMoney } from "../money.js";

/** Where the money of a line is that the buyer has back, or will have. */
const GONE_BACK = ["REFUNDING", "REFUNDED"];
const FULFILMENT_KINDS = { SHIPPED: "info", RETURN_REQUESTED: "warn", DELIVERED: "ok" };
const MONEY_KINDS = { REFUNDING: "info", REFUNDED: "ok", SETTLING: "info", SETTLED: "ok" };
const KINDS = { CREATED: "info", PAID: "ok", SHIPPED: "info", DELIVERED: "ok", CANCELLED: "danger" };

/** The kind of a status: ok, info, calm, warn or danger. A call for an operator is seen before anything else. */
export function statusKind(order) {
  // What the buyer wanted is nothing that went wrong.
  if (order.status === "CANCELLED" && ["CANCELLED_BY_BUYER", "REFUNDED"].includes(order.cancel_reason)) return "calm";
  return order.needs_attention ? "warn" : KINDS[order.status] ?? "info";
}

export function statusBadge(order) {
  return h("span", { class: `badge ${statusKind(order)}` }, named("status", order.status));
}

/** One sentence about where the order is, for somebody of this role. */
export function statusWords(order, role = "BUYER") {
  if (order.needs_attention) return t("order.attention");
  if (order.status === "CANCELLED") return named("reason", order.cancel_reason, t("order.cancelled"));
  if (order.cancel_reason) return t("order.cancelling");
  if (order.lines.every((line) => GONE_BACK.includes(line.money))) return t("order.refunding");
  return named(`explained.${role}`, order.status, named("explained", order.status, ""));
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

/** What a line is called. */
export function lineName(line) {
  return line.product_name ?? shortId(line.product_id);
}

/** As long as nothing was shipped or given back; then it goes line by line. */
export function isCancellable(order) {
  const isWhole = (line) => line.fulfilment === "UNSHIPPED" && line.money === "WITH_ORDER";
  return ["CREATED", "PAID"].includes(order.status) && order.cancel_reason === null && order.lines.every(isWhole);
}

/** Where the lines stand, each place with how many are there; nothing before they go their own ways. */
export function linesInWords(order) {
  if (order.lines.every((line) => places(order, line).length === 0)) return "";
  const counts = new Map();
  for (const line of order.lines) {
    for (const [, words] of places(order, line)) counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].map(([words, count]) => `${words}: ${count}`).join(", ");
}

/** Where a line is on its way and where its money goes, as kinds and words. Nothing as long as it shares the fate of its order. */
function places(order, line) {
  if (line.fulfilment === undefined) return [];
  const isPaid = ["PAID", "SHIPPED", "DELIVERED"].includes(order.status);
  const hasMoved = line.fulfilment !== "UNSHIPPED" || line.money !== "WITH_ORDER";
  if (!hasMoved && (!isPaid || order.cancel_reason !== null)) return [];
  return [
    // Goods that are paid back are on their way to nobody.
    !GONE_BACK.includes(line.money) && [FULFILMENT_KINDS[line.fulfilment] ?? "", named("fulfilment", line.fulfilment)],
    [MONEY_KINDS[line.money] ?? "", named("money", line.money)],
  ].filter(Boolean);
}

/** How many, and where the goods are unless it is said beside them where they are on their way. */
function quantity(order, line) {
  const pieces = t("order.quantity", { quantity: line.quantity });
  const isOnItsWay = line.status === "CONFIRMED" && places(order, line).length > 0;
  return isOnItsWay ? pieces : `${pieces} · ${named("line", line.status)}`;
}

function whereabouts(order, line) {
  const badges = places(order, line).map(([kind, words]) => h("span", { class: `badge ${kind}` }, words));
  const parcel = [line.carrier, line.tracking_number].filter(Boolean);
  return [
    badges.length > 0 && h("div", { class: "row tight" }, badges),
    parcel.length > 0 && h("p", { class: "small" }, t("order.parcel"), " ", h("span", { class: "mono" }, parcel.join(" · "))),
  ];
}

/** The lines of an order with their prices, and the total. */
export function lines(order) {
  const rows = order.lines.map((line) => h("li", { "data-line": line.line, "data-fulfilment": line.fulfilment, "data-money": line.money },
    tile(line.product_id, line.product_name, "tiny"),
    h("div", { class: "grow stack tight" },
      h("p", { class: "title" }, lineName(line)),
      h("p", { class: "muted small" }, quantity(order, line)),
      whereabouts(order, line)),
    h("p", { class: "number" }, line.unit_price
      ? formatMoney({ ...line.unit_price, amount: line.unit_price.amount * line.quantity })
      : "–")));
  return [h("ul", { class: "lines" }, rows), order.total && h("p", { class: "total" }, h("span", {}, t("order.total")), h("span", { class: "number" }, formatMoney(order.total)))];
}

/** A row in a list of orders that leads to the order. */
export function orderRow(order, path) {
  const names = order.lines.map(lineName);
  const title = names.length > 2 ? t("order.more", { first: names[0], more: names.length - 1 }) : names.join(", ");
  return { title, path };
}
