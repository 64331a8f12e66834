// What happens: rates, latency, queue and failures as charts, and what needs somebody's attention.
import * as api from "../api.js";
import { barChart, lineChart } from "../chart.js";
import { badge, h, refill, replace } from "../dom.js";
import { ago, causeWord, duration, moment } from "../words.js";

const liveSeconds = 120;
const busiest = 5;

const kinds = {
  server_down: "Server down",
  account_suspended: "Account suspended",
  sender_refused: "Sender refused",
  spool_trouble: "The queue is in trouble",
  disk_low: "The disk is nearly full",
  no_internal_server: "No internal server",
};

/** `tenant`: the one whose page it is, which need not be said there. */
const alertCard = (alert, tenant) =>
  h(
    "div",
    { class: `note ${alert.severity === "critical" ? "bad" : "warn"}` },
    h(
      "strong",
      { class: "wrap" },
      [kinds[alert.kind] ?? alert.kind, alert.sender ?? alert.server].filter(Boolean).join(": "),
    ),
    h("p", { class: "wrap" }, alert.message),
    h("p", { class: "wrap" }, alert.next_step),
    h(
      "div",
      { class: "row small" },
      alert.sender || alert.server ? h("a", { href: alert.link }, `Look at ${alert.sender ?? alert.server}`) : null,
      alert.since ? h("span", { class: "soft" }, "Since ", h("time")) : null,
      alert.tenant && tenant === null ? badge(alert.tenant) : null,
    ),
  );

const showTime = (place, at) => {
  place.dateTime = at;
  place.title = moment(at);
  place.textContent = ago(at);
};

const tile = (label) => {
  const value = h("span", { class: "value" }, "-");
  return {
    element: h("div", { class: "card tile" }, h("span", { class: "soft small" }, label), value),
    set: (text) => {
      value.textContent = text;
    },
  };
};

const queueLink = (tenant, query) => `#${api.path(tenant === null ? ["queue"] : ["tenants", tenant, "queue"], query)}`;

