import { post } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { field, form } from "../parts/form.js";
import { go, heading } from "../router.js";
import { begin } from "../session.js";

/** Logging in. Whoever came for another view gets there. */
export function loginView({ next = "/" }) {
  const email = field({ label: t("login.email"), pointer: "/email", input: { type: "email", name: "email", autocomplete: "username", required: true, inputmode: "email" } });
  const password = field({ label: t("login.password"), pointer: "/password", input: { type: "password", name: "password", autocomplete: "current-password", required: true } });
  const send = async () => {
    await begin(await post("/auth/login", { email: email.value(), password: password.value() }));
    go(next);
  };
  const content = h("div", { class: "narrow" },
    heading(t("login.title"), { hint: next === "/" ? null : t("login.first") }),
    h("div", { class: "card" }, form({ fields: [email, password], submit: t("login.submit"), send })),
    h("p", { class: "small muted" }, t("login.none"), " ", h("a", { href: "#/register" }, t("login.register"))));
  return { title: t("login.title"), content };
}
