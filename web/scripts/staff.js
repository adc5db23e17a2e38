// A plain desk for staff. What may be done comes from the case's `actions`; how its form looks, from the service's own
// OpenAPI document. The token stays in this tab.

import { call, problemOf } from "./api.js";
import { buildForm, problemText } from "./forms.js";
import { auditsDesk } from "./audits.js";
import { careersDesk } from "./careers.js";
import DESK from "./desk.js";
import { guaranteeView } from "./guarantee.js";
import { jobsView } from "./jobs.js";
import { at, badge, facts, fill, make } from "./page.js";
import ROUTES from "./routes.js";
import { called, day, knows, moment, money, say, spoken } from "./words.js";

const KEPT = "staff";
const CASE = "/api/cases/{case_id}/";

let token = sessionStorage.getItem(KEPT);
let person = read(token);
let api = null;
let open = null; // {id, version, seen, positions} of the case on the desk.

document.addEventListener("spoken", show);
at("sign-out").addEventListener("click", () => {
  sessionStorage.removeItem(KEPT);
  token = person = open = null;
  show();
});
addEventListener("hashchange", () => person && route());
show();

async function show() {
  at("desk").hidden = person === null;
  at("door").hidden = person !== null;
  at("sign-out").hidden = person === null;
  if (person === null) {
    at("who").textContent = "";
    at("token-form").replaceChildren(buildForm({
      fields: [{ name: "token", kind: "text", required: true, max: 8000 }],
      button: say("staff.sign_in"),
      tone: "primary",
      send: async (values) => {
        const found = read(values.token.trim());
        if (found === null) return { ok: false, status: 401, body: { type: "/problems/unauthenticated" } };
        [token, person] = [values.token.trim(), found];
        sessionStorage.setItem(KEPT, token);
        return { ok: true };
      },
      done: show,
    }));
    return;
  }
  at("who").textContent = say("staff.you_are", { name: person.name, roles: person.roles.map((each) => called("role", each)).join(", ") });
  api ??= (await call("GET", "/openapi.json")).body;
  for (const [id, asked, fillIn] of PARTS) {
    at(id).hidden = !may(asked);
    if (!at(id).hidden) fillIn();
  }
  reportForms();
  await route();
}

/** Name and roles as the token states them, for the screen only: the service checks it. */
function read(text) {
  try {
    const part = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (each) => each.charCodeAt(0))));
    return { name: claims.name ?? claims.oid, roles: claims.roles ?? [] };
  } catch {
    return null;
  }
}

/** Whether the token's roles allow any of these routes. */
const may = (asked) => asked.some((name) => DESK.routes[name].some((role) => person.roles.includes(role)));

// What stands on the desk: the element, the routes of which one must be allowed, and what fills it.
const PARTS = [
  ["queue-part", ["GET work-queue"], queueForm],
  ["find-part", ["POST case-searches", "GET cases/{case_id}"], findForm],
  ["careers", ["GET early-risk"], () => careersDesk(token, keep)],
  ["audits", ["GET audits"], () => auditsDesk(token, keep)],
  ["access", ["POST link-revocations", "POST staff-revocations"], accessForms],
];

async function route() {
  const id = location.hash.slice(1);
  if (/^[a-z2-7]{26}$/.test(id)) await openCase(id);
  else {
    open = null;
    at("case-view").hidden = true;
    at("queue").replaceChildren();
    if (may(["GET work-queue"])) await queue({});
  }
}

// The queue, the search, the reports.

function queueForm() {
  at("filter").replaceChildren(buildForm({
    fields: [
      { name: "stage", kind: "choice", choices: ["application", "enrolment", "search", "refund"].map((each) => [each, called("stage", each)]) },
      { name: "turn", kind: "choice", choices: ["specialist", "admissions", "careers", "finance"].map((each) => [each, called("role", each)]) },
    ],
    button: say("staff.show"),
    send: (values) => queue(values),
  }));
}

function reportForms() {
  const allowed = Object.entries(DESK.reports).filter(([, { roles }]) => roles.some((role) => person.roles.includes(role)));
  at("reports-part").hidden = allowed.length === 0;
  at("reports").replaceChildren(...allowed.map(([name, report]) =>
    make("details", { class: "act", "data-report": name }, make("summary", {}, called("report", name)), reportForm(name, report))));
}

