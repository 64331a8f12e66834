// Fields with a label, a hint, and the relay's words beside them when it refuses what they say.
import { fresh, h, replace } from "./dom.js";

const describe = (control, id) => control.setAttribute("aria-describedby", id);

/**
 * A field around `control`. `names`: the settings that refusals call it by. `error(text)` shows what is wrong with it,
 * or nothing.
 */
export const field = (label, control, { hint = "", names = [], className = "" } = {}) => {
  const id = control.id || fresh("field");
  control.id = id;
  const hintPlace = h("div", { class: "hint", id: `${id}-hint` }, hint);
  const errorPlace = h("div", { class: "error", id: `${id}-error` });
  describe(control, `${id}-hint ${id}-error`);
  const element = h(
    "div",
    { class: `field ${className}` },
    h("label", { for: id }, label),
    control,
    hintPlace,
    errorPlace,
  );
  const error = (text) => {
    errorPlace.textContent = text;
    if (text) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  control.addEventListener("input", () => error(""));
  return {
    element,
    control,
    names: [control.name, ...names],
    error,
    hint: (...text) => replace(hintPlace, ...text),
    get value() {
      return control.value;
    },
    set value(text) {
      control.value = text;
    },
  };
};

export const text = (label, { name, value = "", type = "text", hint, names, className, ...more } = {}) =>
  field(label, h("input", { name, type, value, autocomplete: "off", ...more }), { hint, names, className });

export const number = (label, { name, value, hint, names, className, min = 0, max = 1000000, ...more }) =>
  field(label, h("input", { name, type: "number", inputmode: "numeric", value, min, max, step: 1, ...more }), {
    hint,
    names,
    className,
  });

/** `options`: [value, label] or values. */
export const select = (label, options, { name, value, hint, names, className, ...more } = {}) =>
  field(
    label,
    h(
      "select",
      { name, value, ...more },
      options.map((one) => {
        const [given, shown] = Array.isArray(one) ? one : [one, one];
        return h("option", { value: given }, shown);
      }),
    ),
    { hint, names, className },
  );

/** A box to tick with its label behind it. */
export const check = (label, { name, checked = false, hint = "", disabled = false } = {}) => {
  const id = fresh("check");
  const control = h("input", {
    type: "checkbox",
    id,
    name,
    checked,
    disabled,
    "aria-describedby": hint ? `${id}-hint` : null,
  });
  const element = h(
    "div",
    { class: "check" },
    control,
    h("span", {}, h("label", { for: id }, label), hint && h("span", { class: "soft small", id: `${id}-hint` }, hint)),
  );
  return {
    element,
    control,
    names: [name],
    error: () => {},
    get value() {
      return control.checked;
    },
  };
};

/**
 * Shows a refusal at the field that it names, or in `place`, and moves there. Whether a field was found.
 */
export const showRefusal = (refusal, fields, place) => {
  for (const one of fields) one.error("");
  const target = fields.find((one) => refusal.field && one.names.includes(refusal.field));
  if (place) {
    replace(place, target ? "" : h("div", { class: "note bad", role: "alert" }, refusal.message));
    if (!target) place.scrollIntoView?.({ block: "nearest" });
  }
  if (!target) return false;
  target.error(refusal.message);
  target.control.closest("details")?.setAttribute("open", "");
  target.control.focus();
  return true;
};

/** Runs `work` while `control` cannot be used a second time. */
export const busy = async (control, work) => {
  control.disabled = true;
  control.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    control.disabled = false;
    control.removeAttribute("aria-busy");
  }
};

/** The browser's own checks, then `work`; refusals are shown. */
export const onSubmit = (form, fields, place, work) =>
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    replace(place);
    const submit = event.submitter ?? form.querySelector("[type=submit]");
    await busy(submit, async () => {
      try {
        await work();
      } catch (refusal) {
        if (!showRefusal(refusal, fields, place)) submit.disabled = false;
      }
    });
  });
