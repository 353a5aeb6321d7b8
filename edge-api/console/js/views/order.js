import { get, post } from "../api.js";
import { h, put } from "../dom.js";
import { icon } from "../icons.js";
import { named, t } from "../i18n.js";
import { follow } from "../live.js";
import { openDialog, toast } from "../parts/dialog.js";
import { field, form } from "../parts/form.js";
import { lines, shortId, statusBadge, statusKind, statusWords } from "../parts/order.js";
import { fill, notice, problemNotice } from "../parts/states.js";
import { timelineItem } from "../parts/timeline.js";
import { heading } from "../router.js";
import { currentAccount } from "../session.js";
import { time } from "../time.js";

/** The way of an order, as far as it is shown, with the event that ends each part. */
const TRACK = [["placed", "OrderCreated"], ["reserved", "StockReserved"], ["held", "PaymentAuthorized"], ["paid", "OrderPaid"]];

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
  const parts = { state: h("section", { class: "card state", "aria-label": t("order.status") }), lines: h("section", { class: "card" }), facts: h("section", { class: "card" }), timeline: h("ol", { class: "timeline" }), connection: h("p", { class: "small muted row" }) };
  // One place that readers of the screen listen to; it is written only when the words change.
  const said = h("p", { class: "hidden-text", role: "status", "aria-live": "polite" });
  const draw = () => drawAll(seen, parts, said);
  draw();
  const told = {
    onOrder: (order) => { if (order.version >= seen.order.version) { seen.order = order; draw(); } },
    onEvent: (event) => { seen.events.push(event); draw(); },
    onState: (state) => { seen.state = state; drawConnection(seen, parts); },
    onProblem: (problem) => put(parts.connection, problemNotice(problem)),
  };
  follow(first.order_id, told, signal);
  return [said, h("div", { class: "columns" },
    h("div", { class: "stack loose" }, parts.state, parts.lines),
    h("div", { class: "stack loose" }, h("section", { class: "card stack" }, h("h2", {}, t("timeline.title")), parts.timeline, parts.connection), parts.facts))];
}

function drawAll({ order, events, state }, parts, said) {
  const words = statusWords(order);
  const sentence = `${named("status", order.status)}. ${words}`;
  if (said.textContent !== sentence) said.textContent = sentence;
  const isBuyer = order.buyer_id === currentAccount()?.account_id;
  put(parts.state,
    h("div", { class: "row between" }, h("h2", { class: "word", id: "status", "data-status": order.status }, named("status", order.status)), statusBadge(order)),
    words && notice(statusKind(order), words),
    track(order, events),
    isBuyer && cancelButton(order));
  put(parts.lines, h("h2", {}, t("order.lines")), lines(order));
  put(parts.timeline, events.map((event) => timelineItem(event, order)));
  put(parts.facts, h("h2", {}, t("order.facts")), facts(order, isBuyer));
  drawConnection({ state }, parts);
}

function drawConnection({ state }, parts) {
  put(parts.connection, icon("live"), t(`live.${state}`));
  parts.connection.querySelector("svg").setAttribute("width", "18");
}

function track(order, events) {
  const reached = new Set(events.map((event) => event.type));
  if (order.status === "PAID") TRACK.forEach(([, event]) => reached.add(event));
  const isOver = order.status === "CANCELLED" || order.cancel_reason !== null;
  const now = isOver ? -1 : TRACK.findIndex(([, event]) => !reached.has(event));
  const step = ([name, event], at) => {
    const done = reached.has(event);
    const kind = done ? "done" : at === now ? "now" : "";
    return h("li", { class: kind, "aria-current": at === now ? "step" : null }, t(`track.${name}`), h("span", { class: "hidden-text" }, ` ${t(done ? "track.done" : "track.open")}`));
  };
  return h("ol", { class: `track ${isOver ? "stopped" : ""}`, "aria-label": t("track.title") }, TRACK.map(step));
}

function facts(order, isBuyer) {
  const rows = [
    [t("order.id"), h("span", { class: "mono" }, order.order_id)],
    [t("order.placed"), time(order.created_at)],
    [t("order.updated"), time(order.updated_at)],
    [t("order.payment"), named("payment", order.payment_status)],
    !isBuyer && [t("order.buyer"), h("span", { class: "mono" }, order.buyer_id)],
  ];
  return h("dl", { class: "facts" }, rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** A paid order is paid back. The same cancellation twice counts once. */
function cancelButton(order) {
  const canCancel = ["CREATED", "PAID"].includes(order.status) && order.cancel_reason === null;
  if (!canCancel) return null;
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
