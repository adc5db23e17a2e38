// A person's own page. The link's secret comes in the address's fragment, which no server sees; it leaves the address
// bar at once and stays in this tab only.

import ACTS from "./acts.js";
import { call, problemOf } from "./api.js";
import { buildForm, problemText } from "./forms.js";
import { guaranteeView, refunds } from "./guarantee.js";
import { linkForm } from "./link.js";
import { at, badge, facts, make } from "./page.js";
import { called, day, isChosen, moment, money, say, speak, spoken } from "./words.js";

const LINK = /^#([a-z2-7]{26})\.([A-Za-z0-9_-]{43})$/;
const KEPT = "case";
const GROUPS = ["search", "money", "me"];

let link = null;
let seen = null;
let guarantee = null;

document.addEventListener("spoken", () => (seen?.told_in === spoken() ? render() : open()));
addEventListener("hashchange", open);
at("print").addEventListener("click", () => print());
at("leave").addEventListener("click", () => {
  sessionStorage.removeItem(KEPT);
  location.assign("link.html");
});
open();

async function open() {
  const given = LINK.exec(location.hash);
  if (given) sessionStorage.setItem(KEPT, JSON.stringify({ id: given[1], token: given[2] }));
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  link = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (link === null) return outside(say("case.no_link"));
  await load();
}

async function load() {
  at("state").replaceChildren(say("case.loading"));
  const asked = isChosen() ? `?language=${spoken()}` : "";
  const answer = await call("GET", `/cases/${link.id}${asked}`, { token: link.token });
  if (!answer.ok) return refuse(answer);
  const hasGuarantee = answer.body.enrolment.status !== "none";
  const promise = hasGuarantee ? await call("GET", `/cases/${link.id}/guarantee${asked}`, { token: link.token }) : null;
  seen = answer.body;
  guarantee = promise?.ok && promise.body.decision !== "not_started" ? promise.body : null;
  if (seen.told_in !== spoken()) speak(seen.told_in); // Which renders, too.
  else render();
}

function refuse(answer) {
  const problem = problemOf(answer);
  if (problem === "link-expired" || problem === "not-found" || problem === "unauthenticated") {
    sessionStorage.removeItem(KEPT);
    return outside(say(problem === "link-expired" ? "case.link_expired" : "case.link_unknown"));
  }
  at("state").replaceChildren(
    make("p", { class: "notice bad" }, problemText(answer)),
    make("button", { type: "button", click: load }, say("case.try_again")),
  );
}

function outside(text) {
  seen = guarantee = null;
  at("case").hidden = true;
  at("state").replaceChildren(make("p", { class: "notice" }, text), make("h2", {}, say("link.title")), linkForm());
}

function render() {
  at("state").replaceChildren();
  at("case").hidden = false;
  at("standing").replaceChildren(standing());
  at("guarantee").hidden = guarantee === null;
  if (guarantee) at("guarantee-view").replaceChildren(guaranteeView(guarantee));
  const forms = ACTS.filter(isPossible).map((act) => [act, card(act)]);
  const first = forms.filter(([act]) => isFirst(act)).map(([, element]) => element);
  at("first").hidden = first.length === 0;
  at("first-acts").replaceChildren(...first);
  at("acts").replaceChildren(...GROUPS.flatMap((group) => {
    const cards = forms.filter(([act]) => !isFirst(act) && act.group === group).map(([, element]) => element);
    return cards.length ? [make("h3", {}, say(`case.group_${group}`)), ...cards] : [];
  }));
  at("record").replaceChildren(...record());
  at("timeline").replaceChildren(...seen.timeline.toReversed().map((each) =>
    make("li", {}, make("time", { datetime: each.at }, each.occurred_on ? day(each.occurred_on) : moment(each.at)), " ",
      make("span", {}, each.in_words), " ",
      make("span", { class: "soft" }, called("by", each.by)))));
}

