import { get, post } from "../api.js";
import { h, keepFocus, put } from "../dom.js";
import { named, t } from "../i18n.js";
import { decimal, exponent, formatMoney, parseMoney } from "../money.js";
import { openDialog, toast } from "../parts/dialog.js";
import { cardField, field, fieldProblem, form } from "../parts/form.js";
import { empty, fill } from "../parts/states.js";
import { heading } from "../router.js";
import { currentAccount } from "../session.js";
import { time } from "../time.js";

/** Currencies that the forms offer. */
export const CURRENCIES = ["KRW", "USD", "EUR", "JPY"];

/** The balances are looked at again after so long: a sale fills them while somebody looks. */
const REFRESH_MS = 5_000;

const PAYOUT_KINDS = { ON_ITS_WAY: "info", PAID: "ok", RETURNED: "warn" };

/** What somebody has: a buyer puts money in, a seller gets it from sales, and both may take it out. */
export function walletView({ signal }) {
  const isBuyer = currentAccount()?.role === "BUYER";
  const place = h("div", { class: "stack", "aria-live": "polite" });
  const recent = h("div", {});
  let shown = null;
  const draw = (wallet) => {
    shown = JSON.stringify(wallet);
    put(recent, payouts(wallet));
    return balances(wallet, isBuyer, onWallet);
  };
  const onWallet = (wallet) => keepFocus(place, () => put(place, draw(wallet)), "#view h1");
  const load = () => get("/wallet", { signal });
  const refresh = async () => {
    if (document.hidden || shown === null) return;
    const wallet = await load();
    if (JSON.stringify(wallet) !== shown) onWallet(wallet);
  };
  fill(place, { load, draw, lines: 1, signal });
  // What cannot be read now is read the next time.
  const timer = setInterval(() => refresh().catch(() => {}), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  const money = h("div", { class: "stack loose" }, h("section", { "aria-label": t("wallet.balances") }, place), recent);
  const content = [
    heading(t("wallet.title"), { hint: t(isBuyer ? "wallet.words" : "wallet.words.seller") }),
    isBuyer ? h("div", { class: "columns" }, money, h("section", { class: "card" }, h("h2", {}, t("wallet.deposit")), deposit(onWallet))) : money,
  ];
  return { title: t("wallet.title"), content };
}

function balances(wallet, isBuyer, onWallet) {
  if (wallet.balances.length === 0) {
    return empty({ name: "wallet", title: t("wallet.none"), words: t(isBuyer ? "wallet.none.words" : "wallet.none.seller") });
  }
  return wallet.balances.map(({ currency, available, held }) => h("div", { class: "card stack" },
    h("div", {},
      h("p", { class: "muted" }, t("wallet.available", { currency })),
      h("p", { class: "big" }, formatMoney({ amount: available, currency })),
      isBuyer && h("p", { class: "small muted" }, held > 0 ? t("wallet.held", { held: formatMoney({ amount: held, currency }) }) : t("wallet.noneHeld"))),
    available > 0 && payoutButton({ amount: available, currency }, onWallet)));
}

/** The last payouts, the newest first; nothing before there is one. */
function payouts(wallet) {
  if (wallet.payouts.length === 0) return null;
  const title = h("h2", { id: "payouts" }, t("payout.recent"));
  return h("section", { class: "card", "aria-labelledby": "payouts" }, title, h("ul", { class: "lines" }, [...wallet.payouts].reverse().map(payoutRow)));
}

function payoutRow({ amount, card, status, requested_at: requestedAt }) {
  return h("li", { "data-payout": status },
    h("div", { class: "grow stack tight" },
      h("p", { class: "title" }, formatMoney(amount)),
      h("p", { class: "small muted" }, t("payout.card"), " ", h("span", { class: "mono" }, card), " · ", time(requestedAt))),
    h("span", { class: `badge ${PAYOUT_KINDS[status] ?? "info"}` }, named("payout", status)));
}

/** Taking money out, all of it unless something else is typed. */
function payoutButton(available, onWallet) {
  const { currency } = available;
  const open = () => openDialog(t("payout.title"), (close) => {
    const hint = t("payout.most", { amount: formatMoney(available) });
    const amount = field({ label: t("wallet.amount"), hint, pointer: "/amount", input: { name: "payout", inputmode: "decimal", autocomplete: "off", required: true, value: typedAmount(available) } });
    const card = cardField({ label: t("payout.card"), hint: t("payout.card.hint") });
    const send = async (key) => {
      const token = card.value().trim();
      const sum = { amount: readAmount(amount, currency, "/amount"), currency };
      const body = token ? { amount: sum, card: token } : { amount: sum };
      const wallet = await post("/wallet/payouts", body, { key });
      close();
      onWallet(wallet);
      toast(t(token ? "payout.sent" : "payout.done", { amount: formatMoney(sum) }));
    };
    return [h("p", { class: "muted" }, t("payout.words")), form({ fields: [amount, card], submit: t("payout.submit"), send })];
  });
  return h("div", {}, h("button", { class: "button", type: "button", id: `payout-${currency}`, "aria-label": `${t("payout.title")}: ${currency}`, onClick: open }, t("payout.title")));
}

function deposit(onWallet) {
  const amount = field({ label: t("wallet.amount"), pointer: "/amount", input: { name: "amount", inputmode: "decimal", autocomplete: "off", required: true } });
  const currency = field({ label: t("money.currency"), pointer: "/amount/currency", input: { name: "currency" }, options: CURRENCIES.map((code) => [code, code]) });
  const send = async (key) => {
    const minor = readAmount(amount, currency.value(), "/amount");
    const body = { amount: { amount: minor, currency: currency.value() } };
    onWallet(await post("/wallet/deposits", body, { key }));
    toast(t("wallet.done", { amount: formatMoney(body.amount) }));
    amount.control.value = "";
  };
  return form({ fields: [amount, currency], submit: t("wallet.submit"), send });
}

/** Minor units of a typed amount; what is none is a problem of its field. */
export function readAmount(one, currency, pointer) {
  const minor = parseMoney(one.value(), currency);
  if (minor === null || minor < 1) throw fieldProblem(pointer, exponent(currency) === 0 ? "NO_WHOLE_AMOUNT" : "NO_AMOUNT");
  return minor;
}

/** An amount as somebody would type it. */
export function typedAmount({ amount, currency }) {
  return decimal(amount, currency);
}
