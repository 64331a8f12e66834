// The form of a server, new or known.
import * as api from "../api.js";
import { openDialog } from "../dialog.js";
import { button, fresh, h, icon, note, replace, toast } from "../dom.js";
import { check, number, onSubmit, select, text } from "../form.js";
import { providers, words } from "../words.js";
import { testPanel } from "./server_test.js";

const portOf = (security) => words().security.find((one) => one.value === security)?.port ?? 0;

/** Servers in an order. */
const orderOf = (label, chosen, others) => {
  const picked = [...chosen];
  const list = h("ol", { class: "order" });
  const id = fresh("fallback");
  const choose = h("select", { id });
  const show = () => {
    const left = others.filter((name) => !picked.includes(name));
    replace(
      list,
      picked.map((name, at) =>
        h(
          "li",
          {},
          h("span", {}, `${at + 1}. ${name}`),
          h(
            "button",
            {
              type: "button",
              class: "plain icon",
              "aria-label": `Try ${name} earlier`,
              disabled: at === 0,
              on: {
                click: () => {
                  picked.splice(at - 1, 2, name, picked[at - 1]);
                  show();
                },
              },
            },
            icon("up"),
          ),
          h(
            "button",
            {
              type: "button",
              class: "plain icon",
              "aria-label": `Do not fall back to ${name}`,
              on: {
                click: () => {
                  picked.splice(at, 1);
                  show();
                  choose.focus();
                },
              },
            },
            icon("close"),
          ),
        ),
      ),
    );
    replace(
      choose,
      h("option", { value: "" }, left.length ? "Choose a server" : "No other server"),
      left.map((name) => h("option", {}, name)),
    );
    choose.disabled = !left.length;
  };
  choose.addEventListener("change", () => {
    if (choose.value) picked.push(choose.value);
    show();
    choose.focus();
  });
  show();
  const error = h("div", { class: "error" });
  return {
    element: h("div", { class: "field wide" }, list, h("label", { for: id }, label), choose, error),
    control: choose,
    names: ["fallbacks"],
    error: (said) => {
      error.textContent = said;
    },
    get value() {
      return [...picked];
    },
  };
};

const more = (title, hint, ...content) =>
  h(
    "details",
    { class: "more" },
    h("summary", {}, title, " ", h("span", { class: "soft" }, hint)),
    h("div", { class: "grid" }, content),
  );

/** How a known server differs now from what was read, in words. */
const differences = (before, now) =>
  Object.keys(now)
    .filter((key) => !["revision", "health", "users", "channels", "default"].includes(key))
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]))
    .map((key) => `${key}: ${JSON.stringify(before[key] ?? "")} became ${JSON.stringify(now[key])}`);

