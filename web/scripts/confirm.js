// An employer's contact answers one question about one job. Opening the page asks and changes nothing; a button does.

import { call, problemOf } from "./api.js";
import { buildForm, problemText } from "./forms.js";
import { at, facts, make } from "./page.js";
import { called, day, isChosen, say, speak, spoken } from "./words.js";

const LINK = /^#([A-Za-z0-9_-]{43})$/;
const KEPT = "confirmation";

let token = null;
let asked = null;

document.addEventListener("spoken", () => asked && render());
addEventListener("hashchange", open);
open();

async function open() {
  const given = LINK.exec(location.hash);
  if (given) sessionStorage.setItem(KEPT, given[1]);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  token = sessionStorage.getItem(KEPT);
  if (token === null) return tell("confirm.no_link");
  const answer = await call("GET", "/confirmation", { token });
  if (!answer.ok) return refuse(answer);
  asked = answer.body;
  if (!isChosen() && asked.language !== spoken()) speak(asked.language); // Which renders, too.
  else render();
}

function tell(word, tone = "") {
  asked = null;
  at("question").replaceChildren();
  at("state").replaceChildren(make("p", { class: `notice ${tone}` }, say(word)));
}

function refuse(answer) {
  const problem = problemOf(answer);
  if (problem === "link-expired") return tell("confirm.expired");
  if (problem === "not-found" || problem === "unauthenticated") return tell("confirm.unknown");
  at("state").replaceChildren(
    make("p", { class: "notice bad" }, problemText(answer)),
    make("button", { type: "button", click: open }, say("case.try_again")),
  );
}

function render() {
  const { job, name, employer_name: employer, programme } = asked;
  at("state").replaceChildren();
  at("question").replaceChildren(
    make("section", { class: "sheet" },
      make("p", { class: "lead" }, say("confirm.question", { name, programme })),
      facts(
        [say("field.employer_name"), employer],
        [say("field.contract"), called("choice", job.contract)],
        [say("field.hours"), job.hours],
        [say("field.contract_signed_on"), day(job.contract_signed_on)],
        [say("field.starts_on"), day(job.starts_on)],
        [say("field.fixed_end"), day(job.fixed_end)],
        [say("field.ended_on"), day(job.ended_on)],
      ),
      answerForm("confirm", "confirm.button_confirm", [], "primary"),
    ),
    make("details", { class: "act", "data-act": "differs" }, make("summary", {}, say("confirm.differs")),
      make("p", { class: "soft" }, say("confirm.differs_about")),
      answerForm("differs", "confirm.button_differs", [
        { name: "contract", kind: "choice", choices: ["permanent", "fixed_term", "contractor", "self_employed", "internship", "apprenticeship", "volunteer"] },
        { name: "hours", kind: "number", min: 0, max: 168 },
        { name: "contract_signed_on", kind: "date" },
        { name: "starts_on", kind: "date" },
        { name: "fixed_end", kind: "date" },
        { name: "ended_on", kind: "date" },
        { name: "end_reason", kind: "choice", choices: ["dismissed", "redundancy", "insolvency", "resigned", "rescinded", "insolvency_before_start", "visa_refused"] },
      ])),
    make("details", { class: "act", "data-act": "deny" }, make("summary", {}, say("confirm.deny")),
      make("p", { class: "soft" }, say("confirm.deny_about")),
      answerForm("deny", "confirm.button_deny", [], "danger")),
  );
}

function answerForm(answer, button, fields, tone = "") {
  return buildForm({
    fields,
    button: say(button),
    tone,
    send: (values) => call("POST", "/confirmation", { token, body: { answer, version: asked.version, ...(fields.length ? { facts: values } : {}) } }),
    done: () => {
      sessionStorage.removeItem(KEPT);
      tell("confirm.thanks", "good");
    },
    failed: (problem, result) => {
      if (problemOf(problem) !== "precondition-failed") return;
      result.append(make("button", { type: "button", click: open }, say("staff.reload")));
    },
  });
}
