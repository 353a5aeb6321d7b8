// What has happened to an order, event by event, in words.

import { h } from "../dom.js";
import { has, named, t } from "../i18n.js";
import { formatMoney } from "../money.js";
import { clock, time } from "../time.js";
import { shortId } from "./order.js";

const KINDS = {
  OrderPaid: "ok", LinesDelivered: "ok", PaymentRefunded: "ok", SellerCredited: "ok",
  StockRejected: "danger", ReturnRejected: "danger", PaymentDeclined: "danger", OrderCancelled: "danger",
  ReturnRequested: "warn", StepTimedOut: "warn", NeedsAttention: "warn", CommandRefused: "warn",
};

/** One event as a list item. An event of a newer server shows its own name. */
export function timelineItem(event, order) {
  return h("li", { class: KINDS[event.type] ?? "" },
    h("span", { class: "title" }, named("event", event.type)),
    time(event.at, clock),
    detail(event, order) && h("span", { class: "detail" }, detail(event, order)));
}

function detail({ type, data }, order) {
  const amount = data.total ?? data.amount ?? null;
  const parts = [
    linesOf(data, order).map((number) => lineWords(number, data, order)).join(", "),
    data.quantity && t("order.quantity", { quantity: data.quantity }),
    amount?.currency && formatMoney(amount),
    typeof data.reason === "string" && (has(`why.${data.reason}`) ? t(`why.${data.reason}`) : named("refusal", data.reason)),
    data.carrier,
    data.tracking_number,
    type !== "OrderCreated" && data.step && named("step", data.step),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** Numbers of the lines that an event is about. Refunds and settlements of one line name it in their ids. */
function linesOf(data, order) {
  if (data.line) return [data.line];
  const id = data.refund_id ?? data.settlement_id;
  const ofOne = id && /\.(?:refund|settlement)\.(\d+)$/.exec(id);
  if (ofOne) return [Number(ofOne[1])];
  const numbers = (data.lines ?? []).filter(Number.isInteger);
  // All lines of an order need no names.
  return numbers.length === order?.lines.length && numbers.length > 1 ? [] : numbers;
}

function lineWords(number, data, order) {
  const line = order?.lines.find((one) => one.line === number);
  return line?.product_name ?? data.product_name ?? (line && shortId(line.product_id)) ?? t("timeline.line", { line: number });
}
