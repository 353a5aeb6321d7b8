import { post } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { toast } from "../parts/dialog.js";
import { field, form } from "../parts/form.js";
import { notice } from "../parts/states.js";
import { go, heading } from "../router.js";
import { begin, currentAccount, hasSecondFactor, isConfined, onAccount } from "../session.js";
import { logout } from "./account.js";

/**
 * How far this account is: the secret that waits for its first code, then the recovery codes. Both are shown by the server once, so a
 * change of the language must not lose them; they are forgotten when the reader is done, or somebody else is logged in.
 */
let ongoing = null;
onAccount((account) => {
  if (ongoing?.accountId !== account?.account_id) ongoing = null;
});

/** Taking a second factor: the password, the secret for an app, its first code, and the recovery codes. */
export function secondFactorView() {
  const isForced = isConfined();
  const place = h("div", { class: "stack" });
  const draw = (isNext) => {
    put(place, stage(draw));
    if (isNext) (place.querySelector("h2") ?? place.querySelector("input"))?.focus();
  };
  draw(false);
  const content = h("div", { class: "narrow" },
    heading(t("factor.title"), { hint: t("factor.words") }),
    isForced && h("div", { class: "before" }, notice("warn", t("factor.forced"))),
    h("div", { class: "card" }, place),
    isForced && h("p", {}, logout()));
  return { title: t("factor.title"), content };
}

function stage(draw) {
  if (ongoing?.codes) return recovery(ongoing.codes);
  if (hasSecondFactor()) return [notice("ok", t("factor.on.words")), h("a", { class: "button", href: "#/account" }, t("nav.account"))];
  return ongoing?.enrolment ? confirmation(ongoing, draw) : start(draw);
}

function start(draw) {
  const password = field({ label: t("login.password"), hint: t("factor.password.hint"), pointer: "/password", input: { type: "password", name: "password", autocomplete: "current-password", required: true } });
  const send = async () => {
    const accountId = currentAccount()?.account_id;
    ongoing = { accountId, ...(await post("/auth/second-factor", { password: password.value() })) };
    draw(true);
  };
  return form({ fields: [password], submit: t("factor.begin"), send });
}

function confirmation({ enrolment, secret, otpauth_uri: uri }, draw) {
  const code = field({ label: t("factor.code"), hint: t("factor.code.hint"), pointer: "/code", input: { name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true, maxlength: 12 } });
  const send = async () => {
    const digits = code.value().replace(/\s/g, "");
    const { recovery_codes: codes, session } = await post("/auth/second-factor/confirmation", { enrolment, code: digits });
    ongoing = { accountId: currentAccount()?.account_id, codes };
    // The codes are shown whatever becomes of the rest: nobody shows them again.
    await begin(session).finally(() => draw(true));
  };
  const again = () => {
    ongoing = null;
    draw(true);
  };
  return [
    h("div", {}, h("h2", { tabindex: "-1" }, t("factor.secret")), h("p", { class: "muted" }, t("factor.secret.words"))),
    copied({ id: "secret", label: t("factor.secret.label"), words: secret.match(/.{1,4}/g).join(" "), text: secret }),
    copied({ id: "uri", label: t("factor.uri.label"), words: uri, text: uri }),
    form({ fields: [code], submit: t("factor.confirm"), send }),
    h("button", { class: "button quiet wide", type: "button", id: "begin-again", onClick: again }, t("factor.again")),
  ];
}

function recovery(codes) {
  const done = () => {
    ongoing = null;
    // Whoever was led here sees now what was asked for.
    go(location.hash === "#/second-factor" ? "/account" : location.hash.slice(1) || "/");
  };
  return [
    h("h2", { tabindex: "-1" }, t("factor.codes")),
    notice("warn", t("factor.codes.words")),
    h("ol", { class: "codes mono", id: "codes" }, codes.map((code) => h("li", {}, code))),
    copyButton("codes", t("factor.codes"), codes.join("\n")),
    h("button", { class: "button primary wide", type: "button", id: "codes-kept", onClick: done }, t("factor.kept")),
  ];
}

function copied({ id, label, words, text }) {
  return h("div", { class: "stack tight" },
    h("h3", {}, label),
    h("p", { class: "mono secret", id }, words),
    h("div", {}, copyButton(id, label, text)));
}

/** What cannot be copied by itself is selected, for the reader to copy. */
function copyButton(id, label, text) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast(t("factor.copied"));
    } catch {
      getSelection().selectAllChildren(document.getElementById(id));
      toast(t("factor.select"));
    }
  };
  return h("button", { class: "button", type: "button", id: `copy-${id}`, "aria-label": `${t("factor.copy")}: ${label}`, onClick: copy }, t("factor.copy"));
}
