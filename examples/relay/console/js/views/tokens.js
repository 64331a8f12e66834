// Tokens with which scripts use the API.
import * as api from "../api.js";
import { badge, fresh, h } from "../dom.js";
import { check, number, select, text } from "../form.js";
import { openForm, removeButton, showRecords } from "../records.js";
import { ago, moment, words } from "../words.js";
import { showOnce } from "./administrators.js";

const openTokenForm = ({ session, tenants }, saved) => {
  const name = text("Name", {
    name: "name",
    required: true,
    maxlength: 128,
    hint: "What it is for, such as backup script.",
  });
  const tenant = select(
    "For",
    session.tenant !== null
      ? [[session.tenant, session.tenant]]
      : [["", "All tenants"], ...tenants.map((one) => one.name)],
    { name: "tenant" },
  );
  const days = number("Valid for days", {
    name: "days",
    value: "",
    min: 1,
    max: 3650,
    hint: "Empty: until it is revoked.",
  });
  const scopes = words().scopes.map((one) => check(one.label, { name: one.value, checked: one.value === "read" }));
  const id = fresh("scopes");
  const wrong = h("div", { class: "error", id });
  const chosen = {
    names: ["scopes"],
    error: (said) => {
      wrong.textContent = said;
    },
    control: scopes[0].control,
    element: h(
      "fieldset",
      { class: "stack tight field", "aria-describedby": id },
      h("legend", {}, "What it may do"),
      scopes.map((one) => one.element),
      wrong,
    ),
  };
  openForm("Make a token", [name, tenant, days, chosen], {
    verb: "Make it",
    save: () => {
      const given = {
        name: name.value,
        tenant: tenant.value || null,
        scopes: scopes.filter((one) => one.value).map((one) => one.control.name),
      };
      if (days.value) given.days = Number(days.value);
      return api.post("/tokens", given);
    },
    done: async (made) => {
      await saved();
      showOnce(
        `Token ${made.name}`,
        "Token",
        made.token,
        "A script sends it as Authorization: Bearer, followed by the token.",
      );
    },
  });
};

const when = (text, none) => (text ? h("time", { datetime: text, title: moment(text) }, ago(text)) : none);

export const showTokens = (place, context) =>
  showRecords(place, {
    title: "API tokens",
    hint: "With which scripts use the API; each may do what its scopes say",
    path: ["tokens"],
    key: "tokens",
    signal: context.signal,
    columns: [
      { label: "Name", head: true, className: "wrap", cell: (one) => one.name },
      { label: "For", cell: (one) => one.tenant ?? "All tenants" },
      {
        label: "May do",
        cell: (one) =>
          h(
            "div",
            { class: "row" },
            one.scopes.map((scope) => badge(scope)),
          ),
      },
      { label: "Made by", className: "wrap", cell: (one) => one.created_by },
      { label: "Expires", cell: (one) => when(one.expires, "Never") },
      { label: "Last used", cell: (one) => when(one.last_used, "Never") },
    ],
    actions: (one, reload) =>
      removeButton(one, {
        name: one.name,
        question: "Scripts that use it are refused at once.",
        target: api.path(["tokens", one.id]),
        verb: "Revoke",
        gone: "was revoked",
        reload,
      }),
    add: { label: "Make a token", open: (saved) => openTokenForm(context, saved) },
    empty: "No tokens.",
  });
