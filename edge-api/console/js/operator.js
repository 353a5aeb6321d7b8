// The operators' view: what runs, how far it is, and what does not go on.

import { buildFrame } from "./frame.js";
import { language, onLanguage, t } from "./i18n.js";
import { instancesView } from "./operator/instances.js";
import { lettersView } from "./operator/letters.js";
import { stuckView } from "./operator/stuck.js";
import { topologiesView } from "./operator/topologies.js";
import { applyTheme } from "./preferences.js";
import { missingView, startRouter } from "./router.js";

const ROUTES = [
  ["/", topologiesView],
  ["/topologies", topologiesView],
  ["/topologies/:name", topologiesView],
  ["/instances", instancesView],
  ["/stuck", stuckView],
  ["/letters", lettersView],
];

document.documentElement.lang = language();
applyTheme();
const frame = buildFrame({
  links: () => [
    { path: "/topologies", name: t("op.nav.topologies"), icon: "graph" },
    { path: "/instances", name: t("op.nav.instances"), icon: "box" },
    { path: "/stuck", name: t("op.nav.stuck"), icon: "warn" },
    { path: "/letters", name: t("op.nav.letters"), icon: "orders" },
  ],
  footWords: () => t("frame.operator"),
});
const draw = (path) => frame.draw(path === "/" ? "/topologies" : path);
const router = startRouter({ outlet: frame.outlet, routes: ROUTES, missing: missingView, onChange: draw });
onLanguage(router.refresh);
