// What a buyer means to order. It stays in this browser, one cart for each account.

import { read, write } from "./preferences.js";
import { currentAccount } from "./session.js";

/** Lines of one order, at most; the server has the same bound. */
export const LINES_MAX = 100;
/** Pieces on one line that a cart takes, at most. */
export const QUANTITY_MAX = 999;

const listeners = new Set();

export function onCart(listener) {
  listeners.add(listener);
}

/** The lines: `{ product_id, name, price, quantity }`. */
export function cartLines() {
  return load().lines;
}

export function pieces() {
  return cartLines().reduce((sum, line) => sum + line.quantity, 0);
}

/** Adds pieces of a product. False if the cart is full. */
export function addToCart({ product_id, name, price }, quantity) {
  const { lines } = load();
  const known = lines.find((line) => line.product_id === product_id);
  if (!known && lines.length >= LINES_MAX) return false;
  if (known) Object.assign(known, { name, price, quantity: Math.min(known.quantity + quantity, QUANTITY_MAX) });
  else lines.push({ product_id, name, price, quantity });
  save(lines);
  return true;
}

export function setQuantity(productId, quantity) {
  const { lines } = load();
  save(lines.map((line) => (line.product_id === productId ? { ...line, quantity } : line)));
}

export function removeFromCart(productId) {
  save(cartLines().filter((line) => line.product_id !== productId));
}

export function emptyCart() {
  save([]);
}

/**
 * The key of the order that this cart becomes. It changes with the cart and with nothing else: pressed twice, sent again after a
 * lost answer or after a reload, it is the same order.
 */
export function cartKey() {
  return load().key;
}

function load() {
  try {
    const cart = JSON.parse(read(place()) ?? "null");
    if (Array.isArray(cart?.lines) && typeof cart.key === "string") return cart;
  } catch {
    // Whatever else is there is no cart.
  }
  return { lines: [], key: crypto.randomUUID() };
}

function save(lines) {
  write(place(), lines.length === 0 ? null : JSON.stringify({ lines, key: crypto.randomUUID() }));
  for (const listener of listeners) listener();
}

function place() {
  return `sluice.cart.${currentAccount()?.account_id ?? "guest"}`;
}

addEventListener("storage", ({ key }) => {
  if (key?.startsWith("sluice.cart.")) for (const listener of listeners) listener();
});
