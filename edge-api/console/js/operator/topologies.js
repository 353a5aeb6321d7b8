import { h } from "../dom.js";
import { t } from "../i18n.js";
import { heading } from "../router.js";
import { span } from "../time.js";
import { drawGraph, figure } from "./graph.js";
import { byTopic, note, rate } from "./rates.js";
import { watch } from "./watch.js";

/** One topology: its graph with traffic, and its inputs as a table. */
export function topologiesView({ params, signal }) {
  const place = h("div", {});
  const draw = (graphs, progress) => {
    note(progress);
    const chosen = graphs.items.find((one) => one.topology === params.name) ?? graphs.items[0];
    const far = progress.items.find((one) => one.topology === chosen.topology) ?? { topology: chosen.topology, partitions: [], members: [] };
    const topics = byTopic(far);
    const traffic = (name) => topics.find((one) => one.topic === name || one.topic === `${chosen.application_id}-${name}`) ?? null;
    return [tabs(graphs.items, chosen), figures(topics, far), drawGraph(chosen, traffic), inputs(topics, far)];
  };
  watch({ paths: ["/operator/topologies", "/operator/progress"], place, draw, signal });
  return { title: t("op.topologies"), content: [heading(t("op.topologies"), { hint: t("op.topologies.words") }), place] };
}

function tabs(topologies, chosen) {
  const link = ({ topology }) => h("a", { href: `#/topologies/${topology}`, id: `tab-${topology}`, "aria-current": topology === chosen.topology ? "page" : null }, topology);
  return h("nav", { class: "tabs", "aria-label": t("op.choose") }, topologies.map(link));
}

function figures(topics, { members }) {
  const rates = topics.map((one) => one.rate);
  const sum = rates.includes(null) ? "–" : figure(rates.reduce((all, one) => all + one, 0));
  const lag = topics.reduce((all, one) => all + one.lag, 0);
  const age = Math.max(0, ...topics.map((one) => one.age));
  const all = [[sum, "rate"], [figure(lag), "lag"], [lag > 0 ? span(age) : "–", "age"], [members.length, "members"]];
  return h("div", { class: "figures" }, all.map(([value, key]) => h("div", { class: "card" }, h("p", { class: "big" }, value), h("p", {}, t(`op.total.${key}`)))));
}

function inputs(topics, { topology }) {
  const head = ["topic", "partition", "committed", "end", "behind", "age", "perSecond"];
  const row = (topic, input) => {
    const perSecond = rate(topology, topic, input.partition);
    return h("tr", {}, h("td", { class: "mono" }, topic), h("td", { class: "end" }, input.partition), h("td", { class: "end" }, input.committed ?? "–"), h("td", { class: "end" }, input.end),
      h("td", { class: "end" }, input.lag), h("td", { class: "end" }, input.lag > 0 ? span(input.time_lag_ms) : "–"), h("td", { class: "end" }, perSecond === null ? "–" : figure(perSecond)));
  };
  const rows = topics.flatMap(({ topic, partitions }) => partitions.map((input) => row(topic, input)));
  return h("section", { class: "card" }, h("h2", {}, t("op.inputs")),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("op.inputs") },
      h("table", { class: "table" },
        h("thead", {}, h("tr", {}, head.map((key, at) => h("th", { scope: "col", class: at > 0 ? "end" : "" }, t(`op.${key}`))))),
        h("tbody", {}, rows))));
}
