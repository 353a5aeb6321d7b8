// What buyers and sellers do with the lines of a paid order. Each is asked for in a dialog that says which lines and how much money.

import { post } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { formatMoney, totals } from "../money.js";
import { openDialog, toast } from "./dialog.js";
import { field, fieldProblem, form, several } from "./form.js";
import { isCancellable, lineName } from "./order.js";
import { notice } from "./states.js";

/** In these statuses lines go their own ways. */
const STATUSES = ["PAID", "SHIPPED", "DELIVERED"];
const REASON_MAX = 500;

const stands = (...places) => (line) => places.includes(line.fulfilment);

/**
 * What each role can do: which lines it can be about, which of them are chosen at first, and what is asked beside them. What `warns`
 * says so in a colour.
 */
const ACTIONS = {
  BUYER: [
    { name: "deliver", path: "deliveries", fits: stands("SHIPPED", "RETURN_REQUESTED"), chosen: stands("SHIPPED"), kind: "primary", warns: true },
    { name: "return", path: "returns", fits: (line, rejected) => line.fulfilment === "SHIPPED" && !rejected.has(line.line), asks: ["reason"] },
    { name: "refund", path: "refunds", fits: stands("UNSHIPPED"), asks: ["reason"], kind: "danger" },
  ],
  SELLER: [
    { name: "ship", path: "shipments", fits: stands("UNSHIPPED"), asks: ["carrier", "tracking_number"], kind: "primary" },
    { name: "accept", path: "refunds", fits: stands("RETURN_REQUESTED"), asks: ["reason"], kind: "primary" },
    { name: "reject", path: "returns/rejections", fits: stands("RETURN_REQUESTED"), asks: ["reason"], kind: "danger" },
    { name: "repay", path: "refunds", fits: stands("UNSHIPPED", "SHIPPED"), asks: ["reason"], kind: "danger" },
  ],
};

/** Buttons for what can be done now. `onOrder(order)` is told what came of it; `events` say which returns were refused before. */
export function lineActions({ order, events, role, onOrder }) {
  if (!STATUSES.includes(order.status) || order.cancel_reason !== null) return null;
  const refused = events.filter((event) => event.type === "ReturnRejected").flatMap((event) => event.data.lines ?? []);
  const rejected = new Set(refused);
  const button = (action) => {
    const lines = order.lines.filter((line) => line.money === "WITH_ORDER" && action.fits(line, rejected));
    // To refund the only line is to cancel the order.
    const isCancel = action.name === "refund" && order.lines.length === 1 && isCancellable(order);
    if (lines.length === 0 || isCancel) return null;
    const open = () => openDialog(t(`do.${action.name}`), (close) => dialog({ order, action, lines, close, onOrder }));
    return h("button", { class: `button ${action.kind ?? ""}`, type: "button", id: `do-${action.name}`, onClick: open }, t(`do.${action.name}`));
  };
  const buttons = ACTIONS[role].map(button).filter(Boolean);
  const buyerHas = order.lines.some((line) => line.money === "WITH_ORDER" && line.fulfilment === "SHIPPED");
  const asked = order.lines.some((line) => line.money === "WITH_ORDER" && line.fulfilment === "RETURN_REQUESTED");
  return h("div", { class: "stack actions" },
    buyerHas && notice("info", t(`silence.delivery.${role}`)),
    asked && notice("info", t(`silence.return.${role}`)),
    buttons.length > 0 && h("div", { class: "row" }, buttons));
}

function dialog({ order, action, lines, close, onOrder }) {
  const sum = h("p", { class: "title", role: "status" });
  const name = (line) => `${lineName(line)} · ${t("order.quantity", { quantity: line.quantity })} · ${formatMoney(lineMoney(line))}`;
  const isChosen = action.chosen && lines.some(action.chosen) ? action.chosen : () => true;
  const options = lines.map((line) => ({ value: line.line, words: name(line), checked: isChosen(line) }));
  const money = (chosen) => {
    const wanted = lines.filter((line) => chosen.includes(line.line) && line.unit_price);
    const amounts = totals(wanted.map((line) => ({ price: line.unit_price, quantity: line.quantity }))).map((amount) => formatMoney(amount));
    put(sum, amounts.length > 0 && t(`do.${action.name}.sum`, { sum: amounts.join(", ") }));
  };
  const choice = several({ label: t("do.lines"), pointer: "/lines", options, onChange: money });
  const asked = (action.asks ?? []).map((one) => field({
    label: t(`do.${one}`),
    hint: one === "reason" ? t("do.reason.hint") : null,
    pointer: `/${one}`,
    input: { name: one, maxlength: REASON_MAX, autocomplete: "off" },
  }));
  const send = async (key) => {
    const body = { lines: choice.value() };
    if (body.lines.length === 0) throw fieldProblem("/lines", "NO_LINE");
    asked.forEach((one) => {
      const text = one.value().trim();
      if (text) body[one.pointer.slice(1)] = text;
    });
    const answer = await post(`/orders/${order.order_id}/${action.path}`, body, { key });
    close();
    // An answer that came before the outcome has no lines; the stream tells it.
    if (answer.lines) onOrder(answer);
    toast(t(`do.${action.name}.done`));
  };
  const words = t(`do.${action.name}.words`);
  return [
    action.warns ? notice("warn", words) : h("p", { class: "muted" }, words),
    form({ fields: [choice, ...asked], extra: [sum], submit: t(`do.${action.name}`), send, danger: action.kind === "danger" }),
  ];
}

function lineMoney(line) {
  return line.unit_price && { ...line.unit_price, amount: line.unit_price.amount * line.quantity };
}