function reportForm(name, { formats, fields, only = {} }) {
  const allowed = formats.filter((each) => (only[each] ?? person.roles).some((role) => person.roles.includes(role)));
  const choices = allowed.map((each) => [each, called("report_format", each)]);
  return buildForm({
    fields: [...fields, { name: "format", kind: "choice", required: true, choices }],
    button: say("staff.download"),
    send: async (values) => {
      const asked = new URLSearchParams(formats.includes("html") ? { ...values, lang: spoken() } : values);
      const answer = await call("GET", `/reports/${name}?${asked}`, { token });
      if (answer.ok) keep(answer.body, `${[name, values.intake, values.month].filter(Boolean).join("-")}.${values.format}`);
      return answer;
    },
  });
}

function findForm() {
  if (!may(["POST case-searches"])) return openForm();
  at("find-title").textContent = say("staff.find_title");
  at("find").replaceChildren(buildForm({
    fields: [{ name: "wanted", kind: "text", required: true, max: 254 }],
    button: say("staff.find"),
    send: async (values) => {
      const wanted = values.wanted.trim();
      const name = wanted.includes("@") ? "email" : "reference";
      const answer = await call("POST", "/case-searches", { token, body: { [name]: wanted } });
      if (answer.ok) rows(answer.body.cases, "staff.found", null);
      return answer;
    },
  }));
}

// Who may see a case but not search for one names it.
function openForm() {
  at("find-title").textContent = say("staff.open_title");
  at("find").replaceChildren(buildForm({
    fields: [{ name: "case_id", kind: "text", required: true, max: 26, pattern: "[a-z2-7]{26}" }],
    button: say("staff.open"),
    send: async (values) => {
      location.hash = values.case_id;
      return { ok: true };
    },
  }));
}

function accessForms() {
  const order = (title, route, told, field) => make("details", { class: "act" }, make("summary", {}, title), buildForm({
    fields: [{ kind: "text", required: true, ...field }],
    button: title,
    tone: "danger",
    send: (values) => call("POST", route, { token, body: values }),
    done: (answer, result) => result.replaceChildren(make("p", { class: "notice good" }, told(answer.body))),
  }));
  at("access-forms").replaceChildren(
    order(say("staff.link_revocations"), "/link-revocations", ({ revoked }) => say("staff.links_revoked", { count: revoked }), { name: "case_id", max: 26 }),
    order(say("staff.staff_revocations"), "/staff-revocations", () => say("staff.staff_revoked"), { name: "staff", label: say("field.staff_id"), max: 129, hint: "hint.specialist" }),
  );
}

async function queue(values) {
  const answer = await call("GET", `/work-queue?${new URLSearchParams(values)}`, { token });
  if (answer.ok) rows(answer.body.work, "staff.queue", answer.body.next && (() => queue({ ...values, after: answer.body.next })));
  else at("queue").replaceChildren(make("p", { class: "notice bad" }, problemText(answer)));
  return answer;
}

function rows(found, title, more) {
  const heads = ["staff.case", "staff.stage", "staff.turn", "staff.what", "staff.due"];
  fill(at("queue"),
    make("h2", { tabindex: -1 }, say(title), " ", make("span", { class: "soft" }, String(found.length))),
    found.length === 0 ? make("p", {}, say("staff.nothing")) : make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": say(title) },
      make("table", {},
        make("thead", {}, make("tr", {}, heads.map((each) => make("th", { scope: "col" }, say(each))))),
        make("tbody", {}, found.map((each) => make("tr", {},
          make("td", {}, make("a", { href: `#${each.case_id}` }, make("code", {}, each.case_id)), make("br"), make("span", { class: "soft" }, each.intake)),
          make("td", {}, each.stage ? called("stage", each.stage) : [called("state", each.application), " / ", called("state", each.enrolment)]),
          make("td", {}, called("role", each.turn)),
          make("td", {}, called("what", each.what), (each.flags ?? []).map((flag) => [" ", badge("bad", called("flag", flag))])),
          make("td", {}, each.due_at && day(each.due_at.slice(0, 10)), each.overdue && [" ", badge("bad", say("staff.overdue"))])))))),
    more && make("button", { type: "button", click: more }, say("staff.more")),
  );
}

// One case.