export const showOverview = async (place, { tenant, signal }) => {
  const alerts = h("section", { class: "stack tight", "aria-label": "Alerts" });
  const live = h("span", { class: "live", role: "status" }, "Connecting");
  const tiles = {
    rate: tile("Delivered each second"),
    flight: tile("On their way"),
    waiting: tile("Waiting"),
    held: tile("Held"),
    failed: tile("Failed"),
  };
  const rate = lineChart("Mails each second", { slots: liveSeconds });
  const queue = lineChart("Queue length", { slots: liveSeconds, area: false });
  const byServer = lineChart("Delivered each minute, by server", { area: false });
  const latency = lineChart("Latency, by server", { unit: "ms", area: false });
  const causes = barChart("Failed attempts by cause", { empty: "No attempt failed.", hint: "the last hour" });
  const servers = barChart("Failed attempts by server", { empty: "No attempt failed.", hint: "the last hour" });
  replace(
    place,
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", {}, "Overview"), h("p", {}, tenant === null ? "All tenants" : `The mail of ${tenant}`)),
      live,
    ),
    alerts,
    h(
      "div",
      { class: "tiles" },
      Object.values(tiles).map((one) => one.element),
    ),
    h(
      "div",
      { class: "charts" },
      [rate, queue, byServer, latency, causes, servers].map((one) => one.element),
    ),
  );

  let told = "";
  /** Made anew only where they are others: who is reading, or on a link, is left there. */
  const showAlerts = (all) => {
    const known = JSON.stringify(all.map(({ since, ...more }) => [...Object.values(more), since !== null]));
    if (known !== told)
      refill(
        alerts,
        all.map((one) => alertCard(one, tenant)),
      );
    told = known;
    const dated = all.filter((one) => one.since);
    alerts.querySelectorAll("time").forEach((shown, at) => showTime(shown, dated[at].since));
  };

  const ticks = [];
  const drawTicks = () => {
    const ends = { from: "2 minutes ago", to: "now" };
    const values = (of) => ticks.map(of);
    rate.update({
      ...ends,
      series: [
        { name: "Delivered", values: values((t) => t.delivered) },
        { name: "Put off", values: values((t) => t.deferred) },
        { name: "Failed", values: values((t) => t.failed) },
      ],
    });
    queue.update({
      ...ends,
      series: [
        { name: "Waiting", values: values((t) => t.queue.waiting) },
        { name: "Held", values: values((t) => t.queue.held) },
        { name: "Failed", values: values((t) => t.queue.failed) },
      ],
    });
  };
  const showCounts = ({ queue: counts, in_flight: flight }) => {
    for (const name of ["waiting", "held", "failed"]) tiles[name].set(counts[name].toLocaleString("en"));
    tiles.flight.set(flight.toLocaleString("en"));
  };

  const read = async () => {
    const seen = await api.get(api.path(["overview"], { tenant: tenant ?? "", minutes: 60 }), { signal });
    showAlerts(seen.alerts);
    showCounts(seen);
    const named = (one) => (tenant === null ? `${one.server} (${one.tenant})` : one.server);
    const top = [...seen.servers].sort((a, b) => b.delivered - a.delivered).slice(0, busiest);
    const ends = { from: "1 hour ago", to: "now" };
    const perMinute = Math.max(1, Math.round(60 / seen.bucket_seconds));
    const grouped = (buckets, of) => {
      const all = [];
      for (let at = buckets.length; at > 0; at -= perMinute)
        all.unshift(of(buckets.slice(Math.max(0, at - perMinute), at)));
      return all;
    };
    const mean = (some) => {
      const told = some.filter((one) => one.latency_ms !== null && one.delivered);
      const mails = told.reduce((sum, one) => sum + one.delivered, 0);
      return mails ? told.reduce((sum, one) => sum + one.latency_ms * one.delivered, 0) / mails : null;
    };
    byServer.update({
      ...ends,
      series: top.map((one) => ({
        name: named(one),
        values: grouped(one.buckets, (some) => some.reduce((sum, b) => sum + b.delivered, 0)),
      })),
    });
    latency.update({
      ...ends,
      series: top.map((one) => ({
        name: one.latency_ms === null ? named(one) : `${named(one)}, mean ${duration(one.latency_ms)}`,
        values: grouped(one.buckets, mean),
      })),
    });
    causes.update(
      seen.failures.map((one) => ({
        name: causeWord(one.cause),
        value: one.count,
        hint: one.explanation,
        href: queueLink(tenant, { cause: one.cause }),
      })),
    );
    servers.update(
      seen.servers
        .map((one) => ({
          name: named(one),
          value: one.deferred + one.failed,
          href: queueLink(tenant ?? one.tenant, { server: one.server }),
        }))
        .filter((one) => one.value)
        .sort((a, b) => b.value - a.value),
    );
  };
  drawTicks();
  await read();

  let soon = 0;
  const refresh = () => {
    clearTimeout(soon);
    if (signal.aborted) return;
    soon = setTimeout(
      () =>
        read()
          .catch(() => {})
          .finally(refresh),
      10000,
    );
  };
  const now = () => {
    clearTimeout(soon);
    soon = setTimeout(
      () =>
        read()
          .catch(() => {})
          .finally(refresh),
      300,
    );
  };
  signal.addEventListener("abort", () => clearTimeout(soon));
  refresh();
  api.listen(
    api.path(["events"], { tenant: tenant ?? "" }),
    {
      tick: (tick) => {
        ticks.push(tick);
        if (ticks.length > liveSeconds) ticks.shift();
        tiles.rate.set(tick.delivered.toLocaleString("en"));
        showCounts(tick);
        drawTicks();
      },
      held: now,
      suspended: now,
      released: now,
      given_up: now,
      changed: now,
      spool_trouble: now,
    },
    {
      signal,
      state: (on) => {
        live.textContent = on ? "Live" : "Coming back";
        live.classList.toggle("on", on);
      },
    },
  );
};
