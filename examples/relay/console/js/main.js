// The console's start: who is there, which page is wanted, and the frame around it.
import * as api from "./api.js";
import { button, h, icon, note, replace, waiting } from "./dom.js";
import { learn } from "./words.js";
import { showAdministrators } from "./views/administrators.js";
import { showAudit } from "./views/audit.js";
import { showPassword, showSetUp, showSignIn } from "./views/gate.js";
import { showLogins } from "./views/logins.js";
import { showMail } from "./views/mail.js";
import { showOverview } from "./views/overview.js";
import { showQueue } from "./views/queue.js";
import { showSenders } from "./views/senders.js";
import { showServers } from "./views/servers.js";
import { showTenants } from "./views/tenants.js";
import { showTokens } from "./views/tokens.js";

const frame = document.querySelector("#frame");
let session = null;
let tenants = [];
let leaving = new AbortController();

const ofTenant = {
  overview: { title: "Overview", show: showOverview },
  servers: { title: "SMTP servers", show: showServers },
  senders: { title: "Users and channels", show: showSenders },
  queue: { title: "Queue", show: (place, context) => (context.item ? showMail : showQueue)(place, context) },
  logins: { title: "Logins", show: showLogins },
};
const ofRelay = {
  tenants: { title: "Tenants", show: showTenants },
  administrators: { title: "Administrators", show: showAdministrators },
  tokens: { title: "API tokens", show: showTokens },
  audit: { title: "Audit log", show: showAudit },
};

/** The address of a page: parts, and a query. */
const link = (parts, query = {}) => `#${api.path(parts, query)}`;
const go = (parts, query) => {
  location.hash = link(parts, query);
};

