// Who changed what, and when.
import { badge, h } from "../dom.js";
import { select, text } from "../form.js";
import { showRecords } from "../records.js";
import { moment } from "../words.js";

export const showAudit = (place, { session, tenants, signal }) => {
  const tenant = select(
    "About tenant",
    session.tenant !== null ? [[session.tenant, session.tenant]] : [["", "All"], ...tenants.map((one) => one.name)],
    { name: "tenant" },
  );
  const who = text("Who", { name: "who", type: "search" });
  return showRecords(place, {
    title: "Audit log",
    hint: "Every change, newest first; secrets are never in it",
    path: ["audit"],
    key: "entries",
    query: () => ({ tenant: tenant.value, who: who.value }),
    filters: [tenant, who],
    signal,
    columns: [
      {
        label: "When",
        head: true,
        className: "nowrap",
        cell: (one) => h("time", { datetime: one.at }, moment(one.at)),
      },
      { label: "Who", className: "wrap", cell: (one) => one.who },
      { label: "From", className: "wrap", cell: (one) => one.address || "-" },
      { label: "What", cell: (one) => [one.action, one.ok ? null : [" ", badge("Refused", "bad")]] },
      { label: "Tenant", className: "wrap", cell: (one) => one.tenant ?? "-" },
      { label: "Object", className: "wrap", cell: (one) => one.object || "-" },
      { label: "Details", className: "wrap", cell: (one) => h("span", { class: "small wrap" }, one.details) },
    ],
    empty: "Nothing.",
  });
};
