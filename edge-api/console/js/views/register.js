import { post } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { chosenPassword, emailField } from "../parts/credentials.js";
import { choice, field, form } from "../parts/form.js";
import { go, heading } from "../router.js";
import { begin } from "../session.js";

/** A new account, which is logged in at once. */
export function registerView() {
  const role = choice({
    label: t("register.role"),
    name: "role",
    options: [
      { value: "BUYER", title: t("register.buyer"), words: t("register.buyer.words"), checked: true },
      { value: "SELLER", title: t("register.seller"), words: t("register.seller.words") },
    ],
  });
  const name = field({ label: t("register.name"), hint: t("register.name.hint"), pointer: "/name", input: { name: "name", autocomplete: "name", required: true, maxlength: 200 } });
  const email = emailField();
  const password = chosenPassword({ label: t("login.password"), pointer: "/password" });
  const send = async () => {
    const credentials = { email: email.value(), password: password.value() };
    await post("/auth/register", { ...credentials, name: name.value(), role: role.value() });
    await begin(await post("/auth/login", credentials));
    go("/");
  };
  const content = h("div", { class: "narrow" },
    heading(t("register.title")),
    h("div", { class: "card" }, form({ fields: [role, name, email, password], submit: t("register.submit"), send })),
    h("p", { class: "small muted" }, t("register.known"), " ", h("a", { href: "#/login" }, t("login.submit"))));
  return { title: t("register.title"), content };
}
