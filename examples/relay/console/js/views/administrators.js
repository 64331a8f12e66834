// Who may use this console.
import * as api from "../api.js";
import { confirm, openDialog } from "../dialog.js";
import { badge, button, h, note } from "../dom.js";
import { select, text } from "../form.js";
import { openForm, removeButton, rowButton, showRecords } from "../records.js";
import { ago, moment } from "../words.js";

/** Something that is shown once, to be copied. */
export const showOnce = (title, label, value, hint) => {
  const shown = text(label, { name: "once", value, readonly: true, hint });
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(value);
      copy.textContent = "Copied";
    } catch {
      shown.control.select();
    }
  });
  const opened = openDialog(title, {
    narrow: true,
    body: [note("warn", "It is shown this once. Copy it now."), shown.element],
    footer: [copy, button("Done", () => opened.close(), { kind: "primary" })],
  });
  shown.control.select();
};

const showLink = (link) =>
  showOnce(
    `One-time link for ${link.name}`,
    "Link",
    new URL(link.path, location.origin).href,
    `Whoever opens it sets the password of ${link.name}. It works once, until ${moment(link.expires)}.`,
  );

const openAdministratorForm = (tenants, saved) => {
  const name = text("Name", { name: "name", required: true, maxlength: 128, names: ["administrator"] });
  const tenant = select("Responsible for", [["", "All tenants"], ...tenants.map((one) => one.name)], {
    name: "tenant",
  });
  openForm("Add an administrator", [name, tenant], {
    verb: "Make a one-time link",
    save: () => api.post("/administrators", { name: name.value, tenant: tenant.value || null }),
    done: async (link) => {
      await saved();
      showLink(link);
    },
  });
};

const askToReset = (one, reload) =>
  confirm(
    `A new link for ${one.name}?`,
    h("p", {}, `The present password of ${one.name} and all sessions end at once. The link sets a new one.`),
    "Make a new link",
    async () => {
      const link = await api.post(api.path(["administrators", one.name, "reset"]), {});
      await reload();
      setTimeout(() => showLink(link)); // once this dialog is closed
    },
  );

export const showAdministrators = (place, { session, tenants, signal }) =>
  showRecords(place, {
    title: "Administrators",
    hint: "Who may use this console, and for which tenants",
    path: ["administrators"],
    key: "administrators",
    signal,
    columns: [
      {
        label: "Name",
        head: true,
        className: "wrap",
        cell: (one) => [one.name, one.name === session.name ? [" ", badge("You", "accent")] : null],
      },
      { label: "Responsible for", cell: (one) => one.tenant ?? "All tenants" },
      {
        label: "Password",
        cell: (one) => (one.has_password ? badge("Set", "good") : badge("Link not used yet", "warn")),
      },
      {
        label: "Last sign-in",
        cell: (one) =>
          one.last_login
            ? h("time", { datetime: one.last_login, title: moment(one.last_login) }, ago(one.last_login))
            : "Never",
      },
    ],
    actions: (one, reload) => [
      rowButton("New link", `for ${one.name}`, () => askToReset(one, reload)),
      removeButton(one, {
        name: one.name,
        question: "Sessions end at once. The audit log keeps the name.",
        target: api.path(["administrators", one.name]),
        reload,
      }),
    ],
    add: { label: "Add", unseen: "Add an administrator", open: (saved) => openAdministratorForm(tenants, saved) },
    empty: "Nobody.",
  });