function standing() {
  const { application, enrolment, turn } = seen;
  const stage = enrolment.status === "none" ? ["case.application", application] : ["case.enrolment", enrolment];
  const isYours = turn.who === "applicant";
  return make(
    "div",
    {},
    make("p", { class: "lead" }, say("case.stands", { what: say(stage[0]) }), " ", make("strong", {}, stage[1].in_words)),
    isTooEarly() ? make("p", { class: "notice turn" }, make("span", { "aria-hidden": "true" }, "• "), say("case.sign_from", { day: day(seen.contract.sign_from) }), " ", offered())
      : make("p", { class: isYours ? "notice turn yours" : "notice turn" },
        make("span", { "aria-hidden": "true" }, isYours ? "→ " : "• "),
        isYours ? say("case.your_turn") : turn.who === "nobody" ? say("case.nobodys_turn") : [say("case.turn_of"), " ", make("strong", {}, turn.in_words)], " — ",
        called("what", seen.what), ".", seen.due_at && [" ", say("case.due", { when: day(seen.due_at.slice(0, 10)) })]),
    seen.reasons.length > 0 && make("p", {}, say("case.reasons"), " ", seen.reasons.map((code) => called("rejection", code)).join(", "), "."),
    facts(
      [say("case.programme"), seen.programme.name],
      [say("case.intake"), seen.intake],
      [say("case.reference"), make("code", {}, seen.case_id)],
    ),
  );
}

/** Whether there is a contract to sign, and the law does not let it be signed yet. */
const isTooEarly = () => seen.what === "sign_contract" && seen.contract.sign_from > seen.today;

// The clauses of a version of the terms, on a page of their own.
const clauses = (version, words) => make("a", { href: `terms.${version}.${spoken()}.html`, target: "_blank", rel: "noopener" }, words);
const offered = () => seen.contract?.terms_offered && clauses(seen.contract.terms_offered, say("case.terms_offered"));

function record() {
  const { offer, contract } = seen;
  const parts = [];
  const part = (title, ...content) => parts.push(make("section", { class: "part" }, make("h3", {}, say(title)), ...content));
  if (offer) {
    part("case.offer", facts([say("case.made_on"), day(offer.made_on)], [say("case.answer_by"), day(offer.answer_by)], [say("case.answered_on"), day(offer.answered_on)]),
      list(Object.values(offer.conditions).map((each) => [called("condition", each.kind), " — ", called("condition_status", each.status), ", ", say("case.by_day", { day: day(each.due_on) })])));
  }
  if (contract) {
    part("case.contract", facts(
      [say("case.price"), money(contract.price)],
      [say("case.deposit"), Number(contract.deposit.amount) ? money(contract.deposit) : null],
      [say("case.sent_on"), day(contract.sent_on)],
      [say("case.received_on"), day(contract.received_on)],
      [say("case.signed_on"), day(contract.signed_on)],
      [say("case.to_sign_from"), !contract.signed_on && day(contract.sign_from)],
      [say("guarantee.terms"), contract.terms && clauses(contract.terms, called("terms", contract.terms))],
      [say("case.days_counted_in"), contract.time_zone],
    ), !contract.signed_on && make("p", {}, offered()));
  }
  if (seen.money.length || isOwed(seen.to_pay)) part("case.money", ...seen.money.map(paid), isOwed(seen.to_pay) && facts([say("case.to_pay"), money(seen.to_pay)]));
  const placements = Object.entries(seen.placements);
  const standing = (id) => seen.jobs.find((each) => each.reports.includes(id));
  if (placements.length) part("case.jobs", list(placements.map(([id, each]) => [make("strong", {}, say("case.job", { id })), ` — ${job(each)} `, standing(id) && badge({ verified: "good", stated: "good" }[standing(id).state] ?? "open", called("job_state", standing(id).state))])));
  const offers = Object.entries(seen.offers);
  if (offers.length) part("case.job_offers", list(offers.map(([, each]) => [day(each.offered_on), " — ", each.outcome ? called("choice", each.outcome) : say("case.unanswered"), ", ", called("qualifying", each.qualifying)])));
  const introductions = Object.values(seen.introductions);
  if (introductions.length) part("case.introductions", list(introductions.map((each) => [day(each.on), " — ", called("introduction", each.status)])));
  const weeks = Object.entries(seen.search_weeks).sort().reverse();
  if (weeks.length) part("case.weeks", list(weeks.map(([monday, number]) => say("case.week_line", { day: day(monday), count: number }))));
  const spans = [
    ...seen.pauses.map((each) => [say("case.pause"), " ", span(each), " — ", called("pause_ruling", each.status)]),
    ...seen.leaves.map((each) => [say("case.leave_days"), " ", span(each), " — ", called("ruling", each.status)]),
  ];
  if (spans.length) part("case.pauses", list(spans));
  if (!guarantee && Object.keys(seen.refunds).length) parts.push(make("section", { class: "part" }, refunds(seen.refunds)));
  if (seen.payee_named) part("case.payee", make("p", {}, say("case.payee_named")));
  const documents = Object.values(seen.documents);
  if (documents.length) part("case.documents", list(documents.map((each) => [called("choice", each.kind), " ", badge({ clean: "good", malicious: "bad" }[each.status] ?? "open", called("document_status", each.status))])));
  if (seen.data_requests.some((each) => each.kind === "export" && each.status === "granted")) parts.push(copy());
  if (seen.submissions.length > 1) part("case.submissions", list(seen.submissions.map((each) => [moment(each.sent_at), each.chosen && [" ", badge("good", say("case.this_counts"))]])));
  return parts;
}

