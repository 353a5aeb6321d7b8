import { get, post } from "../api.js";
import { h, keepFocus, put } from "../dom.js";
import { icon } from "../icons.js";
import { named, t } from "../i18n.js";
import { follow } from "../live.js";
import { openDialog, toast } from "../parts/dialog.js";
import { field, form } from "../parts/form.js";
import { lineActions } from "../parts/fulfilment.js";
import { isCancellable, lines, linesInWords, shortId, statusKind, statusWords } from "../parts/order.js";
import { fill, notice, problemNotice } from "../parts/states.js";
import { timelineItem } from "../parts/timeline.js";
import { heading } from "../router.js";
import { currentAccount } from "../session.js";
import { time } from "../time.js";

/** The way of an order until it is paid, as far as it is shown, with the event that ends each part. */
const TRACK = [["placed", "OrderCreated"], ["reserved", "StockReserved"], ["held", "PaymentAuthorized"], ["paid", "OrderPaid"]];
/** The way from then on, with the statuses in which each part is behind the order. */
const PAID_TRACK = [["placed", ["PAID", "SHIPPED", "DELIVERED"]], ["paid", ["PAID", "SHIPPED", "DELIVERED"]], ["shipped", ["SHIPPED", "DELIVERED"]], ["delivered", ["DELIVERED"]]];

/** An order while it happens. `back` is the list that it belongs to. */
export function orderView(back) {
  return ({ params, signal }) => {
    const place = h("div", {});
    const title = t("order.title", { id: shortId(params.id) });
    const show = (order) => live(order, signal);
    fill(place, { load: () => get(`/orders/${encodeURIComponent(params.id)}`, { signal }), draw: show, lines: 3, signal });
    const list = h("a", { href: `#${back}` }, back === "/sales" ? t("nav.sales") : t("nav.orders"));
    return { title, content: [h("p", { class: "small" }, list), heading(title), place] };
  };
}

function live(first, signal) {
  const seen = { order: first, events: [], state: "waiting" };
  const parts = { state: h("section", { class: "card state", "aria-label": t("order.status") }), lines: h("section", { class: "card" }), facts: h("section", { class: "card" }), timeline: h("ol", { class: "timeline" }), connection: h("p", {}) };
  // One place that readers of the screen listen to; it is written only when the words change.
  const said = h("p", { class: "hidden-text", role: "status", "aria-live": "polite" });
  const place = h("div", { class: "columns" },
    h("div", { class: "stack loose" }, parts.state, parts.lines),
    h("div", { class: "stack loose" }, h("section", { class: "card stack" }, h("h2", {}, t("timeline.title")), parts.timeline), parts.facts));
  const draw = () => keepFocus(place, () => drawAll(seen, parts, said, told.onOrder), "#status");
  const following = new AbortController();
  signal.addEventListener("abort", () => following.abort());
  const change = (changes) => {
    Object.assign(seen, changes);
    // To a cancelled order nothing more can happen.
    if (seen.order.status === "CANCELLED" && seen.events.at(-1)?.type === "OrderCancelled") {
      seen.state = "ended";
      following.abort();
    }
    draw();
  };
  const told = {
    onOrder: (order) => order.version >= seen.order.version && change({ order }),
    onEvent: (event) => change({ events: [...seen.events, event] }),
    onState: (state) => { seen.state = state; drawConnection(seen, parts); },
    onProblem: (problem) => put(parts.connection, problemNotice(problem)),
  };
  draw();
  follow(first.order_id, told, following.signal);
  return [said, place];
}

