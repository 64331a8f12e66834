// Who may hand mail to the relay, and in whose name.
import * as api from "../api.js";
import { h, toast } from "../dom.js";
import { field, text } from "../form.js";
import { openForm, removeButton, rowButton, showRecords } from "../records.js";

const openLoginForm = ({ tenant, login = null, saved }) => {
  const name = text("Name", {
    name: "name",
    value: login?.name ?? "",
    required: true,
    maxlength: 128,
    readonly: login !== null,
    names: ["login"],
  });
  const password = text("Password", {
    name: "password",
    type: "password",
    autocomplete: "new-password",
    required: login === null,
    placeholder: login ? "Unchanged" : "",
    hint: login ? "Empty keeps the present one." : "Only a verifier of it is kept.",
  });
  const senders = field(
    "Sender addresses",
    h("textarea", { name: "senders", rows: 4, value: login?.senders.join("\n") ?? "" }),
    { hint: "One on each line: in these names it may send.", names: ["sender"] },
  );
  openForm(login ? `Edit ${login.name}` : "Add a login", [name, password, senders], {
    first: login ? senders : name,
    save: () => {
      const given = { senders: senders.value.split(/[\s,]+/).filter(Boolean) };
      if (password.value) given.password = password.value;
      return login
        ? api.patch(api.path(["tenants", tenant, "logins", login.name]), { ...given, revision: login.revision })
        : api.post(api.path(["tenants", tenant, "logins"]), { ...given, name: name.value });
    },
    done: () => {
      toast(`${name.value} was saved.`);
      return saved();
    },
  });
};

export const showLogins = (place, { tenant, signal }) =>
  showRecords(place, {
    title: "Logins",
    hint: "Who may hand mail to the relay, and in whose name",
    caption: `Logins of ${tenant}`,
    path: ["tenants", tenant, "logins"],
    key: "logins",
    signal,
    columns: [
      { label: "Name", head: true, className: "wrap", cell: (one) => one.name },
      { label: "May send as", className: "wrap", cell: (one) => one.senders.join(", ") || "Nobody" },
    ],
    actions: (one, reload) => [
      rowButton("Edit", one.name, () => openLoginForm({ tenant, login: one, saved: reload })),
      removeButton(one, {
        name: one.name,
        question: "It can hand in no more mail.",
        target: api.path(["tenants", tenant, "logins", one.name]),
        reload,
      }),
    ],
    add: { label: "Add a login", open: (saved) => openLoginForm({ tenant, saved }) },
    empty: "No logins: only trusted addresses can hand in mail.",
  });