async function openCase(id, note = null) {
  const answer = await call("GET", `/cases/${id}`, { token });
  at("case-view").hidden = false;
  if (!answer.ok) {
    open = null;
    at("case-view").replaceChildren(make("p", { class: "notice bad" }, problemText(answer)));
    return;
  }
  const { body: seen } = answer;
  open = { id, version: answer.version, seen, positions: await positions(seen) };
  fill(at("case-view"),
    make("h2", { tabindex: -1 }, say("staff.case"), " ", make("code", {}, id)),
    make("div", { role: "status", "aria-live": "polite" }, note && make("p", { class: "notice good" }, note)),
    make("p", { class: "notice turn" }, make("strong", {}, called("role", seen.agenda.turn)), ": ", called("what", seen.agenda.what), ".", seen.agenda.due_at && [" ", say("case.due", { when: day(seen.agenda.due_at.slice(0, 10)) })]),
    jobsView(seen),
    make("div", { class: "columns" }, make("div", {}, about(seen), documents(seen)), acts(seen)),
    make("details", { toggle: guarantee }, make("summary", {}, called("ground", "guarantee")), make("div", {})),
    make("details", { toggle: events }, make("summary", {}, say("staff.events")), make("div", {})),
    make("details", {}, make("summary", {}, say("staff.all_facts")), tree(seen)),
  );
  at("case-view").querySelector("h2").focus();
}

function about(seen) {
  const { person: who, application, enrolment, guarantee: promise } = seen;
  return make("section", { class: "part" },
    make("h3", {}, say("staff.facts")),
    facts(
      [say("staff.name"), who && `${who.given_names} ${who.family_names}`],
      [called("field", "email"), who?.email],
      [called("field", "phone"), who?.phone],
      [called("field", "country"), seen.country],
      [say("case.intake"), seen.intake],
      [say("case.application"), called("state", application.status)],
      [say("staff.prerequisite"), called("prerequisite", application.prerequisite)],
      [say("staff.degree"), who?.education && [who.education.level, who.education.subject, who.education.institution, who.education.country].join(", ")],
      [say("case.enrolment"), called("state", enrolment.status)],
      [say("case.price"), enrolment.contract && money(enrolment.contract.price)],
      [say("staff.paid"), seen.ledger.map((line) => `${called("choice", line.kind)} ${money(line.amount)}`).join(", ")],
      [called("ground", "guarantee"), promise.decision !== "not_started" && called("decision", promise.decision)],
      [say("guarantee.window_end"), day(promise.window_end)],
      ...Object.entries(seen.refunds).filter(([, each]) => each.status !== "none").map(([id, each]) => [`${say("field.refund")} ${id}`, refundInWords(each)]),
    ),
    who?.motivation && make("blockquote", {}, who.motivation));
}

// What is paid back to whom, and what a signature stands for: nobody signs a number.

const shares = ({ shares: found }) => found.map((each) => say("staff.share", { amount: money(each.amount), payer: called("paid_to", each.payer) })).join(", ");
const refundInWords = (each) => [say("staff.stated", { name: called("ground", each.ground), what: called("refund_status", each.status) }), each.proposal?.shares.length && shares(each.proposal)].filter(Boolean).join(", ");
const refundNamed = (id, { refunds }) => [id, say("staff.stated", { name: id, what: refundInWords(refunds[id]) })];

function proposed(proposal) {
  const { verdict, clauses, decision } = proposal;
  const what = verdict === "approval" ? shares(proposal) : clauses.length ? clauses.map((id) => called("criterion", id)).join(", ") : called("decision", decision);
  return [proposal.id, say("staff.stated", { name: called("verdict", verdict), what })];
}

function acts(seen) {
  const mine = new Set(person.roles.flatMap((role) => seen.actions[role] ?? []));
  const possible = Object.entries(ROUTES).filter(([, actions]) => actions.some((action) => mine.has(action)));
  const cards = possible.map(([path]) => actCard(path)).filter(Boolean);
  return make("section", { class: "part" }, make("h3", {}, say("staff.acts")), cards.length ? cards : make("p", {}, say("staff.no_acts")));
}

