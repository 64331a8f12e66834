// The servers of a tenant: a table, the default, who uses what, and how each one does.
import * as api from "../api.js";
import { confirm, openDialog } from "../dialog.js";
import { badge, breakable, button, h, icon, note, replace, toast } from "../dom.js";
import { removeAsRead } from "../records.js";
import { table, paged } from "../table.js";
import { ago, authWord, count, moment, securityWord } from "../words.js";
import { openServerForm } from "./server_form.js";
import { testPanel } from "./server_test.js";

const timed = (text) => h("time", { datetime: text, title: moment(text) }, ago(text));

/** How a server does, in plain words. */
export const healthOf = (health) => {
  if (!health) return badge("Not running");
  const failure = health.breaker?.failure ?? health.last_failure?.failure;
  const kinds = {
    ok: ["good", "Works"],
    unknown: ["", "Not used yet"],
    failing: ["warn", "Failing"],
    held: ["bad", "Resting"],
    suspended: ["bad", "Account suspended"],
  };
  const [kind, word] = kinds[health.state] ?? ["", health.state];
  const lines = [];
  if (health.last_success) lines.push(h("div", { class: "small soft" }, "Last success ", timed(health.last_success)));
  if (health.last_failure)
    lines.push(h("div", { class: "small soft" }, "Last failure ", timed(health.last_failure.at)));
  if (failure && health.state !== "ok") lines.push(h("div", { class: "small wrap" }, failure.explanation));
  if (health.breaker && health.state === "held")
    lines.push(
      h("div", { class: "small soft" }, `Tried again ${ago(new Date(Date.now() + health.breaker.remaining_ms))}`),
    );
  if (health.resting_senders)
    lines.push(h("div", { class: "small" }, `${count(health.resting_senders, "sender")} may not use its account`));
  return h("div", { class: "stack tight" }, h("div", {}, badge(word, kind)), lines);
};

const showUsers = (tenant, server, kind) => {
  const word = kind === "user" ? "Users" : "Channels";
  const by = (how, title) => {
    const place = h("div", { class: "card" });
    const heading = h("h3", {}, title);
    const list = paged(
      place,
      async (cursor) => {
        const page = await api.get(
          api.path(["tenants", tenant, "servers", server.name, "used-by"], { kind, by: how, cursor, limit: 50 }),
        );
        const counts = kind === "user" ? page.users : page.channels;
        heading.textContent = `${title}: ${(how === "default" ? counts.by_default : counts.by_override).toLocaleString("en")}`;
        return { rows: page.members, next: page.next_cursor };
      },
      (rows) =>
        table(
          title,
          [
            {
              label: "Address",
              head: true,
              cell: (one) => h("a", { href: `#${api.path(["tenants", tenant, "senders", one.address])}` }, one.address),
            },
            { label: "Name", cell: (one) => one.name },
          ],
          rows,
        ),
      "Nobody.",
    );
    list.load();
    return h("section", { class: "stack tight" }, heading, place);
  };
  openDialog(`${word} of ${server.name}`, { body: [by("default", "By default"), by("override", "By override")] });
};

/** Why a server cannot be removed, or the question what is to become of those who use it. */
const askToRemoveServer = async (context, server, done, reload) => {
  const { tenant } = context;
  const target = api.path(["tenants", tenant, "servers", server.name]);
  const remove = (more) => removeAsRead(target, server, reload, more);
  if (server.default || server.internal) {
    // The registry refuses, in its own words; the way out is said beside them.
    const refusal = await remove({}).then(
      () => null,
      (error) => error,
    );
    if (!refusal) return done();
    const others = context.servers.filter((one) => one.name !== server.name);
    return openDialog(`${server.name} stays`, {
      narrow: true,
      body: [
        note("warn", h("strong", {}, refusal.message)),
        server.internal
          ? h("p", {}, "The internal server belongs to the relay itself. Another server can be the default instead.")
          : h("p", {}, "Make another server the default first; then this one can be removed."),
        server.default && others.length
          ? h(
              "div",
              { class: "row" },
              others.map((one) =>
                button(`Make ${one.name} the default`, async () => {
                  await api.put(api.path(["tenants", tenant, "default-server"]), { name: one.name });
                  toast(`${one.name} is the default now.`);
                  done();
                }),
              ),
            )
          : null,
      ],
    });
  }
  return confirm(
    `Remove ${server.name}?`,
    [h("p", {}, "Mail that waits for it takes the default server.")],
    "Remove",
    async () => {
      try {
        await remove({});
      } catch (refusal) {
        if (refusal.status !== 409 || refusal.editedMeanwhile) throw refusal;
        return askWhatToDo(context, server, refusal, remove, done);
      }
      toast(`${server.name} was removed.`);
      return done();
    },
  );
};

