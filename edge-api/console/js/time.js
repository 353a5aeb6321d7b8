// Times in the reader's language and zone.

import { language } from "./i18n.js";
import { h } from "./dom.js";

const format = (options) => (text) => new Intl.DateTimeFormat(language(), options).format(new Date(text));

export const day = format({ dateStyle: "medium", timeStyle: "short" });
export const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });

/** A `time` element; the machine-readable time is in it, whatever is shown. */
export function time(text, shown = day) {
  return h("time", { datetime: text, title: day(text) }, shown(text));
}

/** A span of time in the largest unit that fits. */
export function span(ms) {
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1_000]];
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ["millisecond", 1];
  const options = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 };
  return new Intl.NumberFormat(language(), options).format(ms / size);
}
