// All tenants, for administrators of all.
import * as api from "../api.js";
import { h, toast } from "../dom.js";
import { text } from "../form.js";
import { openForm, removeButton, rowButton, showRecords } from "../records.js";

const openTenantForm = ({ tenant = null, saved }) => {
  const name = text("Name", {
    name: "name",
    value: tenant?.name ?? "",
    required: true,
    maxlength: 128,
    readonly: tenant !== null,
    names: ["tenant"],
  });
  const notify = text("Who is told about trouble", {
    name: "notify_address",
    type: "email",
    value: tenant?.notify_address ?? "",
    names: ["recipient"],
    hint: "An address; empty: nobody.",
  });
  openForm(tenant ? `Edit ${tenant.name}` : "Add a tenant", [name, notify], {
    first: tenant ? notify : name,
    save: () =>
      tenant
        ? api.patch(api.path(["tenants", tenant.name]), { notify_address: notify.value, revision: tenant.revision })
        : api.post("/tenants", { name: name.value, notify_address: notify.value }),
    done: () => {
      toast(`${name.value} was saved.`);
      return saved();
    },
  });
};

export const showTenants = (place, { signal, again, readTenants }) => {
  const saved = async () => {
    await readTenants();
    await again();
  };
  const number = (n) => n.toLocaleString("en");
  return showRecords(place, {
    title: "Tenants",
    hint: "Each with servers, users and channels of its own",
    path: ["tenants"],
    key: "tenants",
    signal,
    columns: [
      {
        label: "Name",
        head: true,
        className: "wrap",
        cell: (t) => h("a", { href: `#${api.path(["tenants", t.name, "servers"])}` }, t.name),
      },
      { label: "Default server", className: "wrap", cell: (t) => t.default_server },
      { label: "Servers", className: "number", cell: (t) => number(t.servers) },
      { label: "Senders", title: "Users and channels", className: "number", cell: (t) => number(t.senders) },
      { label: "Logins", className: "number", cell: (t) => number(t.logins) },
      {
        label: "Notices",
        title: "Who is told",
        className: "wrap",
        cell: (t) => t.notify_address || h("span", { class: "soft" }, "Nobody"),
      },
    ],
    actions: (t, reload) => [
      rowButton("Edit", t.name, () => openTenantForm({ tenant: t, saved })),
      removeButton(t, {
        name: t.name,
        question: "Its servers, users, channels and logins are removed. This cannot be undone.",
        target: api.path(["tenants", t.name]),
        reload,
        done: saved,
      }),
    ],
    add: { label: "Add a tenant", open: () => openTenantForm({ saved }) },
    empty: "No tenants.",
  });
};
