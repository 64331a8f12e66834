// The queue: mail that waits, is held or has failed; one mail, or all that match, retried, held, moved or removed.
import * as api from "../api.js";
import { confirm, openDialog } from "../dialog.js";
import { announce, badge, breakable, button, h, replace, toast } from "../dom.js";
import { select, text } from "../form.js";
import { paged, table } from "../table.js";
import { ago, causeWord, count, moment, words } from "../words.js";

const stateWords = { waiting: ["", "Waiting"], held: ["warn", "Held"], failed: ["bad", "Failed"] };
export const stateBadge = (state) => {
  const [kind, word] = stateWords[state] ?? ["", state];
  return badge(word, kind);
};
const ages = [
  ["", "Any age"],
  ["5m", "Older than 5 minutes"],
  ["1h", "Older than an hour"],
  ["1d", "Older than a day"],
  ["3d", "Older than 3 days"],
];
const verbs = {
  retry: ["Retry now", "tried again"],
  hold: ["Hold", "held"],
  release: ["Release", "released"],
  remove: ["Remove", "removed"],
  move: ["Move", "moved"],
};

/** Asks for a server of `tenant` and does `work(name)`. */
export const chooseServer = async (tenant, title, work) => {
  const servers = await api.all(["tenants", tenant, "servers"], "servers");
  const server = select(
    "To this server",
    servers.map((one) => one.name),
    { name: "server", hint: "Whatever the registry says of their senders." },
  );
  return confirm(title, server.element, "Move", () => work(server.value), { danger: false });
};

/** Whether an operator sent it there; a notification takes the internal server by itself. */
export const wasMoved = (mail) => Boolean(mail.pin && mail.from);