function copy() {
  const result = make("p", { role: "status", "aria-live": "polite" });
  const fetchCopy = async () => {
    const answer = await call("GET", `/cases/${link.id}/export`, { token: link.token });
    if (!answer.ok) return result.replaceChildren(problemText(answer));
    const address = URL.createObjectURL(answer.body);
    make("a", { href: address, download: `${seen.case_id}.zip` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return make("section", { class: "part" }, make("button", { type: "button", class: "quiet", click: fetchCopy }, say("case.data_copy")), result);
}

const isOwed = (amount) => amount !== null && Number(amount.amount) > 0;
const paid = (each) => facts(
  [say("field.payer"), called("payer", each.payer)],
  [say("case.money_received"), money(each.received)],
  [say("case.money_paid_back"), isOwed(each.paid_back) && money(each.paid_back)],
  [say("case.money_left"), money(each.left)],
);

const list = (items) => items.length > 0 && make("ul", { class: "plain" }, items.map((each) => make("li", {}, each)));
const span = ({ first_day: first, last_day: last }) => (last ? say("case.from_to", { first: day(first), last: day(last) }) : say("case.from_on", { first: day(first) }));

function job(each) {
  const parts = [called("choice", each.contract), called("placement_status", each.status)];
  if (each.hours !== null) parts.push(say("case.hours", { count: each.hours }));
  if (each.starts_on) parts.push(say("case.starts", { day: day(each.starts_on) }));
  if (each.ended_on) parts.push(say("case.ended", { day: day(each.ended_on) }));
  return parts.join(", ");
}

// What an act may be about, as [id, words].
const LISTS = {
  other_submissions: () => (seen.submissions.length < 2 ? [] : seen.submissions.filter((each) => !each.chosen).map((each) => [each.submission, moment(each.sent_at)])),
  placements: () => Object.entries(seen.placements).map(([id, each]) => [id, `${id}: ${job(each)}`]),
  standing_placements: () => LISTS.placements().filter(([id]) => seen.placements[id].status !== "retracted"),
  own_placements: () => LISTS.standing_placements().filter(([id]) => seen.placements[id].source === "applicant" && seen.placements[id].status !== "verified"),
  documents: () => Object.entries(seen.documents).map(([id, each]) => [id, `${called("choice", each.kind)} (${id.slice(0, 6)})`]),
  self_employed: () => LISTS.standing_placements().filter(([id]) => seen.placements[id].contract === "self_employed"),
  open_offers: () => Object.entries(seen.offers).filter(([, each]) => each.outcome === null).map(([id, each]) => [id, day(each.offered_on)]),
  standing_claims: () => seen.claims.filter((each) => !each.withdrawn).map((each) => [each.claim_id, moment(each.filed_at)]),
  appealable: () => Object.entries(seen.refunds).filter(([, each]) => each.may_appeal).map(([id, each]) => [id, `${called("ground", each.ground)}: ${called("refund_status", each.status)}`]),
  open_weeks: () => Object.entries(guarantee?.open_weeks ?? {}).map(([each, last]) => {
    const logged = seen.search_weeks[each];
    return [each, logged === undefined ? say("case.week_open", { day: day(each), last: day(last) }) : say("case.week_logged", { day: day(each), count: logged })];
  }),
};

function isPossible(act) {
  if (!act.actions.some((action) => seen.actions.includes(action))) return false;
  if (act.id === "withdrawal") {
    return seen.enrolment.status === "none" ? seen.actions.includes("withdraw_application") : seen.actions.some((each) => ["withdraw", "cancel", "terminate"].includes(each));
  }
  if (act.id === "contract-signature" && isTooEarly()) return false;
  if (act.id === "claim" && seen.claims.some((each) => !each.withdrawn)) return false;
  const lists = [act.subject?.from, act.needs, ...act.fields.filter((field) => field.required).map((field) => field.choices_from)];
  return lists.filter(Boolean).every((name) => LISTS[name]().length > 0);
}

function isFirst(act) {
  return Boolean(act.first) || (act.id === "claim" && guarantee?.decision === "awaiting_claim") || (act.id === "search-week" && guarantee?.decision === "open");
}

function card(act) {
  const fields = act.fields.map((field) => ({
    ...field,
    fields: field.fields?.map((each) => ({ ...each, name: `${field.name}.${each.name}` })),
    label: field.label && say(field.label),
    choices: field.choices_from ? LISTS[field.choices_from]() : field.choices,
    max: field.name === "ended_on" || field.name === "offered_on" ? seen.today : field.max,
    value: field.choices_from === "open_weeks" ? LISTS.open_weeks()[0][0] : undefined,
  }));
  if (act.subject) fields.unshift({ name: act.subject.name, kind: "choice", required: true, choices: LISTS[act.subject.from]() });
  const form = buildForm({
    fields,
    button: say(`act.${act.id}.button`),
    tone: act.danger ? "danger" : isFirst(act) ? "primary" : "",
    confirm: act.confirm && say(`act.${act.id}.confirm`),
    send: (values, key, filled) => send(act, values, key, filled),
    done: async () => {
      await load();
      announce(say("case.done", { what: say(`act.${act.id}.title`) }));
    },
    failed: (answer, result) => {
      if (problemOf(answer) === "link-expired") {
        result.replaceChildren(make("p", { class: "notice bad" }, say("case.link_old")));
        const form = result.closest("form");
        if (form.nextElementSibling === null) form.after(linkForm());
      }
    },
  });
  const content = [make("p", { class: "soft" }, say(`act.${act.id}.about`)), act.id === "contract-signature" && make("p", {}, offered()), form];
  if (isFirst(act)) return make("section", { class: "act", "data-act": act.id }, make("h3", {}, say(`act.${act.id}.title`)), content);
  return make("details", { class: "act", "data-act": act.id }, make("summary", {}, say(`act.${act.id}.title`)), content);
}

function announce(text) {
  at("state").replaceChildren(make("p", { class: "notice good" }, text));
  scrollTo({ top: 0 });
}

function send(act, values, key, form) {
  let route = act.route;
  if (act.subject) {
    route = route.replace(`{${act.subject.name}}`, encodeURIComponent(values[act.subject.name]));
    delete values[act.subject.name];
  }
  const path = `/cases/${link.id}/${route}`;
  // A document is known by its content, so that it needs no key to be sent twice.
  if (act.id === "document") return call("POST", path, { token: link.token, form: new FormData(form) });
  return call("POST", path, { token: link.token, key, body: { ...act.fixed, ...values } });
}