// The ids that a route or a form may name, from the case. A message's is not there: it is typed, as an alert names it.
const IDS = {
  condition_id: ({ application }) => Object.keys(application.offer?.conditions ?? {}),
  placement: ({ placements }) => Object.keys(placements),
  same_as: ({ placements }) => Object.keys(placements),
  introduction: ({ enrolment }) => Object.keys(enrolment.introductions),
  position: () => open.positions,
  offer_id: ({ enrolment }) => Object.keys(enrolment.job_offers),
  document: ({ documents }) => Object.entries(documents).map(([id, each]) => [id, `${called("choice", each.kind)} ${id}`]),
  leave_id: ({ enrolment }) => enrolment.leaves.map((each) => each.id),
  pause_id: ({ enrolment }) => enrolment.pauses.map((each) => each.id),
  request: ({ custody }) => custody.requests.filter((each) => !["granted", "refused"].includes(each.status)).map((each) => each.id),
  conflict: ({ custody }) => custody.conflicts.filter((each) => !each.lifted).map((each) => each.id),
  correction: ({ custody }) => custody.corrections.filter((each) => each.status === "proposed").map((each) => each.id),
  hold: ({ custody }) => custody.holds.filter((each) => !each.released_on).map((each) => each.id),
  refund: (seen) => Object.keys(seen.refunds).filter((id) => seen.refunds[id].status === "approved" || seen.refunds[id].frozen).map((id) => refundNamed(id, seen)),
  appeal: (seen) => Object.keys(seen.refunds).filter((id) => seen.refunds[id].status === "appealed").map((id) => refundNamed(id, seen)),
  recovery: (seen) => Object.keys(seen.refunds).filter((id) => seen.refunds[id].status === "recovery_open").map((id) => refundNamed(id, seen)),
  proposal: ({ refunds, enrolment }) => [
    enrolment.expiry_proposal && [enrolment.expiry_proposal, say("staff.proposal_expiry")],
    ...Object.entries(refunds).map(([id, each]) => each.status === "recovery_open" && [`${id}-recovery`, say("staff.proposal_recovery", { what: shares(each.proposal) })]),
    ...Object.values(refunds).map((each) => ["proposed", "failed"].includes(each.status) && each.proposal && proposed(each.proposal)),
  ].filter(Boolean),
};

const named = (each) => (Array.isArray(each) ? each : [each, each]);

// Positions that somebody may be introduced to now, by title.
async function positions(seen) {
  if (!person.roles.includes("careers") || !seen.actions.careers?.includes("introduce")) return [];
  const answer = await call("GET", "/positions?limit=100", { token });
  return answer.ok ? answer.body.positions.map((each) => [each.position, `${each.title}, ${each.employer_name} (${each.country})`]) : [];
}

function actCard(path) {
  const operation = api.paths?.[CASE + path]?.post;
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  if (!operation || parameters.some((name) => IDS[name]?.(open.seen).length === 0)) return null;
  const content = operation.requestBody?.content ?? {};
  const upload = content["multipart/form-data"]?.schema;
  const schema = upload ?? content["application/json"]?.schema;
  const subjects = parameters.map((name) => ({ name, required: true, ...(name in IDS ? { kind: "choice", choices: IDS[name](open.seen).map(named) } : { kind: "text", max: 128 }) }));
  const fields = schema ? fieldsOf(schema) : [];
  const title = called("route", path.replace(/\W*\{\w+\}/g, ""));
  const card = buildForm({
    fields: [...subjects, ...fields],
    button: title,
    send: (values, key, form) => {
      let route = path;
      for (const name of parameters) {
        route = route.replace(`{${name}}`, encodeURIComponent(values[name]));
        delete values[name];
      }
      const asked = upload ? { form: new FormData(form) } : { key, body: values };
      return call("POST", `/cases/${open.id}/${route}`, { token, version: open.version, ...asked });
    },
    done: () => openCase(open.id, say("case.done", { what: title })),
    failed: (answer, result) => {
      if (problemOf(answer) !== "precondition-failed") return;
      result.append(make("button", { type: "button", click: () => openCase(open.id) }, say("staff.reload")));
    },
  });
  const beside = path.startsWith("appeals/") ? make("div", {}) : null;
  return make("details", { class: "act", "data-route": path, toggle: beside && (({ target }) => target.open && appealWords(beside)) }, make("summary", {}, title), beside, card);
}