export const showQueue = async (place, { tenant, query, signal }) => {
  const list = h("div", { class: "card" });
  const bar = h("div", { class: "bulk", role: "group", "aria-label": "What to do" });
  const chosen = new Set();
  const servers = tenant === null ? [] : await api.all(["tenants", tenant, "servers"], "servers");
  const filters = {
    state: select(
      "State",
      [
        ["", "Any"],
        ["waiting", "Waiting"],
        ["held", "Held"],
        ["failed", "Failed"],
      ],
      { name: "state" },
    ),
    cause: select("Cause", [["", "Any"], ...words().causes.map((one) => [one.value, causeWord(one.value)])], {
      name: "cause",
    }),
    server:
      tenant === null
        ? text("Failed at (host:port)", { name: "server", type: "search" })
        : select("Server", [["", "Any"], ...servers.map((one) => one.name)], { name: "server" }),
    sender: text("Sender", { name: "sender", type: "search", placeholder: "ada@example.com" }),
    recipient: text("Recipient contains", { name: "recipient", type: "search" }),
    older_than: select("Age", ages, { name: "older_than" }),
  };
  for (const [name, one] of Object.entries(filters)) if (query[name]) one.value = query[name];
  const filter = () => {
    const given = Object.fromEntries(
      Object.entries(filters)
        .map(([name, one]) => [name, one.value])
        .filter(([, value]) => value),
    );
    return tenant === null ? given : { ...given, tenant };
  };

  /** All that match, some at a time: it says how far it is, and can be stopped. */
  const actOnAll = async (action, extra = {}) => {
    const [label, done] = verbs[action];
    let stopped = false;
    let changed = 0,
      failed = 0;
    const asked = filter();
    const progress = h("p", { role: "status" });
    const opened = openDialog(`${label}: all that match`, {
      narrow: true,
      closed: () => {
        stopped = true;
      },
      body: [h("div", { class: "row" }, h("span", { class: "spin" }), progress)],
      footer: [button("Stop", () => opened.close())],
    });
    let said = "";
    try {
      let cursor = null;
      do {
        const answer = await api.post("/queue/actions", {
          action,
          filter: asked,
          limit: 200,
          ...extra,
          ...(cursor ? { cursor } : {}),
        });
        changed += answer.done;
        failed += answer.failed;
        cursor = answer.next_cursor;
        progress.textContent = `${count(changed, "mail")} ${done}`;
      } while (cursor && !stopped && !signal.aborted);
      said = `${count(changed, "mail")} ${done}${failed ? `; ${failed} could not be` : ""}${cursor ? "; stopped before the end" : ""}.`;
    } catch (refusal) {
      said = refusal.message;
    }
    opened.close();
    toast(said);
    await reload();
  };
  const one = (action, id, extra = {}) =>
    action === "remove" ? api.remove(api.path(["queue", id])) : api.post(api.path(["queue", id, action]), extra);
  const actOnChosen = async (action, extra = {}) => {
    const ids = [...chosen];
    const results = await Promise.allSettled(ids.map((id) => one(action, id, extra)));
    const failed = results.filter((result) => result.status === "rejected");
    toast(
      failed.length
        ? `${count(failed.length, "mail")} could not be ${verbs[action][1]}: ${failed[0].reason.message}`
        : `${count(ids.length, "mail")} ${verbs[action][1]}.`,
    );
    await reload();
  };
  const act = async (action) => {
    const some = chosen.size;
    const what = some ? count(some, "mail") : "all mails that match";
    const work = (extra) => (some ? actOnChosen(action, extra) : actOnAll(action, extra));
    if (action === "move") {
      const of = tenant ?? mails.rows.find((mail) => !some || chosen.has(mail.id))?.tenant;
      return chooseServer(of, `Move ${what}`, (server) => void work({ server }));
    }
    if (action === "remove")
      return confirm(
        `Remove ${what}?`,
        h("p", {}, "They are not delivered, and nobody is notified. This cannot be undone."),
        "Remove",
        () => void work(),
      );
    return work();
  };

  const showBar = () => {
    const scope = chosen.size ? `${chosen.size} chosen:` : "All that match:";
    replace(
      bar,
      h("strong", {}, scope),
      Object.keys(verbs)
        .filter((action) => action !== "move" || tenant !== null || chosen.size === 1)
        .map((action) =>
          button(verbs[action][0], () => act(action), { kind: action === "remove" ? "small danger" : "small" }),
        ),
      chosen.size
        ? button(
            "Choose none",
            () => {
              chosen.clear();
              list.querySelectorAll("input[type=checkbox]").forEach((box) => {
                box.checked = false;
              });
              showBar();
            },
            { kind: "plain" },
          )
        : null,
    );
  };

  const mails = paged(
    list,
    async (cursor) => {
      const page = await api.get(api.path(["queue"], { ...filter(), cursor, limit: 50 }), { signal });
      return { rows: page.mails, next: page.next_cursor };
    },
    (rows) => {
      showBar();
      return [
        bar,
        table(
          "Mail in the queue",
          [
            {
              unseen: "Choose",
              lead: true,
              className: "pick",
              cell: (mail) =>
                h("input", {
                  type: "checkbox",
                  checked: chosen.has(mail.id),
                  "aria-label": `Choose the mail from ${mail.from || "nobody"} to ${mail.recipients[0]?.address}`,
                  on: {
                    change: (event) => {
                      if (event.target.checked) chosen.add(mail.id);
                      else chosen.delete(mail.id);
                      showBar();
                    },
                  },
                }),
            },
            {
              label: "From",
              head: true,
              className: "wrap address",
              cell: (mail) =>
                h(
                  "a",
                  { href: `#${api.path(["tenants", mail.tenant, "queue", mail.id])}` },
                  mail.from ? breakable(mail.from) : "<> (a notification)",
                ),
            },
            {
              label: "To",
              className: "wrap address",
              cell: (mail) => [
                mail.recipients.slice(0, 3).map((r) => h("div", {}, breakable(r.address))),
                mail.recipients.length > 3
                  ? h("div", { class: "soft small" }, `and ${mail.recipients.length - 3} more`)
                  : null,
              ],
            },
            tenant === null ? { label: "Tenant", cell: (mail) => mail.tenant } : null,
            {
              label: "Server",
              className: "wrap",
              cell: (mail) => [
                mail.server ? breakable(mail.server) : "-",
                wasMoved(mail) ? [" ", badge("Moved", "accent")] : null,
              ],
            },
            { label: "State", cell: (mail) => stateBadge(mail.state) },
            { label: "Attempts", className: "number", cell: (mail) => mail.attempts },
            {
              label: "Next attempt",
              cell: (mail) =>
                mail.next_attempt
                  ? h("time", { datetime: mail.next_attempt, title: moment(mail.next_attempt) }, ago(mail.next_attempt))
                  : "-",
            },
            {
              label: "Why",
              className: "wrap roomy",
              cell: (mail) => {
                const why = mail.recipients.find((one) => one.failure)?.failure;
                return why
                  ? [h("div", {}, causeWord(why.cause)), h("div", { class: "small soft" }, why.explanation)]
                  : h("span", { class: "soft" }, "Not tried yet");
              },
            },
          ].filter(Boolean),
          rows,
        ),
      ];
    },
    "No mail is like that.",
  );

  const reload = async () => {
    chosen.clear();
    await mails.load();
    announce(`${count(mails.rows.length, "mail")}${mails.next ? " and more" : ""} in the list`);
  };
  for (const field of Object.values(filters))
    field.control.addEventListener(field.control.tagName === "SELECT" ? "change" : "input", reload);
  replace(
    place,
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", {}, "Queue"), h("p", {}, "Mail that waits, is held, or could not be delivered")),
      button("Read again", reload),
    ),
    h(
      "div",
      { class: "filters" },
      Object.values(filters).map((field) => field.element),
    ),
    list,
  );
  await mails.load();
};
