// How things are said: times, sizes, states; and the relay's own words for causes and choices.
import { get } from "./api.js";

let vocabulary = { security: [], auth: [], quirks: [], causes: [], states: [], scopes: [] };
let presets = [];

/** Reads the relay's words once it is known who asks. */
export const learn = async () => {
  const [words, known] = await Promise.all([get("/vocabulary"), get("/presets")]);
  vocabulary = words;
  presets = known.presets;
};
export const words = () => vocabulary;
export const providers = () => presets;

const labelled = (list, value) => list.find((one) => one.value === value)?.label ?? value;
export const securityWord = (value) => labelled(vocabulary.security, value);
export const authWord = (value) => labelled(vocabulary.auth, value).replace(/ \(.*\)$/, "");

const names = {
  mx: "MX",
  dane: "DANE",
  mta: "MTA",
  sts: "STS",
  tls: "TLS",
  ehlo: "EHLO",
  smtp: "SMTP",
  smtputf8: "SMTPUTF8",
  starttls: "STARTTLS",
  oauth: "OAuth",
};
// Those whose identifiers say nothing to people.
const causeNames = {
  unclassified_transient: "Put off by the server",
  unclassified_permanent: "Refused by the server",
};
/** A cause in two or three words: its identifier, as people write it. */
export const causeWord = (value) => {
  if (causeNames[value]) return causeNames[value];
  const text = value
    .split("_")
    .map((word) => names[word] ?? word)
    .join(" ");
  return text[0].toUpperCase() + text.slice(1);
};

export const stageWords = {
  queue: "Preparation",
  resolve: "Name look-up",
  connect: "Connection",
  greeting: "Greeting",
  ehlo: "Introduction (EHLO)",
  starttls: "STARTTLS",
  tls: "Encryption (TLS)",
  auth: "Authentication",
  mail: "Sender",
  rcpt: "Recipient",
  data: "Message",
  final: "Mail accepted",
  quit: "Goodbye",
};

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const steps = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** "3 minutes ago", "in 20 seconds". */
export const ago = (text, now = Date.now()) => {
  const seconds = (new Date(text).getTime() - now) / 1000;
  if (Number.isNaN(seconds)) return text;
  if (Math.abs(seconds) < 2) return "now";
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? steps.at(-1);
  return relative.format(Math.round(seconds / size), unit);
};
/** The moment itself, for those who want to know it exactly. */
export const moment = (text) => new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const duration = (ms) =>
  ms === null || ms === undefined
    ? "-"
    : ms < 1000
      ? `${ms} ms`
      : ms < 60000
        ? `${(ms / 1000).toFixed(1)} s`
        : `${Math.round(ms / 60000)} min`;

export const bytes = (n) =>
  n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
export const kindWord = (kind) => (kind === "channel" ? "Channel" : "User");
