import { h } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";

/** What somebody sees who is not logged in. */
export function welcomeView() {
  const feature = (name, key) => h("div", { class: "card" }, icon(name), h("h2", {}, t(`welcome.${key}`)), h("p", {}, t(`welcome.${key}.words`)));
  const content = [
    h("div", { class: "hero" },
      h("h1", { tabindex: "-1" }, t("welcome.heading")),
      h("p", {}, t("welcome.words")),
      h("div", { class: "row" },
        h("a", { class: "button primary", href: "#/register" }, t("welcome.register")),
        h("a", { class: "button", href: "#/login" }, t("welcome.login")))),
    h("div", { class: "features" }, feature("live", "live"), feature("wallet", "money"), feature("box", "sellers")),
  ];
  return { title: t("welcome.title"), content };
}
