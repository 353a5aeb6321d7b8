// Words in the reader's language.

import en from "./i18n/en.js";
import ko from "./i18n/ko.js";
import { keepLanguage, preferredLanguage } from "./preferences.js";

const dictionaries = { en, ko };
const listeners = new Set();
let current = preferredLanguage();

export function language() {
  return current;
}

/** Changes the language of everything that is shown from now on, and tells the listeners. */
export function setLanguage(next) {
  current = next;
  keepLanguage(next);
  document.documentElement.lang = next;
  for (const listener of listeners) listener();
}

export function onLanguage(listener) {
  listeners.add(listener);
}

export function has(key) {
  return key in dictionaries[current];
}

/** The words under a key, with `{name}` replaced. A key without words shows itself, which the tests look for. */
export function t(key, values = {}) {
  const words = dictionaries[current][key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The words under `prefix.name`, or the fallback for names of a newer server. */
export function named(prefix, name, fallback = name) {
  const key = `${prefix}.${name}`;
  return has(key) ? t(key) : fallback;
}
