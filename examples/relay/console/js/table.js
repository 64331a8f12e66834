// Tables that stay readable on narrow screens, and lists that come page by page.
import { button, h, refill, replace, waiting } from "./dom.js";

/** What is wider than its place is scrolled with the keyboard too. */
const overflow = new ResizeObserver((all) => {
  for (const { target } of all)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
});

/**
 * `columns`: {label, cell(row), head, lead, acts}: `head` is the cell that names the row, `lead` stands without a label
 * on narrow screens, `acts` holds buttons.
 */
export const table = (caption, columns, rows) => {
  const cellOf = (column, row) =>
    h(
      column.head ? "th" : "td",
      {
        role: column.head ? "rowheader" : "cell",
        scope: column.head ? "row" : null,
        class:
          `${column.lead || column.head ? "lead" : ""} ${column.acts ? "acts" : ""} ${column.className ?? ""}`.trim() ||
          null,
        data: column.label ? { label: column.label } : {},
      },
      h("div", {}, column.cell(row)),
    );
  const place = h(
    "div",
    { class: "table", role: "region", "aria-label": caption },
    h(
      "table",
      { role: "table" },
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          columns.map((column) =>
            h(
              "th",
              { scope: "col", role: "columnheader" },
              column.title ?? column.label ?? h("span", { class: "unseen" }, column.unseen ?? "Actions"),
            ),
          ),
        ),
      ),
      h(
        "tbody",
        { role: "rowgroup" },
        rows.map((row) =>
          h(
            "tr",
            { role: "row" },
            columns.map((column) => cellOf(column, row)),
          ),
        ),
      ),
    ),
  );
  overflow.observe(place);
  return place;
};

/**
 * A list that is read page by page. `read(cursor)` -> {rows, next}; `show(rows)` -> element for all rows read so far.
 * `load()` reads it anew. A page may be empty and not be the last one: what is looked for lies further on, and that is
 * read too, until something is found or somebody wants something else. `empty`: words, or what gives them.
 */
export const paged = (place, read, show, empty) => {
  let rows = [];
  let next = null;
  let turn = 0;
  const more = button("Show more", () => load(next));
  const load = async (cursor = null) => {
    const mine = ++turn;
    place.setAttribute("aria-busy", "true");
    if (!cursor && !place.childElementCount) replace(place, h("div", { class: "empty" }, waiting()));
    try {
      let page = await read(cursor);
      for (; mine === turn && !page.rows.length && page.next; page = await read(page.next))
        if (!cursor) replace(place, h("div", { class: "empty" }, waiting("Nothing so far, looking further")));
      if (mine !== turn) return;
      rows = cursor ? rows.concat(page.rows) : page.rows;
      next = page.next;
      if (!rows.length) refill(place, h("div", { class: "empty" }, typeof empty === "function" ? empty() : empty));
      else refill(place, show(rows), next ? h("div", { class: "pager" }, more) : null);
    } catch (refusal) {
      if (refusal.name !== "AbortError" && mine === turn)
        replace(place, h("div", { class: "empty" }, h("div", { class: "note bad", role: "alert" }, refusal.message)));
    } finally {
      if (mine === turn) place.removeAttribute("aria-busy");
    }
  };
  return {
    load,
    get rows() {
      return rows;
    },
    get next() {
      return next;
    },
  };
};
