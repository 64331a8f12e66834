// One mail: its recipients, its history of attempts with the servers' replies, and what can be done to it.
import * as api from "../api.js";
import { confirm } from "../dialog.js";
import { badge, button, h, note, replace, toast } from "../dom.js";
import { table } from "../table.js";
import { ago, bytes, causeWord, count, duration, moment } from "../words.js";
import { chooseServer, stateBadge, wasMoved } from "./queue.js";

const stateWords = {
  pending: ["", "Waiting"],
  held: ["warn", "Held"],
  accepted: ["good", "Accepted"],
  failed: ["bad", "Failed"],
  removed: ["", "Removed"],
};
const outcomeWords = {
  accepted: "accepted",
  transient: "put off",
  permanent: "refused",
  unknown: "unknown: it may have arrived",
};

const timed = (text) => h("time", { datetime: text, title: moment(text) }, `${moment(text)} (${ago(text)})`);

const attempt = ({ at, receipt }) =>
  h(
    "li",
    { class: receipt.recipients.every((one) => one.outcome === "accepted") ? "good" : "bad" },
    h(
      "div",
      { class: "row apart" },
      h("strong", { class: "wrap" }, receipt.server || "No server"),
      h("span", { class: "soft small" }, timed(at), `, took ${duration(receipt.elapsed_ms)}`),
    ),
    receipt.recipients.map((one) =>
      h(
        "div",
        { class: "stack tight" },
        h("div", { class: "wrap" }, `${one.address}: ${outcomeWords[one.outcome] ?? one.outcome}`),
        one.failure
          ? [
              h("div", { class: "small wrap" }, one.failure.explanation),
              one.failure.reply.length
                ? h(
                    "blockquote",
                    { class: "mono" },
                    one.failure.reply.map((line) =>
                      h("div", {}, `${one.failure.code} ${one.failure.enhanced} ${line}`.replace("  ", " ")),
                    ),
                  )
                : null,
              one.failure.next_step ? h("div", { class: "small soft" }, one.failure.next_step) : null,
            ]
          : null,
      ),
    ),
  );

export const showMail = async (place, { tenant, item, signal, again }) => {
  const mail = await api.get(api.path(["queue", item]), { signal });
  const back = `#${api.path(["tenants", tenant, "queue"])}`;
  const act =
    (action, said, extra = {}) =>
    async (event) => {
      const control = event?.currentTarget;
      if (control) control.disabled = true;
      try {
        const answer = await api.post(api.path(["queue", item, action]), extra);
        toast(said);
        if (answer.state === "gone") location.hash = back;
        else await again();
      } catch (refusal) {
        if (control) control.disabled = false;
        toast(refusal.message);
      }
    };
  const content = h("div", { class: "stack tight" });
  const ask = button("Show the content", async () => {
    ask.disabled = true;
    try {
      const shown = await api.post(api.path(["queue", item, "content"]), {});
      replace(
        content,
        h(
          "pre",
          { class: "transcript", tabindex: 0, role: "region", "aria-label": "Content of the mail" },
          shown.content,
        ),
        shown.truncated ? h("p", { class: "soft" }, "The rest is left out.") : null,
      );
    } catch (refusal) {
      ask.disabled = false;
      replace(content, note("bad", refusal.message));
    }
  });
  const removing = () =>
    confirm(
      "Remove this mail?",
      h("p", {}, "It is not delivered, and nobody is notified. This cannot be undone."),
      "Remove",
      async () => {
        await api.remove(api.path(["queue", item]));
        toast("The mail was removed.");
        location.hash = back;
      },
    );
  const failed = mail.state === "failed";
  replace(
    place,
    h(
      "div",
      { class: "head" },
      h(
        "div",
        {},
        h("p", {}, h("a", { href: back }, "Queue")),
        h("h1", { class: "wrap" }, `Mail from ${mail.from || "<>"}`),
      ),
      stateBadge(mail.state),
    ),
    h(
      "div",
      { class: "row" },
      button("Retry now", act("retry", "It is tried again now."), { kind: "primary" }),
      mail.state === "held"
        ? button("Release", act("release", "It is released."))
        : failed
          ? null
          : button("Hold", act("hold", "It is held until it is released.")),
      button("Move to another server", () =>
        chooseServer(mail.tenant, "Move this mail", (server) => act("move", `It takes ${server} now.`, { server })()),
      ),
      wasMoved(mail) ? button("Let it take its usual way", act("unpin", "It takes the registry's way again.")) : null,
      button("Remove", removing, { kind: "danger" }),
    ),
    h(
      "section",
      { class: "card padded" },
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, "Sender"),
        h("dd", {}, mail.sender || mail.from || "<>"),
        mail.login ? [h("dt", {}, "Handed in by"), h("dd", {}, mail.login)] : null,
        h("dt", {}, "Came in"),
        h("dd", {}, timed(mail.created)),
        h("dt", {}, "Size"),
        h("dd", {}, bytes(mail.size)),
        h("dt", {}, "Server"),
        h("dd", {}, mail.server || "None", wasMoved(mail) ? [" ", badge("Moved here", "accent")] : null),
        h("dt", {}, "Attempts"),
        h("dd", {}, mail.attempts),
        h("dt", {}, "Next attempt"),
        h("dd", {}, mail.next_attempt ? timed(mail.next_attempt) : "None"),
        h("dt", {}, "Number"),
        h("dd", { class: "mono" }, mail.id),
      ),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", { class: "padded" }, count(mail.recipients.length, "recipient")),
      table(
        "Recipients",
        [
          { label: "Address", head: true, className: "wrap", cell: (r) => r.address },
          {
            label: "State",
            cell: (r) => [
              badge(...[...(stateWords[r.state] ?? ["", r.state])].reverse()),
              r.possible_duplicate ? [" ", badge("May arrive twice", "warn")] : null,
            ],
          },
          { label: "Attempts", className: "number", cell: (r) => r.attempts },
          {
            label: "Why",
            className: "wrap",
            cell: (r) =>
              r.failure
                ? [h("div", {}, causeWord(r.failure.cause)), h("div", { class: "small soft" }, r.failure.explanation)]
                : "-",
          },
        ],
        mail.recipients,
      ),
    ),
    h(
      "section",
      { class: "card padded stack" },
      h("h2", {}, "History"),
      mail.history.length
        ? h("ol", { class: "attempts" }, [...mail.history].reverse().map(attempt))
        : h("p", { class: "soft" }, "It has not been tried yet."),
    ),
    h(
      "section",
      { class: "card padded stack tight" },
      h("h2", {}, "Content"),
      h(
        "p",
        { class: "soft" },
        "What people write is not shown unless you ask for it; that you did is written to the audit log.",
      ),
      h("div", {}, ask),
      content,
    ),
  );
};
