import { h } from "../dom.js";
import { named, t } from "../i18n.js";
import { formatMoney } from "../money.js";
import { field } from "../parts/form.js";
import { orderRow, statusBadge } from "../parts/order.js";
import { pager } from "../parts/pager.js";
import { empty } from "../parts/states.js";
import { heading } from "../router.js";
import { time } from "../time.js";
import { put } from "../dom.js";

/** Statuses that a list can be narrowed to. */
const STATUSES = ["CREATED", "PAID", "SHIPPED", "DELIVERED", "CANCELLED"];

/** The buyer's own orders, the newest first. */
export function ordersView({ signal }) {
  const browse = h("a", { class: "button primary", href: "#/products" }, t("cart.browse"));
  return orderList({ title: t("orders.title"), hint: t("orders.words"), from: "/orders", to: "/orders", none: t("orders.none.words"), action: browse, signal });
}

/** A list of orders that can be narrowed to one status. */
export function orderList({ title, hint, from, to, none, action = null, signal }) {
  const status = field({ label: t("orders.status"), input: { name: "status" }, options: [["", t("orders.all")], ...STATUSES.map((one) => [one, named("status", one)])] });
  const place = h("div", {});
  const draw = () => {
    const query = status.value() ? { status: status.value() } : {};
    const words = status.value() ? t("orders.noneSuch") : none;
    const whenEmpty = () => empty({ name: "orders", title: t("orders.none"), words, action: status.value() ? null : action });
    put(place, pager({ path: from, query, item: (order) => row(order, to), whenEmpty, signal }));
  };
  status.control.addEventListener("change", draw);
  draw();
  return { title, content: [heading(title, { hint, actions: status.element }), place] };
}

function row(order, to) {
  const { title } = orderRow(order);
  return h("a", { class: "item", href: `#${to}/${order.order_id}` },
    h("span", { class: "grow" },
      h("span", { class: "title" }, title), h("br"),
      h("span", { class: "small muted" }, time(order.created_at))),
    statusBadge(order),
    h("span", { class: "number title" }, formatMoney(order.total)));
}
