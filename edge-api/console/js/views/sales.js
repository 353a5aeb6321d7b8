import { h } from "../dom.js";
import { t } from "../i18n.js";
import { orderList } from "./orders.js";

/** Orders with lines of the seller, and of each only those. */
export function salesView({ signal }) {
  const stock = h("a", { class: "button primary", href: "#/stock" }, t("sales.stock"));
  return orderList({ title: t("sales.title"), hint: t("sales.words"), from: "/seller/orders", to: "/sales", none: t("sales.none.words"), action: stock, signal });
}
