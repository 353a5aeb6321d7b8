import { addToCart } from "../cart.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { formatMoney } from "../money.js";
import { toast } from "../parts/dialog.js";
import { field } from "../parts/form.js";
import { shortId, tile } from "../parts/order.js";
import { page } from "../parts/pager.js";
import { empty, fill, problemNotice } from "../parts/states.js";
import { heading } from "../router.js";

/** Products of one page. */
const PAGE = 48;
/** Pages that a search reads by itself, at most; after that it goes on by a button. */
const SEARCH_PAGES_MAX = 10;

/** What is on offer. The API lists without searching, so a search looks through what has come, and reads on as long as nothing fits. */
export function productsView({ signal }) {
  const known = { items: [], cursor: null };
  const search = field({ label: t("products.search"), input: { type: "search", name: "search", placeholder: t("products.search.hint"), autocomplete: "off" } });
  const sort = field({ label: t("products.sort"), input: { name: "sort" }, options: ["listed", "name", "cheap", "dear"].map((way) => [way, t(`products.sort.${way}`)]) });
  const stocked = h("input", { type: "checkbox", name: "stocked" });
  const place = h("div", {});
  const result = h("p", { class: "small muted found", role: "status" });

  const read = async () => {
    const { items, next_cursor: cursor } = await page("/products", { cursor: known.cursor, limit: PAGE, signal });
    known.items.push(...items);
    known.cursor = cursor;
  };
  const found = () => matching(known.items, search.value(), sort.value(), stocked.checked);
  const draw = () => {
    const items = found();
    result.textContent = t("products.found", { count: items.length });
    const more = known.cursor !== null && h("div", { class: "row" }, h("button", { class: "button", type: "button", onClick: readMore }, t("list.more")));
    return items.length === 0 ? [nothing(known.items.length > 0), more] : h("div", { class: "stack" }, h("ul", { class: "products" }, items.map(card)), more);
  };
  const readMore = async () => {
    try {
      await read();
      put(place, draw());
    } catch (problem) {
      if (!signal.aborted) put(place, problemNotice(problem));
    }
  };
  const change = async () => {
    for (let pages = 0; pages < SEARCH_PAGES_MAX && known.cursor !== null && found().length === 0; pages += 1) await readMore();
    if (!signal.aborted) put(place, draw());
  };
  [search.control, sort.control, stocked].forEach((control) => control.addEventListener("input", change));
  fill(place, { load: read, draw, lines: 3, signal });
  const filters = h("div", { class: "filters", role: "search" }, search.element, sort.element, h("label", { class: "check" }, stocked, t("products.stocked")));
  return { title: t("products.title"), content: [heading(t("products.title"), { hint: t("products.words") }), filters, result, place] };
}

const ORDERS = {
  listed: () => 0,
  name: (one, other) => one.name.localeCompare(other.name),
  cheap: (one, other) => one.price.amount - other.price.amount,
  dear: (one, other) => other.price.amount - one.price.amount,
};

function matching(items, words, sort, stocked) {
  const wanted = words.trim().toLocaleLowerCase();
  const fits = (product) => product.name.toLocaleLowerCase().includes(wanted) && (!stocked || product.available > 0);
  return items.filter(fits).toSorted(ORDERS[sort]);
}

function nothing(isFiltered) {
  return isFiltered
    ? empty({ name: "shop", title: t("products.noMatch"), words: t("products.noMatch.words") })
    : empty({ name: "shop", title: t("products.none"), words: t("products.none.words") });
}

function card(product) {
  const isOut = product.available <= 0;
  const add = () => {
    const added = addToCart(product, 1);
    toast(added ? t("products.added", { name: product.name }) : t("cart.full"));
  };
  const label = t("products.add.label", { name: product.name });
  const badge = isOut
    ? h("span", { class: "badge danger" }, t("products.out"))
    : h("span", { class: `badge ${product.available < FEW ? "warn" : "ok"}` }, t("products.available", { count: product.available }));
  return h("li", { class: "product", "data-product": product.product_id },
    tile(product.product_id, product.name),
    h("div", { class: "product-body" },
      h("h2", {}, product.name),
      h("p", { class: "price" }, formatMoney(product.price)),
      h("div", { class: "row between" }, badge, h("span", { class: "small muted" }, t("products.seller", { id: shortId(product.seller_id) })))),
    h("div", { class: "product-foot" },
      h("button", { class: "button primary wide", type: "button", "aria-label": label, disabled: isOut, onClick: add }, t("products.add"))));
}

/** Fewer pieces than this are said to be few. */
const FEW = 5;
