import { post } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { emailField, factorCode } from "../parts/credentials.js";
import { field, form } from "../parts/form.js";
import { go, heading } from "../router.js";
import { begin } from "../session.js";

/** Logging in. Whoever came for another view gets there. */
export function loginView({ next = "/" }) {
  const email = emailField();
  const password = field({ label: t("login.password"), pointer: "/password", input: { type: "password", name: "password", autocomplete: "current-password", required: true } });
  const code = factorCode(email);
  const send = async () => {
    try {
      await begin(await post("/auth/login", { email: email.value(), password: password.value(), ...code.given() }));
    } catch (problem) {
      if (code.ask(problem)) return;
      if (problem.code === "WRONG_CREDENTIALS" && code.isAsked()) problem.code = "WRONG_CREDENTIALS_OR_CODE";
      throw problem;
    }
    go(next);
  };
  const content = h("div", { class: "narrow" },
    heading(t("login.title"), { hint: next === "/" ? null : t("login.first") }),
    h("div", { class: "card" }, form({ fields: [email, password, code], submit: t("login.submit"), send })),
    h("p", { class: "small muted" }, t("login.none"), " ", h("a", { href: "#/register" }, t("login.register"))),
    h("p", { class: "small muted" }, t("login.forgotten"), " ", h("a", { href: "#/forgotten" }, t("login.choose"))));
  return { title: t("login.title"), content };
}
