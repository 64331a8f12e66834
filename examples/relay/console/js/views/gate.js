// Before the frame: the first password, signing in; and a new password later.
import * as api from "../api.js";
import { h, toast } from "../dom.js";
import { onSubmit, text } from "../form.js";
import { openForm } from "../records.js";

const brand = () => h("div", { class: "brand" }, h("img", { src: "/icon.svg", alt: "" }), "postrider");

const newPassword = (label) => {
  const password = text(label, {
    name: "password",
    type: "password",
    autocomplete: "new-password",
    required: true,
    minlength: 10,
    hint: "At least 10 characters. A sentence is good.",
  });
  const again = text("The same again", {
    name: "again",
    type: "password",
    autocomplete: "new-password",
    required: true,
  });
  const demandSame = () => {
    if (again.value !== password.value)
      throw new api.Refusal(400, { message: "The two passwords differ.", field: "again" });
  };
  return { password, demandSame, names: [password, again] };
};

/** From the one-time link. `entered` gets the session. */
export const showSetUp = (token, entered) => {
  document.title = "Set up - postrider";
  const place = h("div");
  const name = text("Your name", {
    name: "name",
    autocomplete: "username",
    maxlength: 128,
    hint: "For the first administrator of this relay: how you will sign in. Leave it empty if a colleague sent you this link.",
  });
  const { password, demandSame, names } = newPassword("Password");
  const form = h(
    "form",
    { class: "stack" },
    name.element,
    names.map((one) => one.element),
    place,
    h("button", { type: "submit", class: "primary" }, "Set the password and sign in"),
  );
  onSubmit(form, [name, ...names], place, async () => {
    demandSame();
    return entered(await api.setUp(token, name.value.trim(), password.value));
  });
  return h(
    "div",
    { class: "gate" },
    brand(),
    h(
      "div",
      {},
      h("h1", {}, "Welcome"),
      h("p", { class: "soft" }, "This one-time link sets an administrator's password. It works once."),
    ),
    form,
  );
};

export const showSignIn = (session, entered) => {
  document.title = "Sign in - postrider";
  const place = h("div");
  const name = text("Name", { name: "name", autocomplete: "username", required: true });
  const password = text("Password", {
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  const form = h(
    "form",
    { class: "stack" },
    name.element,
    password.element,
    place,
    h("button", { type: "submit", class: "primary" }, "Sign in"),
  );
  onSubmit(form, [name, password], place, async () => {
    try {
      await entered(await api.signIn(name.value, password.value));
    } catch (refusal) {
      password.value = "";
      password.control.focus();
      throw Object.assign(refusal, { field: "" });
    }
  });
  return h(
    "div",
    { class: "gate" },
    brand(),
    h("h1", {}, "Sign in"),
    session.setup_needed
      ? h(
          "div",
          { class: "note" },
          "Nobody has a password yet. Open the one-time link that the relay printed when it started.",
        )
      : null,
    form,
  );
};

/** A new password for `name`, who is signed in. */
export const showPassword = (name) => {
  // For the browser's keeper of passwords.
  const who = h("input", { type: "text", autocomplete: "username", value: name, readonly: true, hidden: true });
  const old = text("Present password", {
    name: "old_password",
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  const { password, demandSame, names } = newPassword("New password");
  password.names.push("new_password");
  const fields = [old, ...names];
  openForm("Change your password", fields, {
    verb: "Change the password",
    body: [who, fields.map((one) => one.element), h("p", { class: "soft small" }, "Your other sessions end.")],
    save: () => {
      demandSame();
      return api.put("/session/password", { old_password: old.value, new_password: password.value });
    },
    done: () => toast("Your password was changed."),
  });
};
