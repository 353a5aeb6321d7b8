import { get, post } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { decimal, exponent, formatMoney, parseMoney } from "../money.js";
import { toast } from "../parts/dialog.js";
import { field, fieldProblem, form } from "../parts/form.js";
import { empty, fill } from "../parts/states.js";
import { heading } from "../router.js";

/** Currencies that the forms offer. */
export const CURRENCIES = ["KRW", "USD", "EUR", "JPY"];

/** What a buyer has, and putting more in. */
export function walletView({ signal }) {
  const place = h("div", { class: "stack" });
  fill(place, { load: () => get("/wallet", { signal }), draw: balances, lines: 1, signal });
  const content = [
    heading(t("wallet.title"), { hint: t("wallet.words") }),
    h("div", { class: "columns" },
      h("section", { "aria-label": t("wallet.balances") }, place),
      h("section", { class: "card" }, h("h2", {}, t("wallet.deposit")), deposit((wallet) => put(place, balances(wallet))))),
  ];
  return { title: t("wallet.title"), content };
}

function balances(wallet) {
  if (wallet.balances.length === 0) return empty({ name: "wallet", title: t("wallet.none"), words: t("wallet.none.words") });
  return wallet.balances.map(({ currency, available, held }) => h("div", { class: "card" },
    h("p", { class: "muted" }, t("wallet.available", { currency })),
    h("p", { class: "big" }, formatMoney({ amount: available, currency })),
    h("p", { class: "small muted" }, held > 0 ? t("wallet.held", { held: formatMoney({ amount: held, currency }) }) : t("wallet.noneHeld"))));
}

function deposit(onWallet) {
  const amount = field({ label: t("wallet.amount"), pointer: "/amount", input: { name: "amount", inputmode: "decimal", autocomplete: "off", required: true } });
  const currency = field({ label: t("money.currency"), pointer: "/amount/currency", input: { name: "currency" }, options: CURRENCIES.map((code) => [code, code]) });
  // The same deposit as long as nothing of it is changed: a second press, or another try after a lost answer, counts once.
  let key = crypto.randomUUID();
  const renew = () => {
    key = crypto.randomUUID();
  };
  [amount.control, currency.control].forEach((control) => control.addEventListener("input", renew));
  const send = async () => {
    const minor = readAmount(amount, currency.value(), "/amount");
    const body = { amount: { amount: minor, currency: currency.value() } };
    onWallet(await post("/wallet/deposits", body, { key }));
    toast(t("wallet.done", { amount: formatMoney(body.amount) }));
    amount.control.value = "";
    renew();
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