function drawAll({ order, events, state }, parts, said, onOrder) {
  const isBuyer = order.buyer_id === currentAccount()?.account_id;
  const role = isBuyer ? "BUYER" : "SELLER";
  const words = statusWords(order, role);
  const sentence = `${named("status", order.status)}. ${words} ${linesInWords(order)}`.trim();
  if (said.textContent !== sentence) said.textContent = sentence;
  put(parts.state,
    h("div", { class: "row between" }, h("h2", { class: "word", id: "status", tabindex: "-1", "data-status": order.status }, named("status", order.status)), parts.connection),
    words && notice(statusKind(order), words),
    track(order, events),
    isBuyer && cancelButton(order));
  put(parts.lines, h("h2", {}, t("order.lines")), lines(order), lineActions({ order, events, role, onOrder }));
  put(parts.timeline, events.map((event) => timelineItem(event, order)));
  put(parts.facts, h("h2", {}, t("order.facts")), facts(order, isBuyer));
  drawConnection({ state }, parts);
}

function drawConnection({ state }, parts) {
  if (state === "ended") return put(parts.connection);
  parts.connection.className = `live live-${state}`;
  return put(parts.connection, icon("live"), t(`live.${state}`));
}

function track(order, events) {
  const reached = new Set(events.map((event) => event.type));
  const isOver = order.status === "CANCELLED";
  if (!isOver && order.status !== "CREATED") return paidTrack(order);
  const way = isOver ? TRACK.filter(([, event]) => reached.has(event)) : TRACK;
  const now = isOver ? -1 : way.findIndex(([, event]) => !reached.has(event));
  const steps = way.map(([name, event], at) => {
    const kind = reached.has(event) ? "done" : at === now ? "now" : "";
    return step(kind, t(`track.${name}`), at === now);
  });
  // A cancelled order has its own end.
  if (isOver) steps.push(step(statusKind(order) === "calm" ? "undone" : "stop", named("status", order.status), false));
  return h("ol", { class: "track", "aria-label": t("track.title") }, steps);
}

function paidTrack(order) {
  const isDone = ([, statuses]) => statuses.includes(order.status);
  const now = PAID_TRACK.findIndex((part) => !isDone(part));
  const steps = PAID_TRACK.map((part, at) => step(isDone(part) ? "done" : at === now ? "now" : "", t(`track.${part[0]}`), at === now));
  return h("ol", { class: "track", "aria-label": t("track.title") }, steps);
}

function step(kind, words, isNow) {
  const state = kind === "" || isNow ? t("track.open") : t("track.done");
  return h("li", { class: kind, "aria-current": isNow ? "step" : null }, words, h("span", { class: "hidden-text" }, ` ${state}`));
}

function facts(order, isBuyer) {
  const rows = [
    [t("order.id"), h("span", { class: "mono" }, order.order_id)],
    [t("order.placed"), time(order.created_at)],
    [t("order.updated"), time(order.updated_at)],
    [t("order.method"), named("method", order.payment_method)],
    [t("order.payment"), named("payment", order.payment_status)],
    order.step !== "DONE" && [t("order.step"), named("step", order.step)],
    !isBuyer && [t("order.buyer"), h("span", { class: "mono" }, order.buyer_id)],
  ];
  return h("dl", { class: "facts" }, rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** A paid order is paid back. The same cancellation twice counts once. */
function cancelButton(order) {
  if (!isCancellable(order)) return null;
  const words = order.status === "PAID" ? t("cancel.refund") : t("cancel.cancel");
  const open = () => openDialog(words, (close) => {
    const reason = field({ label: t("cancel.reason"), hint: t("cancel.reason.hint"), pointer: "/reason", input: { name: "reason", maxlength: 500 } });
    const send = async () => {
      const given = reason.value().trim();
      await post(`/orders/${order.order_id}/cancel`, given ? { reason: given } : {});
      close();
      toast(t("cancel.sent"));
    };
    return [h("p", { class: "muted" }, order.status === "PAID" ? t("cancel.words.paid") : t("cancel.words")), form({ fields: [reason], submit: words, send, danger: true })];
  });
  return h("div", {}, h("button", { class: "button danger", type: "button", id: "cancel", onClick: open }, words));
}
