import { h } from "../dom.js";
import { t } from "../i18n.js";
import { tile } from "../parts/order.js";
import { pager } from "../parts/pager.js";
import { empty } from "../parts/states.js";
import { heading } from "../router.js";
import { time } from "../time.js";

/** Who has bought from the seller. */
export function buyersView({ signal }) {
  const whenEmpty = () => empty({ name: "people", title: t("buyers.none"), words: t("buyers.none.words") });
  const list = pager({ path: "/seller/buyers", item: row, whenEmpty, signal });
  return { title: t("buyers.title"), content: [heading(t("buyers.title"), { hint: t("buyers.words") }), list] };
}

function row(buyer) {
  return h("div", { class: "item" },
    tile(buyer.buyer_id, buyer.buyer_id, "tiny"),
    h("div", { class: "grow" },
      h("p", { class: "title mono" }, buyer.buyer_id),
      h("p", { class: "small muted" }, t("buyers.last"), " ", time(buyer.last_paid_at))),
    h("span", { class: "badge ok" }, t("buyers.orders", { count: buyer.paid_orders })));
}
