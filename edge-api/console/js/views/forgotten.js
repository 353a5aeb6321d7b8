import { post } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { chosenPassword, emailField, factorCode } from "../parts/credentials.js";
import { field, form } from "../parts/form.js";
import { go, heading } from "../router.js";
import { begin } from "../session.js";

/** Another password in the place of a forgotten one, by a code that an operator has handed over. */
export function forgottenView() {
  const email = emailField();
  const resetCode = field({ label: t("forgotten.code"), hint: t("forgotten.code.hint"), pointer: "/reset_code", input: { name: "reset_code", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true, maxlength: 100 } });
  const password = chosenPassword({ label: t("password.new"), pointer: "/new_password" });
  const code = factorCode(email);
  const send = async () => {
    const asked = { email: email.value(), reset_code: resetCode.value().trim(), new_password: password.value(), ...code.given() };
    try {
      await begin(await post("/auth/password/reset", asked));
    } catch (problem) {
      if (code.ask(problem)) return;
      if (problem.code === "WRONG_CREDENTIALS") problem.code = "WRONG_RESET_CODE";
      throw problem;
    }
    go("/");
  };
  const content = h("div", { class: "narrow" },
    heading(t("forgotten.title"), { hint: t("forgotten.words") }),
    h("div", { class: "card" }, form({ fields: [email, resetCode, password, code], submit: t("forgotten.submit"), send })),
    h("p", { class: "small muted" }, t("forgotten.known"), " ", h("a", { href: "#/login" }, t("login.submit"))));
  return { title: t("forgotten.title"), content };
}