/** `server`: a known one, to be edited; `test`: goes to the test at once. `saved()` is called when it was saved. */
export const openServerForm = ({ tenant, servers, server = null, saved, test = false }) => {
  const known = server ?? {
    security: "starttls",
    auth: "auto",
    port: portOf("starttls"),
    connections: 8,
    mails_per_connection: 0,
    recipients_per_mail: 100,
    mails_per_second: 0,
    recipients_per_second: 0,
    quirks: [],
    fallbacks: [],
    weight: 1,
    rank: 0,
  };
  let revision = known.revision;
  let byHand = Boolean(known.port_by_hand);

  const name = text("Name", {
    name: "name",
    value: known.name ?? "",
    required: true,
    maxlength: 128,
    readonly: server !== null,
    hint: server ? "The name stays: users and channels refer to it." : "How it is called in this console.",
  });
  const makeDefault = check(known.default ? "This is the default server" : "Make it the default server", {
    name: "default",
    checked: known.default,
    disabled: known.default,
    hint: known.default
      ? "To change that, make another server the default."
      : "Users and channels without an override use it.",
  });
  const host = text("Server name", {
    name: "host",
    value: known.host ?? "",
    required: true,
    placeholder: "smtp.example.com",
    spellcheck: "false",
    autocapitalize: "none",
    className: "two-thirds",
  });
  const port = number("Port", { name: "port", value: known.port, min: 1, max: 65535, className: "third" });
  const security = select(
    "Connection security",
    words()
      .security.filter((one) => one.value !== "none" || known.security === "none")
      .map((one) => [one.value, one.label]),
    { name: "security", value: known.security },
  );
  const auth = select(
    "Authentication method",
    words()
      .auth.filter((one) => one.value !== "none" || known.auth === "none")
      .map((one) => [one.value, one.label]),
    { name: "auth", value: known.auth, names: ["auth_method"] },
  );
  const user = text("User name", {
    name: "user",
    value: known.user ?? "",
    required: true,
    autocapitalize: "none",
    spellcheck: "false",
  });
  const password = text("Password", {
    name: "password",
    type: "password",
    autocomplete: "new-password",
    required: !known.has_password,
    placeholder: known.has_password ? "Unchanged" : "",
    hint: known.has_password ? "Empty keeps the present one." : "Kept sealed, and never shown again.",
  });
  const userHint = user.hint;

  const limits = [
    number("Connections at once", { name: "connections", value: known.connections, hint: "0: no limit." }),
    number("Mails for each connection", {
      name: "mails_per_connection",
      value: known.mails_per_connection,
      hint: "0: no limit.",
    }),
    number("Recipients for each mail", {
      name: "recipients_per_mail",
      value: known.recipients_per_mail,
      hint: "0: no limit.",
    }),
    number("Mails each second", { name: "mails_per_second", value: known.mails_per_second, hint: "0: no limit." }),
    number("Recipients each second", {
      name: "recipients_per_second",
      value: known.recipients_per_second,
      hint: "0: no limit.",
    }),
  ];
  const fallbacks = orderOf(
    "Add a fallback",
    known.fallbacks,
    servers.map((one) => one.name).filter((one) => one !== known.name),
  );
  const quirks = words().quirks.map((one) =>
    check(one.label, { name: one.value, checked: known.quirks?.includes(one.value) }),
  );
  const certificates = [
    text("Certificates to trust as well", {
      name: "ca_file",
      value: known.ca_file ?? "",
      hint: "A PEM file on the relay's machine, for an authority of your own.",
    }),
    text("Name in the certificate", {
      name: "server_name",
      value: known.server_name ?? "",
      hint: "Empty: the server name.",
    }),
    text("Own name (EHLO)", {
      name: "ehlo_name",
      value: known.ehlo_name ?? "",
      hint: "Empty: this machine's address.",
    }),
  ];
  const care = [
    text("Who is told about trouble", {
      name: "notify_address",
      type: "email",
      value: known.notify_address ?? "",
      hint: "Empty: the tenant's address.",
    }),
    number("Rank", { name: "rank", value: known.rank, hint: "Lower ranks are used first.", className: "half-kept" }),
    number("Weight", {
      name: "weight",
      value: known.weight,
      min: 0,
      hint: "Share among servers of one rank.",
      className: "half-kept",
    }),
  ];

  const provider = select("Provider", [["", "Another one"], ...providers().map((one) => [one.id, one.name])], {
    name: "provider",
    hint: "Fills in what is known of it.",
  });
  const advice = h("div", { class: "wide" });
  const say = () => {
    security.hint(words().security.find((one) => one.value === security.value)?.protects ?? "");
    auth.hint(words().auth.find((one) => one.value === auth.value)?.protects ?? "");
    port.hint(byHand ? "" : "Follows the security.");
  };
  security.control.addEventListener("change", () => {
    if (!byHand) port.value = portOf(security.value);
    say();
  });
  auth.control.addEventListener("change", say);
  port.control.addEventListener("input", () => {
    byHand = port.value !== "";
    say();
  });
  port.control.addEventListener("change", () => {
    if (port.value !== "") return;
    port.value = portOf(security.value);
    say();
  });
  provider.control.addEventListener("change", () => {
    const chosen = providers().find((one) => one.id === provider.value);
    replace(advice, chosen?.hint ? note("", chosen.hint) : null);
    userHint(chosen?.user_hint ?? "");
    if (!chosen) return;
    if (!name.value) name.value = chosen.name;
    host.value = chosen.host;
    security.value = chosen.security;
    byHand = chosen.port !== portOf(chosen.security);
    port.value = chosen.port;
    auth.value = chosen.auth;
    for (const one of [name, host, port, security, auth]) one.error("");
    say();
    const hole = chosen.host.indexOf("<");
    if (hole < 0) return;
    host.control.focus();
    host.control.setSelectionRange(hole, chosen.host.indexOf(">") + 1);
  });
  say();

  const shared = [fallbacks, ...care];
  const own = [host, port, security, auth, user, password, ...limits, ...quirks, ...certificates];
  const fields = known.internal ? [name, makeDefault, ...shared] : [name, makeDefault, ...own, ...shared];

  const settings = () => {
    const given = {
      fallbacks: fallbacks.value,
      notify_address: care[0].value,
      rank: Number(care[1].value),
      weight: Number(care[2].value),
    };
    if (known.internal) return given;
    Object.assign(given, {
      host: host.value.trim(),
      port: byHand ? Number(port.value) : 0,
      security: security.value,
      auth: auth.value,
      user: user.value,
      quirks: quirks.filter((one) => one.value).map((one) => one.control.name),
    });
    if (password.value) given.password = password.value;
    for (const one of limits) given[one.control.name] = Number(one.value || 0);
    for (const one of certificates) given[one.control.name] = one.value.trim();
    return given;
  };

  const place = h("div");
  const panel = testPanel({
    tenant,
    fields,
    user: () => (known.internal ? "" : user.value),
    request: () =>
      known.internal
        ? { server: known.name }
        : server
          ? { server: known.name, settings: settings() }
          : { settings: { name: name.value || "unsaved", ...settings() } },
  });

  const form = h("form", {});
  const body = [
    known.internal
      ? note(
          "",
          "The internal server is the relay's own. Where it is, and its account, are set where the relay is started.",
        )
      : null,
    h(
      "div",
      { class: "grid" },
      server ? null : h("div", { class: "wide stack tight" }, provider.element, advice),
      name.element,
      h("div", {}, h("div", { class: "field" }, h("span", { class: "label" }, "Default"), makeDefault.element)),
      known.internal
        ? null
        : [host.element, port.element, security.element, auth.element, user.element, password.element],
    ),
    h(
      "div",
      {},
      known.internal
        ? null
        : more(
            "Limits",
            "connections and rates",
            limits.map((one) => one.element),
          ),
      more("Fallback servers", "when this one is in trouble", fallbacks.element),
      known.internal
        ? null
        : more(
            "Quirks",
            "for servers that cannot do what they offer",
            quirks.map((one) => one.element),
          ),
      known.internal
        ? null
        : more(
            "Certificates and names",
            "for servers of your own",
            certificates.map((one) => one.element),
          ),
      more(
        "Care",
        "notices, rank and weight",
        care.map((one) => one.element),
      ),
    ),
    panel.element,
    place,
  ];
  const opened = openDialog(server ? `Edit ${known.name}` : "Add a server", {
    form,
    body,
    closed: () => panel.cancel(),
    footer: [button("Cancel", () => opened.close()), h("button", { type: "submit", class: "primary" }, "Save")],
  });

  /** Somebody else was faster: what changed is said, and nothing of this form is lost. */
  const collided = async (refusal) => {
    const now = await api.get(api.path(["tenants", tenant, "servers", known.name]));
    const changes = differences(known, now);
    replace(
      place,
      note(
        "warn",
        h("strong", {}, refusal.message),
        changes.length
          ? h(
              "ul",
              {},
              changes.map((one) => h("li", { class: "wrap" }, one)),
            )
          : null,
        h(
          "div",
          { class: "row" },
          button(
            "Take theirs",
            () => {
              opened.close();
              openServerForm({ tenant, servers, server: now, saved });
            },
            { kind: "small" },
          ),
          button(
            "Keep mine, and save",
            () => {
              revision = now.revision;
              form.requestSubmit();
            },
            { kind: "small" },
          ),
        ),
      ),
    );
    place.scrollIntoView({ block: "nearest" });
    place.querySelector("button").focus();
  };

  onSubmit(form, fields, place, async () => {
    const given = settings();
    if (makeDefault.value && !known.default) given.default = true;
    try {
      if (server) await api.patch(api.path(["tenants", tenant, "servers", known.name]), { ...given, revision });
      else await api.post(api.path(["tenants", tenant, "servers"]), { name: name.value, ...given });
    } catch (refusal) {
      if (refusal.editedMeanwhile) return collided(refusal);
      throw refusal;
    }
    opened.close();
    toast(`${name.value} was saved.`);
    return saved();
  });
  // A field that the browser finds wrong is brought into sight.
  form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);
  if (test) panel.focus();
  else (server ? host : provider).control.focus();
  return opened;
};
