import { patch, post } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { formatMoney } from "../money.js";
import { openDialog, toast } from "../parts/dialog.js";
import { field, fieldProblem, form } from "../parts/form.js";
import { tile } from "../parts/order.js";
import { page } from "../parts/pager.js";
import { empty, fill } from "../parts/states.js";
import { heading } from "../router.js";
import { currentAccount } from "../session.js";
import { CURRENCIES, readAmount, typedAmount } from "./wallet.js";

/** Products of one page of the catalogue. */
const PAGE = 100;
/** Pages that are looked through for own products, at most; then a button goes on. The API has no list of a seller's own. */
const PAGES_MAX = 10;

/** A seller's products: new ones, prices and stock. */
export function stockView({ signal }) {
  const known = { items: [], cursor: null };
  const place = h("div", {});
  const read = async () => {
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const { items, next_cursor: cursor } = await page("/products", { cursor: known.cursor, limit: PAGE, signal });
      known.items.push(...items.filter((product) => product.seller_id === currentAccount()?.account_id));
      known.cursor = cursor;
      if (cursor === null) return;
    }
  };
  const draw = () => (known.items.length === 0 && known.cursor === null ? nothing(add) : list(known, place, { read, draw, signal }));
  const add = () => openDialog(t("stock.new"), (close) => newProduct((product) => {
    known.items.unshift(product);
    put(place, draw());
    close();
    toast(t("stock.created", { name: product.name }));
  }));
  fill(place, { load: read, draw, lines: 3, signal });
  const button = h("button", { class: "button primary", type: "button", id: "new-product", onClick: add }, t("stock.new"));
  return { title: t("stock.title"), content: [heading(t("stock.title"), { hint: t("stock.words"), actions: button }), place] };
}

function nothing(add) {
  const action = h("button", { class: "button primary", type: "button", onClick: add }, t("stock.first"));
  return empty({ name: "box", title: t("stock.none"), words: t("stock.none.words"), action });
}

function list(known, place, { read, draw, signal }) {
  const changed = (product) => {
    const at = known.items.findIndex((one) => one.product_id === product.product_id);
    known.items[at] = product;
    put(place, draw());
  };
  const goOn = () => fill(place, { load: read, draw, lines: 3, signal });
  const more = known.cursor !== null && h("button", { class: "button", type: "button", onClick: goOn }, t("list.more"));
  return h("div", { class: "stack" }, h("ul", { class: "list" }, known.items.map((product) => h("li", {}, row(product, changed)))), more);
}

function row(product, changed) {
  const held = product.on_hand - product.available;
  const button = (words, open) => h("button", { class: "button", type: "button", "aria-label": `${words}: ${product.name}`, onClick: open }, words);
  return h("div", { class: "item", "data-product": product.product_id },
    tile(product.product_id, product.name, "tiny"),
    h("div", { class: "grow" },
      h("p", { class: "title" }, product.name),
      h("p", { class: "small muted" }, t("stock.pieces", { available: product.available, held }))),
    h("p", { class: "number title" }, formatMoney(product.price)),
    h("div", { class: "row" },
      button(t("stock.change"), () => change(product, changed)),
      button(t("stock.adjust"), () => adjust(product, changed))));
}

const nameField = (value = "") => field({ label: t("stock.name"), pointer: "/name", input: { name: "product", maxlength: 200, required: true, autocomplete: "off", value } });
const priceField = (value = "") => field({ label: t("stock.price"), hint: t("stock.price.hint"), pointer: "/price", input: { name: "price", inputmode: "decimal", required: true, autocomplete: "off", value } });
const currencyField = (chosen = "KRW") => field({ label: t("money.currency"), pointer: "/price/currency", input: { name: "currency" }, options: [...new Set([...CURRENCIES, chosen])].map((code) => [code, code, code === chosen]) });

function newProduct(onCreated) {
  const [name, price, currency] = [nameField(), priceField(), currencyField()];
  const stock = field({ label: t("stock.pieces.start"), pointer: "/stock", input: { name: "stock", type: "number", inputmode: "numeric", min: 0, value: 10 } });
  const send = async (key) => {
    const money = { amount: readAmount(price, currency.value(), "/price"), currency: currency.value() };
    onCreated(await post("/products", { name: name.value(), price: money, stock: whole(stock, "/stock") }, { key }));
  };
  return form({ fields: [name, price, currency, stock], submit: t("stock.create"), send });
}

function change(product, changed) {
  openDialog(t("stock.change.title", { name: product.name }), (close) => {
    const [name, price, currency] = [nameField(product.name), priceField(typedAmount(product.price)), currencyField(product.price.currency)];
    const send = async () => {
      const money = { amount: readAmount(price, currency.value(), "/price"), currency: currency.value() };
      changed(await patch(`/products/${product.product_id}`, { name: name.value(), price: money }));
      close();
      toast(t("stock.saved"));
    };
    return form({ fields: [name, price, currency], submit: t("stock.save"), send });
  });
}

function adjust(product, changed) {
  openDialog(t("stock.adjust.title", { name: product.name }), (close) => {
    const delta = field({ label: t("stock.delta"), hint: t("stock.delta.hint"), pointer: "/delta", input: { name: "delta", type: "number", inputmode: "numeric", required: true } });
    const send = async (key) => {
      changed(await post(`/products/${product.product_id}/stock-adjustments`, { delta: whole(delta, "/delta") }, { key }));
      close();
      toast(t("stock.saved"));
    };
    return form({ fields: [delta], submit: t("stock.save"), send });
  });
}

function whole(one, pointer) {
  const number = Number(one.value());
  if (one.value() === "" || !Number.isInteger(number)) throw fieldProblem(pointer, "NO_WHOLE_NUMBER");
  return number;
}
