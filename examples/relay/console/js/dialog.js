// Dialogs: the browser's own, with a title, a body and buttons; Escape closes, the focus comes back.
import { announceAgain, button, fresh, h, icon, successor } from "./dom.js";

/**
 * Opens a dialog. `body` and `footer` are elements; with `form`, both lie in that form. The signal of the returned
 * dialog aborts when it is closed.
 */
export const openDialog = (title, { body, footer = [], form = null, narrow = false, closed = () => {} }) => {
  const titleId = fresh("title");
  const ending = new AbortController();
  const dialog = h("dialog", { "aria-labelledby": titleId, class: narrow ? "narrow" : "" });
  const close = () => dialog.close();
  const content = [
    h("div", { class: "body" }, h("div", { class: "unseen announcer", role: "status", "aria-live": "polite" }), body),
    footer.length ? h("footer", {}, footer) : null,
  ];
  dialog.append(
    h(
      "header",
      {},
      h("h2", { id: titleId }, title),
      h("button", { type: "button", class: "plain icon", "aria-label": "Close", on: { click: close } }, icon("close")),
    ),
    ...(form ? [form] : content.filter(Boolean)),
  );
  if (form) form.append(...content.filter(Boolean));
  const opener = document.activeElement;
  dialog.addEventListener("close", () => {
    ending.abort();
    dialog.remove();
    announceAgain(dialog);
    closed();
    const main = document.querySelector("main");
    (successor(opener, main ?? document) ?? main)?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, close, signal: ending.signal };
};

/** Asks, and does: `work` runs on the button `verb`; what it throws is shown and the dialog stays. */
export const confirm = (title, question, verb, work, { danger = true } = {}) => {
  const place = h("div");
  const act = button(
    verb,
    async () => {
      act.disabled = true;
      place.replaceChildren();
      try {
        await work();
        opened.close();
      } catch (refusal) {
        place.append(h("div", { class: "note bad", role: "alert" }, refusal.message));
        act.disabled = false;
      }
    },
    { kind: danger ? "danger" : "primary" },
  );
  const cancel = button("Cancel", () => opened.close());
  const opened = openDialog(title, {
    body: [h("div", { class: "stack tight" }, question), place],
    footer: [cancel, act],
    narrow: true,
  });
  cancel.focus();
  return opened;
};