const askWhatToDo = ({ servers }, server, refusal, remove, done) => {
  const normal = servers.find((one) => one.default);
  const option = { name: "what", type: "radio" };
  const toDefault = h("input", { ...option, id: "move-to-default", checked: true });
  const keep = h("input", { ...option, id: "keep-server" });
  const place = h("div");
  const act = button(
    "Continue",
    async () => {
      if (keep.checked) return opened.close();
      act.disabled = true;
      try {
        const gone = await remove({ move_users: true });
        opened.close();
        toast(`${server.name} was removed; ${count(gone.unpinned_mails, "waiting mail")} moved to the default.`);
        return done();
      } catch (again) {
        act.disabled = false;
        return replace(place, note("bad", again.message));
      }
    },
    { kind: "primary" },
  );
  const choice = (control, label) => h("div", { class: "check" }, control, h("label", { for: control.id }, label));
  const opened = openDialog(`${server.name} is in use`, {
    narrow: true,
    body: [
      note("warn", refusal.message),
      h(
        "fieldset",
        { class: "stack tight" },
        h("legend", {}, "What is to become of those who use it?"),
        choice(
          toDefault,
          `Move them to the default server${normal ? ` (${normal.name})` : ""} and remove ${server.name}`,
        ),
        choice(keep, `Keep ${server.name}`),
      ),
      place,
    ],
    footer: [button("Cancel", () => opened.close()), act],
  });
};

const openTest = (context, server) => {
  const { tenant } = context;
  const panel = testPanel({ tenant, request: () => ({ server: server.name }), alone: true });
  const opened = openDialog(`Test ${server.name}`, { body: panel.element, closed: () => panel.cancel() });
  panel.focus();
  return opened;
};

const usedBy = (tenant, server, kind, n) =>
  button(n.toLocaleString("en"), () => showUsers(tenant, server, kind), {
    kind: "plain number",
    "aria-label": `${count(n, kind)} of ${server.name}: list them`,
  });

export const showServers = async (place, context) => {
  const { tenant, signal } = context;
  const list = h("div", { class: "card" });
  let opened = context.item;

  const reload = async () => {
    document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
    await servers.load();
  };
  const makeDefault = async (server, control) => {
    control.disabled = true;
    try {
      await api.put(api.path(["tenants", tenant, "default-server"]), { name: server.name });
      toast(
        `${server.name} is the default now. Users and channels without an override follow, and so does their waiting mail.`,
      );
      await reload();
      list.querySelector("[data-default]")?.focus();
    } catch (refusal) {
      control.disabled = false;
      toast(refusal.message);
    }
  };
  const edit = (server, test = false) =>
    openServerForm({ ...context, servers: servers.rows, server, test, saved: reload });

  const acts = (s) =>
    h(
      "div",
      { class: "actions under" },
      button("Test", () => (s.internal ? openTest(context, s) : edit(s, true)), {
        kind: "plain",
        "aria-label": `Test ${s.name}`,
      }),
      button("Edit", () => edit(s), { kind: "plain", "aria-label": `Edit ${s.name}` }),
      button(
        "Remove",
        () => askToRemoveServer({ ...context, servers: servers.rows }, s, reload, () => servers.load()),
        {
          kind: "plain danger",
          "aria-label": `Remove ${s.name}`,
        },
      ),
    );
  const columns = [
    {
      label: "Name",
      head: true,
      className: "roomy",
      cell: (s) => [breakable(s.name), s.internal ? [" ", badge("Built in", "accent")] : null, acts(s)],
    },
    {
      label: "Server name",
      className: "wrap",
      cell: (s) => (s.host ? breakable(s.host) : h("span", { class: "soft nowrap" }, "The relay's own")),
    },
    { label: "Port", className: "number", cell: (s) => s.port ?? "-" },
    { label: "Security", title: "Connection security", cell: (s) => (s.security ? securityWord(s.security) : "-") },
    { label: "Method", title: "Authentication method", cell: (s) => (s.auth ? authWord(s.auth) : "-") },
    {
      label: "Default",
      cell: (s) =>
        s.default
          ? h("span", { class: "badge accent", tabindex: -1, data: { default: "yes" } }, "Default")
          : button("Set as default", (event) => makeDefault(s, event.currentTarget), {
              kind: "small nowrap",
              "aria-label": `Set as default: ${s.name}`,
            }),
    },
    { label: "Users", title: "Used\u00a0by users", cell: (s) => usedBy(tenant, s, "user", s.users) },
    { label: "Channels", title: "Used\u00a0by channels", cell: (s) => usedBy(tenant, s, "channel", s.channels) },
    { label: "Health", className: "roomy", cell: (s) => healthOf(s.health) },
  ];
  const servers = paged(
    list,
    async (cursor) => {
      const page = await api.get(api.path(["tenants", tenant, "servers"], { cursor }), { signal });
      return { rows: page.servers, next: page.next_cursor };
    },
    (rows) => table(`SMTP servers of ${tenant}`, columns, rows),
    "No servers.",
  );

  replace(
    place,
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", {}, "SMTP servers"), h("p", {}, `Through which ${tenant} sends its mail`)),
      button(
        [icon("plus"), "Add a server"],
        () => openServerForm({ ...context, servers: servers.rows, saved: reload }),
        { kind: "primary" },
      ),
    ),
    list,
  );
  await servers.load();
  if (opened) {
    const server = await api.get(api.path(["tenants", tenant, "servers", opened]), { signal });
    opened = null;
    edit(server);
  }
};
