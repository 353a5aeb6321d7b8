import { h } from "../dom.js";
import { t } from "../i18n.js";
import { notice } from "../parts/states.js";
import { heading } from "../router.js";
import { figure } from "./graph.js";
import { watch } from "./watch.js";

/** The processes, what their threads do, and tasks that nobody runs. */
export function instancesView({ signal }) {
  const place = h("div", {});
  const draw = (graphs, instances) => h("div", { class: "stack loose" },
    unowned(graphs, instances),
    card(instances.here, t("op.instance.here")),
    instances.others.map(({ endpoint, answer }) => (answer ? card(answer, null) : silent(endpoint))));
  watch({ paths: ["/operator/topologies", "/operator/instances"], place, draw, signal });
  return { title: t("op.instances"), content: [heading(t("op.instances"), { hint: t("op.instances.words") }), place] };
}

function card({ endpoint, obstacles, threads }, words) {
  const ready = obstacles.length === 0;
  return h("section", { class: "card stack", "data-instance": endpoint },
    h("div", { class: "row between" },
      h("h2", {}, h("span", { class: "mono" }, endpoint), words && h("span", { class: "muted small" }, ` · ${words}`)),
      h("span", { class: `badge ${ready ? "ok" : "warn"}` }, t(ready ? "op.instance.ready" : "op.instance.unready"))),
    obstacles.map((obstacle) => notice("warn", obstacle)),
    threads.length === 0 ? h("p", { class: "muted" }, t("op.instance.noThreads")) : h("ul", { class: "threads" }, threads.map(thread)));
}

function silent(endpoint) {
  return h("section", { class: "card stack", "data-instance": endpoint },
    h("div", { class: "row between" }, h("h2", { class: "mono" }, endpoint), h("span", { class: "badge danger" }, t("op.instance.silent"))),
    h("p", { class: "muted" }, t("op.instance.silent.words")));
}

function thread({ topology, number, joined, blocked, running, restoring }) {
  const left = Object.entries(restoring);
  const [kind, key] = blocked ? ["danger", "blocked"] : !joined ? ["warn", "joining"] : left.length > 0 ? ["warn", "restoring"] : ["ok", "running"];
  const chips = [
    running.map((task) => h("li", { class: "chip" }, task)),
    left.map(([task, offsets]) => h("li", { class: "chip warn" }, `${task} · ${t("op.task.left", { left: figure(offsets) })}`)),
  ];
  return h("li", {},
    h("div", { class: "row between" }, h("p", { class: "title" }, topology, h("span", { class: "muted" }, ` · ${t("op.thread", { number })}`)), h("span", { class: `badge ${kind}` }, t(`op.thread.${key}`))),
    blocked && h("p", { class: "small" }, blocked),
    running.length + left.length === 0 ? h("p", { class: "small muted" }, t("op.task.none")) : h("ul", { class: "chips", "aria-label": t("op.tasks") }, chips));
}

function unowned({ items }, { here, others, members }) {
  const owned = new Set();
  const add = (topology, tasks) => tasks.forEach((task) => owned.add(`${topology} ${task}`));
  const answers = [here, ...others.map((one) => one.answer).filter(Boolean)];
  answers.flatMap((one) => one.threads).forEach((one) => add(one.topology, [...one.running, ...Object.keys(one.restoring)]));
  Object.entries(members).forEach(([topology, all]) => (all ?? []).forEach((member) => add(topology, member.tasks)));
  const missing = items.flatMap((one) => one.tasks.map((task) => `${one.topology} ${task.id}`)).filter((task) => !owned.has(task));
  if (missing.length === 0) return null;
  return h("section", { class: "card stack" }, h("h2", {}, t("op.unowned")), h("ul", { class: "chips" }, missing.map((task) => h("li", { class: "chip danger" }, task))));
}
