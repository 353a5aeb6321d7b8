// Fields by which somebody shows whose account it is, before there is a session.

import { t } from "../i18n.js";
import { field } from "./form.js";

/** The address of an account. */
export function emailField() {
  return field({ label: t("login.email"), pointer: "/email", input: { type: "email", name: "email", autocomplete: "username", required: true, inputmode: "email" } });
}

/** A password that is chosen. */
export function chosenPassword({ label, pointer }) {
  return field({ label, hint: t("register.password.hint"), pointer, input: { type: "password", name: "password", autocomplete: "new-password", required: true } });
}

/** The code of a second factor, which is asked for once the server wants it; not any more with another address, whose account may have none. */
export function factorCode(email) {
  const code = field({ label: t("login.code"), hint: t("login.code.hint"), pointer: "/code", input: { name: "code", autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false", maxlength: 40 } });
  const hide = () => {
    code.element.hidden = true;
    code.control.value = "";
  };
  hide();
  email.control.addEventListener("input", hide);
  const isAsked = () => !code.element.hidden;
  /** Asks for the code if that is what the problem is about; answers whether it was news. */
  const ask = (problem) => {
    if (problem.code !== "SECOND_FACTOR_REQUIRED" || isAsked()) return false;
    code.element.hidden = false;
    code.control.focus();
    return true;
  };
  /** What a request has to say of it. */
  const given = () => (isAsked() ? { code: code.value().trim() } : {});
  return { ...code, isAsked, ask, given };
}
