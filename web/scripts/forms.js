// Forms from a list of fields: labels, hints, messages beside the field, and one Idempotency-Key for one intention.

import { isUncertain, problemOf } from "./api.js";
import { make } from "./page.js";
import { called, knows, say } from "./words.js";

const FILE_BYTES_MAX = 10 * 1024 * 1024; // As the service takes them.

let forms = 0;

/**
 * A form. `fields` are {name, kind, required, choices, min, max, fields}; a name may hold dots for what is nested.
 * `send(values, key, form)` answers as `call` does; `done(answer)` is called after success.
 */
export function buildForm({ fields, button, confirm, send, done, failed, tone = "" }) {
  const prefix = `f${++forms}`;
  let key = null;
  const result = make("div", { class: "result", role: "status", "aria-live": "polite" });
  const submit = make("button", { type: "submit", class: tone }, button);
  const sure = confirm && checkbox(`${prefix}-sure`, confirm);
  const form = make(
    "form",
    { novalidate: true, input: () => (key = null) },
    fields.map((field) => fieldFor(field, prefix)),
    sure,
    make("p", { class: "buttons" }, submit),
    result,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clear(form);
    if (!complete(form)) return;
    key ??= crypto.randomUUID();
    submit.disabled = true;
    result.replaceChildren(say("form.sending"));
    const answer = await send(read(form, fields), key, form);
    submit.disabled = false;
    if (!isUncertain(answer)) key = null;
    if (answer.ok) {
      result.replaceChildren();
      await done?.(answer, result);
      return;
    }
    complain(form, answer, result);
    failed?.(answer, result);
  });
  return form;
}

function checkbox(id, label) {
  return make(
    "div",
    { class: "field check" },
    make("input", { type: "checkbox", id, required: true, "aria-describedby": `${id}-error` }),
    make("label", { for: id }, label),
    make("p", { class: "error", id: `${id}-error` }),
  );
}

