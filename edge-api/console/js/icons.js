// Drawings of one line. They say nothing that words beside them do not say, so readers of the screen skip them.

import { svg } from "./dom.js";

const PATHS = {
  shop: "M4 9l1.5-5h13L20 9M4 9v10a1 1 0 001 1h14a1 1 0 001-1V9M4 9h16M9 20v-6h6v6",
  cart: "M3 4h2l2.4 11h10.2L20 7H6M9 20a1 1 0 100-.01M17 20a1 1 0 100-.01",
  orders: "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
  wallet: "M4 7h14a2 2 0 012 2v9a2 2 0 01-2 2H5a1 1 0 01-1-1zM4 7l11-4v4M16 13.5h.01",
  person: "M12 12a4 4 0 100-8 4 4 0 000 8zM4 21c0-4 4-6 8-6s8 2 8 6",
  people: "M9 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2.5 20c0-3.5 3-5.5 6.5-5.5s6.5 2 6.5 5.5M16 4.3a3.5 3.5 0 010 6.4M18 14.8c2.2.7 3.5 2.5 3.5 5.2",
  box: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  sun: "M12 16a4 4 0 100-8 4 4 0 000 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  moon: "M20 14.5A8 8 0 119.5 4a6.5 6.5 0 0010.5 10.5z",
  auto: "M12 3a9 9 0 100 18zM12 3a9 9 0 010 18",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
  info: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 11v5M12 8h.01",
  ok: "M12 21a9 9 0 100-18 9 9 0 000 18zM8 12.5l2.7 2.7L16 9.5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  live: "M12 13a1 1 0 100-2 1 1 0 000 2zM8.5 15.5a5 5 0 010-7M15.5 8.5a5 5 0 010 7M5.6 18.4a9 9 0 010-12.8M18.4 5.6a9 9 0 010 12.8",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
  graph: "M4 5h5v5H4zM15 14h5v5h-5zM4 16h5M9 7.5h4a2 2 0 012 2V14",
};

export function icon(name) {
  const line = { fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" };
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", ...line }, svg("path", { d: PATHS[name] }));
}

/** The mark of the product. */
export function mark() {
  const wave = "M7 12c3 0 3-3 6-3s3 3 6 3 3-3 6-3M7 18c3 0 3-3 6-3s3 3 6 3 3-3 6-3M7 24c3 0 3-3 6-3s3 3 6 3 3-3 6-3";
  return svg("svg", { viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("rect", { width: 32, height: 32, rx: 8, fill: "#0b6b5d" }),
    svg("path", { d: wave, fill: "none", stroke: "#fff", "stroke-width": 2.2, "stroke-linecap": "round" }));
}
