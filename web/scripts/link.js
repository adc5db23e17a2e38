// "Mail me a link": the same answer for every address, known or not.

import { call } from "./api.js";
import { buildForm } from "./forms.js";
import { at, make } from "./page.js";
import { say } from "./words.js";

/** The form that asks for a new link. */
export function linkForm() {
  return buildForm({
    fields: [{ name: "email", kind: "email", required: true, max: 254, autocomplete: "email", hint: "link.email_hint" }],
    button: say("link.button"),
    send: (values) => call("POST", "/links", { body: values }),
    done: (_, result) => result.replaceChildren(make("p", { class: "notice good" }, say("link.sent"))),
  });
}

const place = at("link");
if (place) {
  const show = () => place.replaceChildren(linkForm());
  document.addEventListener("spoken", show);
  show();
}
