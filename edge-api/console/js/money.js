// Amounts in minor units, shown and read in major ones.

import { language } from "./i18n.js";

/** Decimal places of a currency: 0 for KRW, 2 for USD. */
export function exponent(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2;
  }
}

/** Minor units as a decimal text. It is text, so that nothing is rounded on the way. */
export function decimal(amount, currency) {
  const places = exponent(currency);
  const digits = String(Math.abs(amount)).padStart(places + 1, "0");
  const sign = amount < 0 ? "-" : "";
  return places === 0 ? sign + digits : `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

export function formatMoney(money, locale = language()) {
  if (!money) return "–";
  try {
    const format = new Intl.NumberFormat(locale, { style: "currency", currency: money.currency });
    return format.format(decimal(money.amount, money.currency));
  } catch {
    return `${decimal(money.amount, money.currency)} ${money.currency}`;
  }
}

/** Minor units of what somebody has typed, or null if it is no amount of this currency. */
export function parseMoney(text, currency) {
  const match = /^(\d{1,15})(?:\.(\d+))?$/.exec(text.replace(/[\s,_]/g, ""));
  const places = exponent(currency);
  const fraction = match?.[2] ?? "";
  if (!match || fraction.length > places) return null;
  const amount = Number(match[1] + fraction.padEnd(places, "0"));
  return Number.isSafeInteger(amount) ? amount : null;
}

/** The sum of prices times quantities by currency, as a list of amounts. */
export function totals(lines) {
  const sums = new Map();
  for (const { price, quantity } of lines) {
    sums.set(price.currency, (sums.get(price.currency) ?? 0) + price.amount * quantity);
  }
  return [...sums].map(([currency, amount]) => ({ amount, currency }));
}