// What the person wrote, beside the form that answers it: fetched when the form is opened, for that it was read is kept.
async function appealWords(place) {
  const answer = await call("GET", `/cases/${open.id}/events`, { token });
  if (!answer.ok) return place.replaceChildren(make("p", { class: "notice bad" }, problemText(answer)));
  const { events: happened, notes = {} } = answer.body;
  const appeals = happened.filter((each) => each.kind === "appeal_filed" && open.seen.refunds[each.subject].status === "appealed");
  place.replaceChildren(make("h4", {}, say("staff.appeal_words")), ...appeals.map((each) => make("blockquote", {}, notes[each.note_id] ?? "–")));
}

// From a schema to fields.

function resolved(schema) {
  const named = schema.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;
  const choice = named.anyOf?.filter((each) => each.type !== "null");
  return choice ? { ...resolved(choice[0]), default: named.default } : named;
}

function fieldsOf(schema) {
  const { properties = {}, required = [] } = resolved(schema);
  return Object.entries(properties).map(([name, each]) => fieldOf(name, resolved(each), required.includes(name)));
}

function fieldOf(name, schema, required) {
  const field = { name, required, value: typeof schema.default === "string" ? schema.default : undefined };
  const ids = IDS[name]?.(open.seen);
  if (schema.enum || schema.const) return { ...field, kind: "choice", choices: schema.enum ?? [schema.const] };
  if (ids?.length && schema.type === "string") return { ...field, kind: "choice", choices: ids.map(named) };
  if (schema.contentMediaType) return { ...field, kind: "file" };
  if (schema.type === "object") return { ...field, kind: "group", fields: fieldsOf(schema).map((each) => ({ ...each, name: `${name}.${each.name}`, required: each.required && required })) };
  if (schema.type === "array" && resolved(schema.items).type === "object") return { ...field, kind: "rows", fields: fieldsOf(schema.items) };
  if (schema.type === "array") return { ...field, kind: "list", hint: "hint.list" };
  if (schema.type === "boolean") return { ...field, kind: "checkbox", required: false };
  if (schema.type === "integer") return { ...field, kind: "number", min: schema.minimum, max: schema.maximum };
  if (schema.format === "date") return { ...field, kind: "date" };
  if (schema.maxLength >= 4000) return { ...field, kind: "textarea", max: schema.maxLength };
  return { ...field, kind: "text", max: schema.maxLength };
}

/** Hand a file over to the browser, which keeps it. */
function keep(file, name) {
  const address = URL.createObjectURL(file);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// What else is on record.

function documents(seen) {
  const found = Object.entries(seen.documents);
  if (!found.length) return null;
  const result = make("p", { role: "status", "aria-live": "polite" });
  const fetchDocument = async (id) => {
    const answer = await call("GET", `/cases/${open.id}/documents/${id}`, { token });
    if (!answer.ok) return result.replaceChildren(problemText(answer));
    keep(answer.body, id);
  };
  return make("section", { class: "part" }, make("h3", {}, say("case.documents")),
    make("ul", { class: "plain" }, found.map(([id, each]) => make("li", {}, called("choice", each.kind), " ",
      badge({ clean: "good", malicious: "bad" }[each.status] ?? "open", called("document_status", each.status)), " ",
      each.status === "clean" && make("button", { type: "button", class: "quiet", click: () => fetchDocument(id) }, say("staff.download"))))),
    result);
}

async function guarantee({ target }) {
  if (!target.open) return;
  const answer = await call("GET", `/cases/${open.id}/guarantee?language=${spoken()}`, { token });
  target.lastElementChild.replaceChildren(answer.ok ? guaranteeView(answer.body) : make("p", { class: "notice bad" }, problemText(answer)));
}

async function events({ target }) {
  if (!target.open) return;
  const answer = await call("GET", `/cases/${open.id}/events`, { token });
  target.lastElementChild.replaceChildren(answer.ok
    ? make("ol", { class: "timeline" }, answer.body.events.toReversed().map((each) => make("li", {}, make("time", { datetime: each.at }, moment(each.at)), " ",
        knows(`event.${each.kind}`) ? say(`event.${each.kind}`) : each.kind, " ", make("span", { class: "soft" }, called("by", each.actor.role)),
        answer.body.notes?.[each.note_id] && make("blockquote", {}, answer.body.notes[each.note_id]))))
    : make("p", { class: "notice bad" }, problemText(answer)));
}

function tree(value) {
  return make("pre", { tabindex: 0, lang: spoken() }, JSON.stringify(value, null, 1));
}