/** One field with label, hint and a place for its message. */
export function fieldFor(field, prefix) {
  if (field.kind === "group") return group(field, prefix);
  if (field.kind === "rows") return rows(field, prefix);
  const id = `${prefix}-${field.name.replaceAll(".", "-")}`;
  const short = field.name.split(".").pop();
  const hint = field.hint ? say(field.hint) : knows(`hint.${short}`) ? say(`hint.${short}`) : null;
  const described = [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  const label = field.label ?? called("field", short);
  const input = control(field, { id, name: field.name, "aria-describedby": described });
  const marked = field.required || field.kind === "checkbox" ? label : [label, " ", make("span", { class: "soft" }, say("form.optional"))];
  const parts = [make("label", { for: id }, marked), hint && make("p", { class: "hint", id: `${id}-hint` }, hint), input];
  return make(
    "div",
    { class: field.kind === "checkbox" ? "field check" : "field" },
    field.kind === "checkbox" ? [input, parts[0]] : parts,
    make("p", { class: "error", id: `${id}-error` }),
  );
}

function control(field, attributes) {
  const { kind, required, choices, min, max, value } = field;
  if (kind === "choice") {
    const options = choices.map((each) => {
      const [code, label] = Array.isArray(each) ? each : [each, called("choice", each)];
      return make("option", { value: code, selected: code === value }, label);
    });
    const blank = choices.length === 1 && required ? [] : [make("option", { value: "" }, say(required ? "form.choose" : "form.nothing"))];
    return make("select", { ...attributes, required }, blank, options);
  }
  if (kind === "textarea") return make("textarea", { ...attributes, required, rows: 4, maxlength: max }, value ?? "");
  if (kind === "checkbox") return make("input", { ...attributes, type: "checkbox" });
  const type = { date: "date", number: "number", email: "email", tel: "tel", month: "month", file: "file" }[kind] ?? "text";
  const limits = kind === "number" ? { min, max, inputmode: "numeric", step: 1 } : kind === "date" ? { min, max } : { maxlength: max };
  const more = kind === "file" ? { accept: field.accept ?? ".pdf,.jpg,.jpeg,.png" } : { value, autocomplete: field.autocomplete ?? "off" };
  return make("input", { ...attributes, type, required, pattern: field.pattern, ...limits, ...more });
}

function group(field, prefix) {
  const legend = field.label ?? called("field", field.name.split(".").pop());
  return make("fieldset", {}, make("legend", {}, legend), field.fields.map((each) => fieldFor(each, prefix)));
}

function rows(field, prefix) {
  const list = make("div", {});
  let count = 0;
  const add = () => {
    const number = count++;
    const named = field.fields.map((each) => ({ ...each, name: `${field.name}.${number}.${each.name}` }));
    const row = make("fieldset", { "data-row": number }, make("legend", {}, called("field", field.name)), named.map((each) => fieldFor(each, prefix)));
    row.append(make("button", { type: "button", class: "quiet", click: () => row.remove() }, say("form.remove")));
    list.append(row);
  };
  return make("div", { class: "field", "data-rows": field.name }, list, make("button", { type: "button", class: "quiet", click: add }, say("form.add", { what: called("field", field.name) })));
}

/** What was filled in, as the service wants it: blanks left out, numbers as numbers, lists as lists. */
export function read(form, fields, before = "") {
  const values = {};
  for (const field of fields) {
    const last = field.name.split(".").pop();
    if (field.kind === "group") {
      const inner = read(form, field.fields, before);
      if (Object.keys(inner).length || field.required) values[last] = inner;
    } else if (field.kind === "rows") {
      const found = [...form.querySelectorAll(`[data-rows="${field.name}"] [data-row]`)].map((row) =>
        read(form, field.fields.map((each) => ({ ...each, name: `${field.name}.${row.dataset.row}.${each.name}` }))),
      );
      if (found.length) values[last] = found;
    } else {
      const element = form.elements[field.name];
      const given = field.kind === "checkbox" ? element.checked : element.value;
      if (field.kind === "file" || given === "" || given === false) continue;
      if (field.listed) values[last] = [given];
      else if (field.kind === "number") values[last] = Number(given);
      else if (field.kind === "list") values[last] = given.split(/[\s,;]+/).filter(Boolean);
      else values[last] = given;
    }
  }
  return values;
}

/** Whether everything that must be said was said, in the form it needs; says beside each field what is missing. */
export function complete(form) {
  let first = null;
  for (const element of form.elements) {
    const isTooLarge = element.type === "file" && [...element.files].some((each) => each.size > FILE_BYTES_MAX);
    if (!isTooLarge && (!element.willValidate || element.checkValidity())) continue;
    const state = element.validity;
    const code = isTooLarge ? "too_large"
      : state.valueMissing ? (element.type === "checkbox" ? "tick" : "missing")
      : state.typeMismatch && element.type === "email" ? "email"
      : state.patternMismatch && element.type === "tel" ? "phone"
      : state.rangeOverflow || state.rangeUnderflow ? "out_of_range"
      : state.tooShort ? "string_too_short"
      : "string_pattern_mismatch";
    tell(form, element, say(`complaint.${code}`));
    first ??= element;
  }
  first?.focus();
  return first === null;
}

/** Take back every message. */
export function clear(form) {
  for (const each of form.querySelectorAll(".error")) each.textContent = "";
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
}

/** Say what the service did not accept: beside its field where it has one, else at the form's end. */
export function complain(form, answer, result) {
  const left = [];
  let first = null;
  for (const { pointer, code } of answer.body?.errors ?? tooLarge(form, answer)) {
    const element = form.elements[pointer.slice(1).replaceAll("/", ".")];
    const text = knows(`complaint.${code}`) ? say(`complaint.${code}`) : say("complaint.other");
    if (element?.id && element.type !== "hidden") {
      tell(form, element, text);
      first ??= element;
    } else {
      left.push(pointer ? `${called("field", pointer.split("/").pop())}: ${text}` : text);
    }
  }
  first?.focus();
  result.replaceChildren(make("p", { class: "notice bad" }, problemText(answer)), ...left.map((text) => make("p", { class: "error" }, text)));
}

// What was too large to be read was a file, where there is one.
function tooLarge(form, answer) {
  if (problemOf(answer) !== "content-too-large") return [];
  return [...form.querySelectorAll("[type=file]")].slice(0, 1).map(({ name }) => ({ pointer: `/${name}`, code: "too_large" }));
}

/** A problem in one or two sentences. */
export function problemText(answer) {
  const slug = problemOf(answer);
  const reason = answer.body?.reason;
  if (slug === "rule-broken" && reason) return knows(`reason.${reason}`) ? say(`reason.${reason}`) : (answer.body.detail ?? say("problem.rule-broken"));
  if (slug === "forbidden" && reason && knows(`reason.${reason}`)) return say(`reason.${reason}`);
  return knows(`problem.${slug}`) ? say(`problem.${slug}`) : (answer.body?.title ?? say("problem.internal"));
}

function tell(form, element, text) {
  const place = form.querySelector(`#${CSS.escape(`${element.id}-error`)}`);
  if (place) place.textContent = text;
  element.setAttribute("aria-invalid", "true");
}