/** What the address names: {tenant, page, item, query}. */
const wanted = () => {
  const [way, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = way
    .split("/")
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
  const more = { query: Object.fromEntries(new URLSearchParams(query)) };
  if (parts[0] === "tenants" && parts.length > 1)
    return { tenant: parts[1], page: parts[2] ?? "overview", item: parts[3] ?? null, ...more };
  return { tenant: null, page: parts[0] ?? "", item: parts[1] ?? null, ...more };
};

const theme = () => {
  const order = ["auto", "light", "dark"];
  const current = () => document.documentElement.dataset.theme ?? "auto";
  const say = (control) => {
    const word = { auto: "as the system", light: "light", dark: "dark" }[current()];
    control.setAttribute("aria-label", `Colours: ${word}`);
    control.title = `Colours: ${word}`;
  };
  const control = button(
    icon("theme"),
    () => {
      const next = order[(order.indexOf(current()) + 1) % order.length];
      if (next === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = next;
      localStorage.setItem("theme", next);
      say(control);
    },
    { kind: "plain icon" },
  );
  say(control);
  return control;
};

const brand = () => h("a", { class: "brand", href: "#/" }, h("img", { src: "/icon.svg", alt: "" }), "postrider");

const navigation = (at) => {
  const entry = (page, title, parts) =>
    h("li", {}, h("a", { href: link(parts), "aria-current": at.page === page && "page" }, icon(page), title));
  const base = at.tenant === null ? [] : ["tenants", at.tenant];
  const pages = at.tenant === null ? ["overview", "queue"] : Object.keys(ofTenant);
  const relay = session.tenant === null ? Object.keys(ofRelay) : ["audit"];
  const group = (title, entries) => h("div", {}, h("h2", {}, title), h("ul", {}, entries));
  return h(
    "nav",
    { id: "pages", "aria-label": "Pages" },
    group(
      at.tenant === null ? "All tenants" : "Tenant",
      pages.map((page) => entry(page, ofTenant[page].title, [...base, page])),
    ),
    group(
      "Relay",
      relay.map((page) => entry(page, ofRelay[page].title, [page])),
    ),
  );
};

const switcher = (at) => {
  if (session.tenant !== null) return h("p", { class: "small soft switcher" }, `Tenant ${session.tenant}`);
  const choose = h(
    "select",
    {
      id: "tenant",
      value: at.tenant ?? "",
      on: {
        change: () => {
          const page =
            choose.value === "" && !["overview", "queue"].includes(at.page)
              ? "overview"
              : ofTenant[at.page]
                ? at.page
                : "servers";
          go(choose.value === "" ? [page] : ["tenants", choose.value, page]);
        },
      },
    },
    h("option", { value: "" }, "All tenants"),
    tenants.map((one) => h("option", { value: one.name }, one.name)),
  );
  choose.value = at.tenant ?? "";
  return h("div", { class: "switcher" }, h("label", { for: "tenant" }, "Tenant"), choose);
};

const who = () =>
  h(
    "div",
    { class: "who" },
    h("span", { class: "wrap" }, h("span", { class: "soft" }, "Signed in as "), h("strong", {}, session.name)),
    h(
      "div",
      { class: "row", role: "group", "aria-label": "You" },
      button("Password", () => showPassword(session.name), { kind: "plain small" }),
      button(
        "Sign out",
        async () => {
          await api.signOut().catch(() => {});
          session = null;
          go([]);
          await show();
        },
        { kind: "plain small" },
      ),
      theme(),
    ),
  );

/** Opens and closes the navigation where there is no room for it. */
const menu = () => {
  const control = button(
    "Menu",
    () => {
      const open = control.closest(".side").classList.toggle("open");
      control.setAttribute("aria-expanded", open);
    },
    { kind: "small menu", "aria-expanded": "false", "aria-controls": "pages" },
  );
  return control;
};

/** Someone's page from outside of the frame. */
const gate = (content) => replace(frame, h("main", { id: "main", class: "alone", tabindex: -1 }, content));

const enter = async (answer) => {
  session = answer;
  await learn();
  await readTenants();
};

/** Reads the tenants again, for the switcher. */
const readTenants = async () => {
  tenants = await api.all(["tenants"], "tenants");
};

const home = () =>
  session.tenant !== null
    ? ["tenants", session.tenant, "overview"]
    : tenants.length === 1
      ? ["tenants", tenants[0].name, "overview"]
      : ["overview"];

const show = async () => {
  leaving.abort();
  leaving = new AbortController();
  const signal = leaving.signal;
  const at = wanted();
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  const entered = async (answer) => {
    await enter(answer);
    if (["setup", "sign-in", ""].includes(wanted().page)) go(home());
    else await show();
  };
  if (at.page === "setup") return gate(showSetUp(at.item ?? at.query.token ?? "", entered));
  if (!session?.authenticated) {
    const answer = await api.session().catch((refusal) => ({ refusal }));
    if (signal.aborted) return undefined;
    if (answer.refusal) return gate(note("bad", h("strong", {}, answer.refusal.message), button("Try again", show)));
    if (!answer.authenticated) return gate(showSignIn(answer, entered));
    await enter(answer);
  }
  if (at.page === "" || at.page === "sign-in") return go(home());
  if (at.tenant === null && session.tenant !== null && ofTenant[at.page])
    return go(["tenants", session.tenant, at.page]);
  const page = at.tenant === null ? (ofRelay[at.page] ?? ofTenant[at.page]) : ofTenant[at.page];
  const main = h("main", { id: "main", tabindex: -1 });
  replace(
    frame,
    h(
      "div",
      { class: "frame" },
      h(
        "header",
        { class: "side" },
        h("div", { class: "row apart" }, brand(), menu()),
        switcher(at),
        navigation(at),
        who(),
      ),
      main,
    ),
  );
  document.title = `${page?.title ?? "Nothing here"} - ${at.tenant ?? "postrider"}`;
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  if (!page)
    return replace(
      main,
      note("warn", h("h1", {}, "There is no such page"), h("a", { href: "#/" }, "Go to the overview")),
    );
  replace(main, waiting());
  try {
    const place = h("div", { class: "stack" });
    const showing = page.show(place, { ...at, session, tenants, signal, title: page.title, again: show, readTenants });
    replace(main, place);
    await showing;
  } catch (refusal) {
    if (refusal.name === "AbortError" || signal.aborted) return undefined;
    if (!(refusal instanceof api.Refusal)) throw refusal;
    replace(
      main,
      note(
        "bad",
        h("h1", {}, "This cannot be shown"),
        refusal.message,
        h("div", { class: "row" }, button("Try again", show)),
      ),
    );
  }
  return undefined;
};

api.onSignedOut(() => {
  if (!session) return;
  session = null;
  show();
});
const chosen = localStorage.getItem("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
addEventListener("hashchange", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names a page
  document.querySelector("#main")?.focus();
});
show();
