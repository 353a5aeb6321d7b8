import { get, post } from "../api.js";
import { h, put } from "../dom.js";
import { t } from "../i18n.js";
import { attempt, openDialog, toast } from "../parts/dialog.js";
import { field, form } from "../parts/form.js";
import { fill } from "../parts/states.js";
import { heading } from "../router.js";
import { begin, currentAccount, end, hasSecondFactor } from "../session.js";
import { time } from "../time.js";

/** The account: who it is, how it logs in, its sessions, and the way out. */
export function accountView({ signal }) {
  const account = currentAccount();
  const place = h("div", {});
  const load = async () => (await get("/auth/sessions", { signal })).items;
  const again = () => fill(place, { load, draw: (sessions) => list(sessions, again), lines: 2, signal });
  const security = h("section", { class: "card stack", "aria-live": "polite" });
  // Both end all sessions and begin a new one, so the list is another.
  const changed = () => {
    put(security, h("h2", {}, t("account.security")), password(changed), secondFactor(changed));
    again();
  };
  changed();
  const content = [
    heading(t("account.title")),
    h("div", { class: "columns" },
      h("div", { class: "stack loose" },
        security,
        h("section", { class: "card stack" }, h("h2", {}, t("account.sessions")), h("p", { class: "muted" }, t("account.sessions.words")), place, everywhere())),
      h("section", { class: "card stack" }, h("h2", {}, t("account.who")), facts(account), logout())),
  ];
  return { title: t("account.title"), content };
}

function facts(account) {
  const rows = [
    [t("account.name"), account.name ?? "–"],
    [t("account.role"), t(`role.${account.role}`)],
    [t("account.id"), h("span", { class: "mono" }, account.account_id)],
  ];
  return h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function list(sessions, again) {
  return h("ul", { class: "lines" }, sessions.map((session) => row(session, again)));
}

function row(session, again) {
  const open = () => confirmed(t("account.end"), t("account.end.words"), async (confirmation) => {
    await post(`/auth/sessions/${session.session_id}/end`, confirmation);
    again();
  });
  return h("li", {},
    h("div", { class: "grow" },
      h("p", { class: "title" }, t("account.began"), " ", time(session.began_at)),
      h("p", { class: "small muted" }, t("account.renewed"), " ", time(session.renewed_at))),
    session.is_current
      ? h("span", { class: "badge ok" }, t("account.this"))
      : h("button", { class: "button", type: "button", onClick: open }, t("account.end")));
}

function password(changed) {
  const open = () => openDialog(t("password.change"), (close) => {
    const now = field({ label: t("password.current"), pointer: "/current_password", input: { type: "password", name: "current", autocomplete: "current-password", required: true } });
    const next = field({ label: t("password.new"), hint: t("register.password.hint"), pointer: "/new_password", input: { type: "password", name: "new", autocomplete: "new-password", required: true } });
    const send = async () => {
      await begin(await post("/auth/password", { current_password: now.value(), new_password: next.value() }));
      close();
      changed();
      toast(t("password.changed"));
    };
    return [h("p", { class: "muted" }, t("password.words")), form({ fields: [now, next], submit: t("password.change"), send })];
  });
  return h("div", {}, h("button", { class: "button", type: "button", id: "change-password", onClick: open }, t("password.change")));
}

function secondFactor(changed) {
  const has = hasSecondFactor();
  const action = has
    ? h("button", { class: "button danger", type: "button", id: "remove-factor", onClick: () => removeFactor(changed) }, t("factor.remove"))
    : h("a", { class: "button", href: "#/second-factor", id: "add-factor" }, t("factor.add"));
  return h("div", { class: "stack" },
    h("div", {},
      h("div", { class: "row" }, h("h3", {}, t("factor.title")), h("span", { class: `badge ${has ? "ok" : ""}`, id: "factor" }, t(has ? "factor.on" : "factor.off"))),
      h("p", { class: "muted" }, t(has ? "factor.on.words" : "factor.words"))),
    h("div", {}, action));
}

function removeFactor(changed) {
  openDialog(t("factor.remove"), (close) => {
    const secret = field({ label: t("login.password"), pointer: "/password", input: { type: "password", name: "password", autocomplete: "current-password", required: true } });
    const code = field({ label: t("login.code"), hint: t("login.code.hint"), pointer: "/code", input: { name: "code", autocomplete: "one-time-code", required: true, maxlength: 40 } });
    const send = async () => {
      try {
        await begin(await post("/auth/second-factor/removal", { password: secret.value(), code: code.value().trim() }));
      } catch (problem) {
        if (problem.code === "WRONG_PASSWORD") problem.code = "WRONG_PASSWORD_OR_CODE";
        throw problem;
      }
      close();
      changed();
      toast(t("factor.removed"));
    };
    return [h("p", { class: "muted" }, t("factor.remove.words")), form({ fields: [secret, code], submit: t("factor.remove"), send, danger: true })];
  });
}

export function logout() {
  const send = () => attempt(async () => {
    await post("/auth/logout").catch(leave);
    end();
  });
  return h("button", { class: "button wide", type: "button", id: "logout", onClick: send }, t("account.logout"));
}

/** Whoever wants out gets out, also when the session is over already. */
function leave(problem) {
  if (problem.status !== 401) throw problem;
}

function everywhere() {
  const open = () => confirmed(t("account.everywhere"), t("account.everywhere.words"), async (confirmation) => {
    await post("/auth/sessions/end", confirmation);
    end();
  });
  return h("div", {}, h("button", { class: "button danger", type: "button", id: "everywhere", onClick: open }, t("account.everywhere")));
}

/** Does something to sessions once the password is there. */
function confirmed(title, words, work) {
  openDialog(title, (close) => {
    const secret = field({ label: t("login.password"), pointer: "/password", input: { type: "password", name: "password", autocomplete: "current-password", required: true } });
    const send = async () => {
      await work({ password: secret.value() });
      close();
    };
    return [h("p", { class: "muted" }, words), form({ fields: [secret], submit: title, send, danger: true })];
  });
}
