import { get, post, remove } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { attempt, openDialog } from "../parts/dialog.js";
import { form } from "../parts/form.js";
import { fill } from "../parts/states.js";
import { heading } from "../router.js";
import { currentAccount, end } from "../session.js";
import { time } from "../time.js";

/** The account: who it is, its sessions, and the way out. */
export function accountView({ signal }) {
  const account = currentAccount();
  const place = h("div", {});
  const load = async () => (await get("/auth/sessions", { signal })).items;
  const again = () => fill(place, { load, draw: (sessions) => list(sessions, again), lines: 2, signal });
  again();
  const content = [
    heading(t("account.title")),
    h("div", { class: "columns" },
      h("section", { class: "card stack" }, h("h2", {}, t("account.sessions")), h("p", { class: "muted" }, t("account.sessions.words")), place, everywhere()),
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
  const leave = () => attempt(async () => {
    await remove(`/auth/sessions/${session.session_id}`);
    again();
  });
  return h("li", {},
    h("div", { class: "grow" },
      h("p", { class: "title" }, t("account.began"), " ", time(session.began_at)),
      h("p", { class: "small muted" }, t("account.renewed"), " ", time(session.renewed_at))),
    session.is_current
      ? h("span", { class: "badge ok" }, t("account.this"))
      : h("button", { class: "button", type: "button", onClick: leave }, t("account.end")));
}

function logout() {
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
  const open = () => openDialog(t("account.everywhere"), (close) => {
    const send = async () => {
      await remove("/auth/sessions");
      close();
      end();
    };
    return [h("p", { class: "muted" }, t("account.everywhere.words")), form({ fields: [], submit: t("account.everywhere"), send, danger: true })];
  });
  return h("div", {}, h("button", { class: "button danger", type: "button", id: "everywhere", onClick: open }, t("account.everywhere")));
}
