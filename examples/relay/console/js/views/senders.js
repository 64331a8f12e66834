// Users and channels: who sends, through which server, and why.
import * as api from "../api.js";
import { openDialog } from "../dialog.js";
import { badge, breakable, h, note, replace, toast } from "../dom.js";
import { select, text } from "../form.js";
import { openForm, removeButton, rowButton, showRecords } from "../records.js";
import { kindWord } from "../words.js";
import { testPanel } from "./server_test.js";

const explainRoute = async (tenant, address) => {
  const place = h("div", { class: "stack" });
  openDialog(`The way of mail from ${address}`, { body: place, narrow: true });
  try {
    const way = await api.get(api.path(["tenants", tenant, "route"], { address }));
    replace(
      place,
      h("p", { class: "wrap" }, way.explanation),
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, "Server"),
        h("dd", {}, way.server),
        way.endpoint ? [h("dt", {}, "Where"), h("dd", {}, way.endpoint)] : null,
        way.account_of ? [h("dt", {}, "Account of"), h("dd", {}, way.account_of)] : null,
      ),
    );
  } catch (refusal) {
    replace(place, note("bad", refusal.message));
  }
};

/** A test with the server and the account that this sender's mail takes. */
const openTest = (tenant, sender) => {
  const panel = testPanel({ tenant, request: () => ({ server: sender.server }), sender: sender.address, alone: true });
  openDialog(`Test ${sender.server} as ${sender.address}`, { body: panel.element, closed: () => panel.cancel() });
  panel.focus();
};

const openSenderForm = async ({ tenant, sender = null, saved }) => {
  const servers = await api.all(["tenants", tenant, "servers"], "servers");
  const normal = servers.find((one) => one.default)?.name;
  const kind = select(
    "Kind",
    [
      ["user", "User: a person"],
      ["channel", "Channel: an address of a team"],
    ],
    { name: "kind", value: sender?.kind ?? "user" },
  );
  const name = text("Name", { name: "name", value: sender?.name ?? "", required: true, maxlength: 128 });
  const address = text("Address", {
    name: "address",
    type: "email",
    value: sender?.address ?? "",
    required: true,
    names: ["sender"],
    readonly: sender !== null,
    hint: sender ? "The address stays: mail is known by it." : "",
  });
  const server = select(
    "Server",
    [["", `The default (now ${normal})`], ...servers.map((one) => [one.name, one.name])],
    {
      name: "server",
      value: sender?.override ? sender.server : "",
      hint: "A server chosen here overrides the default.",
    },
  );
  const user = text("User name of an own account", {
    name: "user",
    value: sender?.user ?? "",
    autocapitalize: "none",
    spellcheck: "false",
    hint: "Empty: the server's own account is used.",
  });
  const password = text("Password of that account", {
    name: "password",
    type: "password",
    autocomplete: "new-password",
    placeholder: sender?.has_password ? "Unchanged" : "",
    hint: sender?.has_password ? "Empty keeps the present one." : "",
  });
  const account = h("div", { class: "grid wide" }, user.element, password.element);
  const show = () => {
    account.hidden = server.value === "";
  };
  server.control.addEventListener("change", show);
  show();
  openForm(sender ? `Edit ${sender.address}` : "Add a user or channel", [kind, name, address, server, user, password], {
    first: sender ? name : kind,
    body: h(
      "div",
      { class: "grid" },
      kind.element,
      name.element,
      h("div", { class: "wide" }, address.element),
      h("div", { class: "wide" }, server.element),
      account,
    ),
    save: () => {
      const given = { kind: kind.value, name: name.value, server: server.value };
      if (server.value) {
        given.user = user.value;
        if (password.value) given.password = password.value;
      }
      return sender
        ? api.patch(api.path(["tenants", tenant, "senders", sender.address]), { ...given, revision: sender.revision })
        : api.post(api.path(["tenants", tenant, "senders"]), { ...given, address: address.value });
    },
    done: () => {
      toast(`${address.value} was saved.`);
      return saved();
    },
  });
};

export const showSenders = async (place, { tenant, item, signal }) => {
  const kind = select(
    "Kind",
    [
      ["", "Users and channels"],
      ["user", "Users"],
      ["channel", "Channels"],
    ],
    { name: "kind" },
  );
  const prefix = text("Address begins with", { name: "prefix", type: "search" });
  const asked = text("Any address", { name: "address", type: "email", placeholder: "someone@example.com" });
  const explain = h(
    "form",
    { class: "row low", novalidate: true },
    h("div", { class: "grow" }, asked.element),
    h("button", { type: "submit" }, "Explain route"),
  );
  explain.addEventListener("submit", (event) => {
    event.preventDefault();
    explainRoute(tenant, asked.value);
  });
  const readAgain = await showRecords(place, {
    title: "Users and channels",
    hint: "In whose name mail is sent, and through which server",
    caption: `Users and channels of ${tenant}`,
    path: ["tenants", tenant, "senders"],
    key: "senders",
    query: () => ({ kind: kind.value, prefix: prefix.value }),
    filters: [kind, prefix],
    signal,
    columns: [
      { label: "Address", head: true, className: "wrap", cell: (s) => breakable(s.address) },
      { label: "Name", className: "wrap", cell: (s) => s.name },
      { label: "Kind", cell: (s) => kindWord(s.kind) },
      {
        label: "Server",
        cell: (s) => [s.server, " ", s.override ? badge("Override", "accent") : badge("Default")],
      },
      {
        label: "Account",
        className: "wrap",
        cell: (s) => (s.user ? breakable(s.user) : h("span", { class: "soft" }, "The server's")),
      },
    ],
    actions: (s, reload) => [
      rowButton("Explain route", `of ${s.address}`, () => explainRoute(tenant, s.address)),
      rowButton("Test", `the way of mail from ${s.address}`, () => openTest(tenant, s)),
      rowButton("Edit", s.address, () => openSenderForm({ tenant, sender: s, saved: reload })),
      removeButton(s, {
        name: s.address,
        question: "Mail from this address takes the default server from now on. Mail that waits is not removed.",
        target: api.path(["tenants", tenant, "senders", s.address]),
        reload,
      }),
    ],
    add: { label: "Add", unseen: "Add a user or channel", open: (saved) => openSenderForm({ tenant, saved }) },
    empty: () =>
      kind.value || prefix.value
        ? "Nobody is like that."
        : "Nobody yet: mail from any address takes the default server.",
    below: h("section", { class: "card padded stack tight" }, h("h2", {}, "Which way would mail take?"), explain),
  });
  if (item) {
    const sender = await api.get(api.path(["tenants", tenant, "senders", item]), { signal });
    await openSenderForm({ tenant, sender, saved: readAgain });
  }
};
