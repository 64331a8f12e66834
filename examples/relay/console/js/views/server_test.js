// The test of a server: a real session and a real mail, told stage by stage as it happens.
import * as api from "../api.js";
import { announce, button, fresh, h, icon, note, replace } from "../dom.js";
import { text } from "../form.js";
import { causeWord, duration, kindWord, stageWords } from "../words.js";

const fieldWords = {
  host: "server name",
  port: "port",
  security: "connection security",
  auth_method: "authentication method",
  user: "user name",
  password: "password",
  sender: "sender",
  recipient: "recipient",
};

const row = (stage) =>
  h(
    "li",
    { class: stage.ok ? "good" : "bad", data: { stage: stage.stage } },
    icon(stage.ok ? "good" : "bad", { class: "mark" }),
    h(
      "span",
      { class: "what" },
      stageWords[stage.stage] ?? stage.stage,
      h("span", { class: "unseen" }, stage.ok ? " passed" : " failed"),
    ),
    h(
      "span",
      { class: "detail" },
      stage.ok || !stage.failure
        ? stage.detail
        : stage.failure.reply.length
          ? stage.failure.reply.join(" ")
          : causeWord(stage.failure.cause),
    ),
    h("span", { class: "took" }, duration(stage.elapsed_ms)),
  );

const working = () =>
  h(
    "li",
    { class: "now" },
    h("span", { class: "spin" }),
    h("span", { class: "what" }, "Under way"),
    h("span"),
    h("span"),
  );

const transcript = (lines) => {
  const shown = h(
    "pre",
    { class: "transcript", tabindex: 0, role: "region", "aria-label": "Transcript" },
    lines.map((line) => h("span", { class: line.startsWith("C:") ? "ours" : "" }, `${line}\n`)),
  );
  const copy = button(
    "Copy the transcript",
    async () => {
      try {
        await navigator.clipboard.writeText(lines.join("\n"));
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(shown);
        copy.textContent = "Selected: copy it with the keyboard";
      }
      announce(copy.textContent);
    },
    { kind: "small" },
  );
  return h(
    "details",
    { class: "more" },
    h("summary", {}, "Transcript ", h("span", { class: "soft" }, "what was said; secrets are left out")),
    h("div", { class: "stack tight" }, h("div", { class: "actions" }, copy), shown),
  );
};

/**
 * What asks for a test and shows it. `request()` gives the server or the settings of the form, `fields` are the form's,
 * to be marked where a test finds them wrong, `user()` the account's name, `sender` who
 * is filled in. `alone`: what is around it has its title already, and there are no settings to be seen.
 */
