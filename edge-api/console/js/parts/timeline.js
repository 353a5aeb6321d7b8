// What has happened to an order, event by event, in words.

import { h } from "../dom.js";
import { has, named, t } from "../i18n.js";
import { formatMoney } from "../money.js";
import { clock, time } from "../time.js";
import { shortId } from "./order.js";

const KINDS = {
  OrderPaid: "ok", OrderDelivered: "ok", PaymentRefunded: "ok",
  StockRejected: "danger", PaymentDeclined: "danger", OrderCancelled: "danger",
  StepTimedOut: "warn", NeedsAttention: "warn", CommandRefused: "warn",
};

/** One event as a list item. An event of a newer server shows its own name. */
export function timelineItem(event, order) {
  return h("li", { class: KINDS[event.type] ?? "" },
    h("span", { class: "title" }, named("event", event.type)),
    time(event.at, clock),
    detail(event, order) && h("span", { class: "detail" }, detail(event, order)));
}

function detail({ type, data }, order) {
  const line = order?.lines.find((one) => one.line === data.line);
  const amount = data.total ?? data.amount ?? null;
  const parts = [
    data.line && (line?.product_name ?? data.product_name ?? (line && shortId(line.product_id)) ?? t("timeline.line", { line: data.line })),
    data.quantity && t("order.quantity", { quantity: data.quantity }),
    amount?.currency && formatMoney(amount),
    typeof data.reason === "string" && (has(`why.${data.reason}`) ? t(`why.${data.reason}`) : named("refusal", data.reason)),
    type !== "OrderCreated" && data.step && named("step", data.step),
  ];
  return parts.filter(Boolean).join(" · ");
}
