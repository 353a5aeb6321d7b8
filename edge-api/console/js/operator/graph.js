// A topology as a drawing: topics, steps with their stores, and what flows between them.

import { h, svg } from "../dom.js";
import { t } from "../i18n.js";
import { layOut } from "./layout.js";

/** Width of a letter, and of a node around its letters. */
const LETTER = 8.1;
const WIDTH_MIN = 84;
/** A drawing is made narrower to fit, down to this part of its size; then it is scrolled. */
const SCALE_MIN = 0.8;
const LINE = 17;
const PADDING = 13;
/** Characters of a name that fit into a node. */
const FITS = 23;
const MARGIN = 8;

/** Draws a description with the traffic of its topics: `traffic(topic)` answers `{ rate, lag }`, or null for a topic that is not read. */
export function drawGraph(description, traffic) {
  const { nodes, edges } = graphOf(description, traffic);
  const { width, height, nodes: placed, edges: routed } = layOut(nodes, edges);
  const box = `${-MARGIN} ${-MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`;
  const title = t("op.graph", { name: description.topology });
  const drawing = svg("svg", { viewBox: box, width: width + 2 * MARGIN, height: height + 2 * MARGIN, role: "img", "aria-label": title },
    svg("defs", {}, arrow()), routed.map(drawEdge), placed.map(drawNode));
  drawing.style.minWidth = `${Math.round(width * SCALE_MIN)}px`;
  return h("figure", { class: "graph" },
    // A wide drawing is scrolled, also by the keyboard.
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, drawing),
    legend());
}

function graphOf({ subtopologies }, traffic) {
  const nodes = new Map();
  const edges = [];
  const topic = (name) => {
    const id = `topic:${name}`;
    if (!nodes.has(id)) nodes.set(id, topicNode(id, name, traffic(name)));
    return id;
  };
  for (const part of subtopologies) {
    const own = new Map(part.nodes.map((node) => [node.name, node.topic ? `topic:${node.topic}` : `step:${part.id}:${node.name}`]));
    for (const node of part.nodes) {
      if (node.topic) topic(node.topic);
      else nodes.set(own.get(node.name), stepNode(own.get(node.name), node));
    }
    for (const node of part.nodes) {
      const from = own.get(node.name);
      const busy = node.kind === "source" && (traffic(node.topic)?.rate ?? 0) > 0;
      for (const child of node.children ?? []) edges.push({ from, to: own.get(child), busy });
      for (const name of node.sends_to ?? []) edges.push({ from, to: topic(name), busy: false });
    }
  }
  return { nodes: [...nodes.values()], edges };
}

function topicNode(id, name, seen) {
  const lines = [{ words: name, kind: "" }];
  if (seen) {
    const rate = seen.rate === null ? t("op.rate.unknown") : t("op.rate", { rate: figure(seen.rate) });
    lines.push({ words: rate, kind: "minor" });
    lines.push(seen.lag > 0 ? { words: t("op.lag", { lag: figure(seen.lag) }), kind: "minor lagging" } : { words: t("op.caughtUp"), kind: "minor" });
  }
  return node(id, `topic ${seen?.lag > 0 ? "late" : ""}`, lines);
}

function stepNode(id, { name, stores = [] }) {
  return node(id, "step", [{ words: name, kind: "" }, ...stores.map((store) => ({ words: store, kind: "store" }))]);
}

function node(id, kind, lines) {
  const letters = Math.max(...lines.map(({ words }) => Math.min(words.length, FITS)));
  return { id, kind, lines, width: Math.max(letters * LETTER + 34, WIDTH_MIN), height: lines.length * LINE + 2 * PADDING };
}

function drawNode({ x, y, width, height, kind, lines }) {
  const rounded = kind.startsWith("topic") ? Math.min(height / 2, 22) : 8;
  const texts = lines.map(({ words, kind: line }, at) => {
    const mark = line === "store" ? "▤ " : "";
    const shown = words.length > FITS ? `${words.slice(0, FITS - 1)}…` : words;
    const place = { x: x + width / 2, y: y + PADDING + LINE * (at + 0.75), "text-anchor": "middle", class: line };
    return svg("text", place, mark + shown, shown !== words && svg("title", {}, words));
  });
  return svg("g", { class: kind }, svg("rect", { x, y, width, height, rx: rounded, "stroke-width": 1.5 }), texts);
}

function drawEdge({ points, busy }) {
  const [first, ...rest] = points;
  let path = `M${first.x} ${first.y}`;
  let before = first;
  for (const point of rest) {
    const middle = (before.x + point.x) / 2;
    path += ` C${middle} ${before.y} ${middle} ${point.y} ${point.x} ${point.y}`;
    before = point;
  }
  return svg("path", { d: path, class: busy ? "edge busy" : "edge", "marker-end": "url(#arrow)" });
}

function arrow() {
  return svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" },
    svg("path", { d: "M0 0L8 4L0 8z", class: "arrow" }));
}

function legend() {
  const kinds = [["topic", "topic"], ["step", "step"], ["store", "store"], ["late", "lag"]];
  return h("ul", { class: "legend" }, kinds.map(([kind, key]) => h("li", {}, h("span", { class: kind }), t(`op.legend.${key}`))));
}

/** A number with three digits that say something. */
export function figure(number) {
  return new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumSignificantDigits: 3 }).format(number);
}
