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
  // Asked for once the password was right and the account has a second factor.
  const code = field({ label: t("login.code"), hint: t("login.code.hint"), pointer: "/code", input: { name: "code", autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false", maxlength: 40 } });
  code.element.hidden = true;
  const send = async () => {
    const given = code.element.hidden ? {} : { code: code.value().trim() };
    try {
      await begin(await post("/auth/login", { email: email.value(), password: password.value(), ...given }));
    } catch (problem) {
      if (problem.code === "SECOND_FACTOR_REQUIRED" && code.element.hidden) {
        code.element.hidden = false;
        code.control.focus();
        return;
      }
      if (problem.code === "WRONG_CREDENTIALS" && !code.element.hidden) problem.code = "WRONG_CREDENTIALS_OR_CODE";
      throw problem;
    }
    go(next);
  };
  // Another account may have none.
  email.control.addEventListener("input", () => {
    code.element.hidden = true;
    code.control.value = "";
  });
  const content = h("div", { class: "narrow" },
    heading(t("login.title"), { hint: next === "/" ? null : t("login.first") }),
    h("div", { class: "card" }, form({ fields: [email, password, code], submit: t("login.submit"), send })),
    h("p", { class: "small muted" }, t("login.none"), " ", h("a", { href: "#/register" }, t("login.register"))));
  return { title: t("login.title"), content };
}
