// Charts as SVG: lines over time, and bars. Each says in words what it shows.
import { h, refill, replace, svg } from "./dom.js";

const height = 190,
  left = 44,
  right = 8,
  top = 8,
  bottom = 24;

/** A round number not below `most`, and the whole steps on the way to it: there is no half mail. */
export const scale = (most) => {
  if (!(most > 0)) return { top: 1, steps: [0, 1] };
  const raw = most / 4;
  const power = Math.max(1, 10 ** Math.floor(Math.log10(raw)));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw && Number.isInteger(n));
  const count = Math.ceil(most / step - 1e-9);
  return { top: step * count, steps: Array.from({ length: count + 1 }, (_, i) => +(step * i).toPrecision(6)) };
};

const short = (n) =>
  n >= 1e6 ? `${+(n / 1e6).toFixed(1)}M` : n >= 1e4 ? `${+(n / 1e3).toFixed(1)}k` : String(+n.toFixed(2));

/** The drawn pieces of a line that has gaps where there is no value. */
const pieces = (values, x, y) => {
  const all = [];
  let open = null;
  values.forEach((value, at) => {
    if (value === null || value === undefined) open = null;
    else if (open) open.push([x(at), y(value)]);
    else all.push((open = [[x(at), y(value)]]));
  });
  return all;
};
const pathOf = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/**
 * A figure with lines. `update({series: [{name, values}], from, to})`: values oldest first, `from` and `to` are the words
 * at both ends of the time axis.
 */
export const lineChart = (title, { unit = "", slots = 0, area = true } = {}) => {
  const drawing = svg("svg", { class: "chart", role: "img" });
  let shown = { series: [] };
  const latest = h("span", { class: "soft small number" });
  const legend = h("ul", { class: "legend" });
  const element = h("figure", { class: "card" }, h("figcaption", {}, h("strong", {}, title), latest), drawing, legend);

  const draw = () => {
    const { series, from = "", to = "" } = shown;
    const width = drawing.clientWidth || 560;
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const length = Math.max(slots, 2, ...series.map((one) => one.values.length));
    const known = series.flatMap((one) => one.values.filter((value) => value !== null && value !== undefined));
    const axis = scale(Math.max(0, ...known));
    const y = (value) => top + (height - top - bottom) * (1 - value / axis.top);
    const x = (at) => left + ((width - left - right) * at) / (length - 1);
    const ends = series
      .map((one) => {
        const value = one.values.findLast((v) => v !== null && v !== undefined);
        return value === undefined ? null : `${one.name} ${short(value)}${unit && ` ${unit}`}`;
      })
      .filter(Boolean);
    replace(
      drawing,
      axis.steps.map((step) => [
        svg("line", { class: "grid-line", x1: left, x2: width - right, y1: y(step), y2: y(step) }),
        svg("text", { x: left - 6, y: y(step) + 4, "text-anchor": "end" }, short(step)),
      ]),
      svg("text", { x: left, y: height - 6 }, from),
      svg("text", { x: width - right, y: height - 6, "text-anchor": "end" }, to),
      series.map((one, at) => {
        const shift = length - one.values.length;
        return svg(
          "g",
          { class: `s${at % 6}` },
          pieces(one.values, (i) => x(i + shift), y).map((points) => [
            area && points.length > 1
              ? svg("path", {
                  class: "area",
                  d: `${pathOf(points)}L${points.at(-1)[0].toFixed(1)} ${y(0)}L${points[0][0].toFixed(1)} ${y(0)}Z`,
                })
              : null,
            points.length > 1
              ? svg("path", { class: "line", d: pathOf(points) })
              : svg("circle", { class: "dot", cx: points[0][0], cy: points[0][1], r: 2.5 }),
          ]),
        );
      }),
    );
    drawing.setAttribute(
      "aria-label",
      `${title}, ${from} to ${to}. ${ends.length ? `Latest: ${ends.join(", ")}.` : "Nothing yet."} Highest: ${short(Math.max(0, ...known))} ${unit}`.trim(),
    );
    latest.textContent = series.length === 1 ? (ends[0]?.replace(series[0].name, "").trim() ?? "") : unit;
    replace(
      legend,
      series.length > 1 ? series.map((one, at) => h("li", {}, h("i", { class: `s${at % 6}` }), one.name)) : null,
    );
    legend.hidden = series.length < 2;
  };
  draw();
  new ResizeObserver(draw).observe(drawing);
  const update = (what) => {
    shown = what;
    draw();
  };
  return { element, update };
};

/** A figure with bars, most first. `update([{name, value, href, hint}])`. */
export const barChart = (title, { empty = "Nothing", hint = "" } = {}) => {
  const list = h("ul", { class: "bars" });
  const none = h("p", { class: "soft" }, empty);
  const element = h(
    "figure",
    { class: "card" },
    h("figcaption", {}, h("strong", {}, title), h("span", { class: "soft small" }, hint)),
    list,
    none,
  );
  let named = "";
  /** Made anew only for other bars: who is on one is left there. */
  const update = (bars) => {
    const most = Math.max(1, ...bars.map((one) => one.value));
    none.hidden = bars.length > 0;
    list.hidden = bars.length === 0;
    const names = JSON.stringify(bars.map(({ name, href, hint }) => [name, href, hint]));
    if (names !== named)
      refill(
        list,
        bars.map((one) =>
          h(
            "li",
            {},
            one.href
              ? h("a", { href: one.href, class: "wrap", title: one.hint }, one.name)
              : h("span", { class: "wrap", title: one.hint }, one.name),
            h("span", { class: "number" }),
            svg(
              "svg",
              { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
              svg("rect", { class: "track", width: 100, height: 4, rx: 1 }),
              svg("rect", { class: "bar", height: 4, rx: 1 }),
            ),
          ),
        ),
      );
    named = names;
    bars.forEach(({ value }, at) => {
      const bar = list.children[at];
      bar.querySelector(".number").textContent = value.toLocaleString("en");
      bar.querySelector(".bar").setAttribute("width", (100 * value) / most);
    });
  };
  update([]);
  return { element, update };
};
