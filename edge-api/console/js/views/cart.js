import { post } from "../api.js";
import { QUANTITY_MAX, cartKey, cartLines, emptyCart, removeFromCart, setQuantity } from "../cart.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { formatMoney, totals } from "../money.js";
import { cardField, form, stepper } from "../parts/form.js";
import { tile } from "../parts/order.js";
import { empty, notice } from "../parts/states.js";
import { go, heading } from "../router.js";

/** What is to be ordered. The price that counts is the product's at the moment of the order. */
export function cartView() {
  const place = h("div", {});
  const draw = () => put(place, cartLines().length === 0 ? nothing() : filled(draw));
  draw();
  return { title: t("cart.title"), content: [heading(t("cart.title")), place] };
}

function nothing() {
  const browse = h("a", { class: "button primary", href: "#/products" }, t("cart.browse"));
  return empty({ name: "cart", title: t("cart.none"), words: t("cart.none.words"), action: browse });
}

function filled(redraw) {
  const lines = cartLines();
  const sum = h("div", { class: "stack" }, sums(lines));
  const rows = lines.map((line) => row(line, redraw, () => put(sum, sums(cartLines()))));
  return h("div", { class: "columns" },
    h("section", { class: "card", "aria-label": t("cart.lines") }, h("ul", { class: "lines" }, rows)),
    h("section", { class: "card stack", "aria-label": t("cart.summary") }, h("h2", {}, t("cart.summary")), sum, placing()));
}

function sums(lines) {
  const all = totals(lines);
  const rows = all.map((money) => h("p", { class: "total" }, h("span", {}, t("order.total")), h("span", {}, formatMoney(money))));
  return [rows, all.length > 1 && notice("warn", t("cart.currencies")), h("p", { class: "small muted" }, t("cart.price"))];
}

function placing() {
  const card = cardField({ label: t("cart.card"), hint: t("cart.card.hint") });
  const send = async () => {
    const lines = cartLines().map(({ product_id, quantity }) => ({ product_id, quantity }));
    const token = card.value().trim();
    const { order_id: id } = await post("/orders", token ? { lines, card: token } : { lines }, { key: cartKey() });
    emptyCart();
    go(`/orders/${id}`);
  };
  return form({ fields: [card], submit: t("cart.place"), send });
}

function row(line, redraw, onQuantity) {
  const sum = h("p", { class: "number title" });
  const show = (quantity) => {
    sum.textContent = formatMoney({ ...line.price, amount: line.price.amount * quantity });
  };
  show(line.quantity);
  const change = (quantity) => {
    setQuantity(line.product_id, quantity);
    show(quantity);
    onQuantity();
  };
  const remove = () => {
    removeFromCart(line.product_id);
    redraw();
    document.querySelector("#view h1")?.focus();
  };
  return h("li", {},
    tile(line.product_id, line.name, "tiny"),
    h("div", { class: "grow" }, h("p", { class: "title" }, line.name), h("p", { class: "small muted" }, t("cart.each", { price: formatMoney(line.price) }))),
    stepper({ label: t("cart.quantity", { name: line.name }), value: line.quantity, max: QUANTITY_MAX, onChange: change }),
    sum,
    h("button", { class: "button quiet", type: "button", "aria-label": t("cart.remove.label", { name: line.name }), onClick: remove }, t("cart.remove")));
}
