// What surrounds every view: the bar with the brand, the navigation and the choices of language and colours, and the foot.

import { h, put } from "./dom.js";
import { icon, mark } from "./icons.js";
import { LANGUAGES, THEMES, applyTheme, theme } from "./preferences.js";
import { language, setLanguage, t } from "./i18n.js";

const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };

/** Builds the frame into the body. `links()` answers the navigation: `{ path, name, icon, count }`. */
export function buildFrame({ links, footWords }) {
  const outlet = h("main", { id: "view", tabindex: "-1" });
  const bar = h("header", { class: "bar" });
  const foot = h("footer", { class: "foot" });
  const skip = h("a", { class: "skip", href: "#view" });
  // The address after `#` is the router's, so the link moves the focus by itself.
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    outlet.focus();
  });
  const toast = h("div", { class: "toast", id: "toast", role: "status", "aria-live": "polite" });
  put(document.body, skip, bar, outlet, foot, toast);
  const draw = (path) => {
    const shown = links();
    skip.textContent = t("frame.skip");
    document.body.classList.toggle("has-nav", shown.length > 0);
    put(bar, h("div", { class: "bar-inner" }, brand(), navigation(shown, path), tools(() => draw(path))));
    put(foot, h("div", {}, h("span", {}, footWords()), h("span", {}, t("frame.note"))));
  };
  return { outlet, draw };
}

function brand() {
  return h("a", { class: "brand", href: "#/" }, mark(), "sluice");
}

function navigation(links, path) {
  if (links.length === 0) return h("div", { class: "grow" });
  const item = ({ path: to, name, icon: drawing, count = 0 }) => {
    const isHere = path === to || path.startsWith(`${to}/`);
    return h("li", {}, h("a", { href: `#${to}`, "aria-current": isHere ? "page" : null },
      icon(drawing), h("span", {}, name),
      count > 0 && h("span", { class: "count" }, count, h("span", { class: "hidden-text" }, ` ${t("frame.pieces")}`))));
  };
  return h("nav", { class: "nav main", "aria-label": t("frame.navigation") }, h("ul", {}, links.map(item)));
}

function tools(redraw) {
  const other = LANGUAGES.find((one) => one !== language());
  const words = h("button", { class: "button quiet", type: "button", lang: other, id: "language", onClick: () => change(() => setLanguage(other), "#language") },
    t("frame.otherLanguage"));
  const now = theme();
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  const label = t("frame.theme", { now: t(`theme.${now}`) });
  const colours = h("button", { class: "button quiet icon-button", type: "button", id: "theme", "aria-label": label, title: label, onClick: () => change(() => {
    applyTheme(next);
    redraw();
  }, "#theme") }, icon(THEME_ICONS[now]));
  return h("div", { class: "tools" }, words, colours);
}

/** The bar is drawn anew by the change, so its button gets the focus back. */
function change(work, button) {
  work();
  document.querySelector(button)?.focus();
}
