// Lists of what can be added, edited and removed: the page, the form, and the question before a removal.
import * as api from "./api.js";
import { confirm, openDialog } from "./dialog.js";
import { button, h, icon, replace, toast } from "./dom.js";
import { onSubmit } from "./form.js";
import { paged, table } from "./table.js";

/**
 * A form in a dialog: `save()` on the button `verb`; what it throws is shown at the field that it names. Then
 * `done(what save gave)`. `body` is what is shown, if that is more than the fields.
 */
export const openForm = (
  title,
  fields,
  { save, done, verb = "Save", first = fields[0], body = fields.map((one) => one.element) },
) => {
  const place = h("div");
  const form = h("form", {});
  const opened = openDialog(title, {
    form,
    narrow: true,
    body: [body, place],
    footer: [button("Cancel", () => opened.close()), h("button", { type: "submit", class: "primary" }, verb)],
  });
  onSubmit(form, fields, place, async () => {
    const answer = await save();
    opened.close();
    return done(answer);
  });
  first.control.focus();
};

/** A button of a row: `name` tells it from those of other rows. */
export const rowButton = (label, name, action, kind = "plain") =>
  button(label, action, { kind, "aria-label": `${label} ${name}` });

/**
 * Removes what was read as `record`. If somebody else changed it meanwhile, it stays: that is thrown, and `reload` shows
 * it as it is now.
 */
export const removeAsRead = async (target, { revision }, reload, more = {}) => {
  try {
    return await api.remove(target, revision === undefined ? more : { ...more, revision });
  } catch (refusal) {
    if (refusal.editedMeanwhile) await reload();
    throw refusal;
  }
};

/** The button of a row that asks, removes `record`, and calls `done`. */
export const removeButton = (
  record,
  { name, question, target, reload, done = reload, verb = "Remove", gone = "was removed" },
) =>
  rowButton(
    verb,
    name,
    () =>
      confirm(`${verb} ${name}?`, h("p", {}, question), verb, async () => {
        await removeAsRead(target, record, reload);
        toast(`${name} ${gone}.`);
        await done();
      }),
    "plain danger",
  );

/**
 * A page with a list. `path` and `query()` are asked for entries, which lie at `key` of the answer. `add`: {label,
 * unseen, open(reload)}; `actions(entry, reload)` are the buttons of a row; `filters` are fields that narrow the list,
 * `below` is what comes after it. Gives `reload`.
 */
export const showRecords = async (
  place,
  {
    title,
    hint,
    caption = title,
    path,
    key,
    query = () => ({}),
    columns,
    actions,
    add,
    empty,
    filters = [],
    below,
    signal,
  },
) => {
  const list = h("div", { class: "card" });
  const acts = { unseen: "Actions", acts: true, cell: (one) => h("div", { class: "actions" }, actions(one, reload)) };
  const reload = () => records.load();
  const records = paged(
    list,
    async (cursor) => {
      const page = await api.get(api.path(path, { ...query(), cursor, limit: 50 }), { signal });
      return { rows: page[key], next: page.next_cursor };
    },
    (rows) => table(caption, actions ? [...columns, acts] : columns, rows),
    empty,
  );
  for (const one of filters)
    one.control.addEventListener(one.control.tagName === "SELECT" ? "change" : "input", reload);
  replace(
    place,
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", {}, title), h("p", {}, hint)),
      add
        ? button([icon("plus"), add.label], () => add.open(reload), { kind: "primary", "aria-label": add.unseen })
        : null,
    ),
    filters.length
      ? h(
          "div",
          { class: "filters" },
          filters.map((one) => one.element),
        )
      : null,
    list,
    below,
  );
  await records.load();
  return reload;
};