export const testPanel = ({ tenant, request, fields = [], user = () => "", sender = "", alone = false }) => {
  const listId = fresh("senders");
  const known = h("datalist", { id: listId });
  const to = text("Send a test mail to", {
    name: "to",
    type: "email",
    autocomplete: "email",
    placeholder: "you@example.com",
    names: ["recipient"],
  });
  const as = text("As user or channel", {
    name: "as",
    value: sender,
    list: listId,
    placeholder: "The server's own account",
    hint: "Exercises an override: its server and account.",
    names: ["sender"],
  });
  const from = text("Sender", {
    name: "from",
    placeholder: "Found by itself",
    names: ["sender"],
    hint: "Empty: the user or channel, else the account, else the recipient.",
  });
  const go = button("Test", () => start(), { kind: "primary" });
  const stop = button("Cancel the test", () => cancel(), { hidden: true });
  const stages = h("ol", { class: "stages" });
  const outcome = h("div", { class: "stack tight outcome" });
  const marked = [...fields, from, to];
  let running = null;

  const senderOf = () => {
    if (from.value) return from.value;
    if (as.value) return as.value;
    return user().includes("@") ? user() : to.value;
  };

  const mark = (failure) => {
    const found = marked.find((one) => one.names.includes(failure.field));
    if (!found) return null;
    found.error(failure.explanation);
    found.control.closest("details")?.setAttribute("open", "");
    return found;
  };

  /** Whose account it was, where that is not what was asked for. */
  const accountNote = ({ asked, as: used }) => {
    if (!asked.sender) return null;
    if (used === asked.sender) return h("p", { class: "small" }, `Tested with the account of ${used}.`);
    return h(
      "p",
      { class: "small" },
      `${asked.sender} has no account of its own on this server: the server's own was used.`,
    );
  };

  const conclude = (report, { cancelled, ...test }) => {
    replace(stages, report.stages.map(row));
    const failure = report.failure;
    if (cancelled) {
      replace(
        outcome,
        note("", h("strong", {}, "The test was cancelled."), "What had been said until then is in the transcript."),
      );
    } else if (failure) {
      const found = mark(failure);
      replace(
        outcome,
        note(
          "bad",
          h("strong", {}, failure.explanation),
          h("p", {}, h("strong", {}, "Next step: "), failure.next_step),
          accountNote(test),
          found
            ? h(
                "div",
                { class: "row" },
                button(`Go to the ${fieldWords[failure.field]}`, () => found.control.focus(), { kind: "small" }),
              )
            : null,
        ),
      );
      announce(`The test failed. ${failure.explanation} ${failure.next_step}`);
    } else if (report.receipt) {
      const said = report.stages.find((one) => one.stage === "final" && one.ok)?.detail;
      replace(
        outcome,
        note(
          "good",
          h("strong", {}, `${report.receipt.server} accepted the mail.`),
          said ? h("p", { class: "small wrap" }, "It said: ", h("q", {}, said)) : null,
          h(
            "p",
            { class: "wrap" },
            "Look into the inbox of ",
            h("strong", {}, report.receipt.recipients.map((one) => one.address).join(", ")),
            ` for a mail whose subject begins with "Test mail through", and into its spam folder too.`,
          ),
          accountNote(test),
          report.receipt.mail_id
            ? h("p", { class: "small wrap" }, "Its Message-ID is ", h("code", {}, report.receipt.mail_id))
            : null,
        ),
      );
      announce("The test passed: the server accepted the mail.");
    } else {
      replace(outcome, note("good", h("strong", {}, "The server can be used; no mail was sent.")));
    }
    if (report.transcript.length) outcome.append(transcript(report.transcript));
    outcome.scrollIntoView({ block: "nearest" });
  };

  const ended = () => {
    running?.listening.abort();
    running = null;
    go.disabled = false;
    stop.hidden = true;
  };

  const start = async () => {
    if (running) return;
    for (const one of marked) one.error("");
    as.error("");
    replace(outcome);
    if (!to.value || !to.control.checkValidity()) {
      to.error(to.control.validationMessage || "An address is needed: the test sends a real mail.");
      to.control.focus();
      return;
    }
    go.disabled = true;
    replace(stages, working());
    const listening = new AbortController();
    const mine = { listening, id: null, cancelled: false, asked: {}, as: "" };
    running = mine;
    try {
      const asked = { ...request(), from: senderOf(), to: [to.value] };
      if (as.value) asked.sender = as.value;
      mine.asked = asked;
      const test = await api.post(api.path(["tenants", tenant, "tests"]), asked);
      mine.id = test.id;
      mine.as = test.as;
      if (mine.cancelled) return void api.remove(api.path(["tenants", tenant, "tests", test.id])).catch(() => {});
      stop.hidden = false;
      stop.disabled = false;
      api.listen(
        api.path(["tenants", tenant, "tests", test.id, "events"]),
        {
          stage: (stage) => stages.insertBefore(row(stage), stages.lastElementChild),
          report: (report) => {
            if (running !== mine) return;
            ended();
            conclude(report, mine);
          },
        },
        { signal: listening.signal },
      );
    } catch (refusal) {
      ended();
      replace(stages);
      const found = [...fields, as, to, from].find((one) => refusal.field && one.names.includes(refusal.field));
      found?.error(refusal.message);
      replace(outcome, note("bad", refusal.message));
      (found?.control ?? go).focus();
    }
  };

  const cancel = async () => {
    if (!running) return;
    running.cancelled = true;
    stop.disabled = true;
    if (running.id) await api.remove(api.path(["tenants", tenant, "tests", running.id])).catch(() => {});
  };

  as.control.addEventListener("input", async () => {
    const prefix = as.value;
    const page = await api
      .get(api.path(["tenants", tenant, "senders"], { prefix, limit: 20 }))
      .catch(() => ({ senders: [] }));
    if (prefix === as.value)
      replace(
        known,
        page.senders.map((one) => h("option", { value: one.address }, `${kindWord(one.kind)} ${one.name}`)),
      );
  });
  as.control.addEventListener("focus", () => as.control.dispatchEvent(new Event("input")), { once: true });

  const element = h(
    "section",
    { class: alone ? "test bare" : "test", "aria-label": "Test" },
    alone ? null : h("h3", {}, "Test"),
    h(
      "p",
      { class: "soft small" },
      `Goes through every step${alone ? "" : " with these settings, saved or not,"} and sends a real mail.`,
    ),
    h("div", { class: "ask" }, to.element, as.element, h("div", { class: "go" }, go, stop)),
    known,
    h(
      "div",
      {},
      h("details", { class: "more" }, h("summary", {}, "Another sender"), from.element),
      h("div", { role: "log", "aria-label": "Stages of the test" }, stages),
      outcome,
    ),
  );
  for (const one of [to, as, from])
    one.control.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      start();
    });
  return { element, cancel, focus: () => to.control.focus() };
};
