// "Your guarantee": what the promise says today, clause by clause, with what it rests on and what can be done.

import { badge, facts, make } from "./page.js";
import { called, day, money, say } from "./words.js";

const TONES = { met: "good", not_met: "bad", unknown: "open", waived: "set" };
const COUNTS = { yes: "good", no: "set" };
const STANDING = {
  satisfied: "good", eligible: "good", awaiting_claim: "good", placed_provisional: "open", open: "calm", paused: "calm",
  undetermined: "open", not_eligible: "bad", lapsed: "bad", no_guarantee: "bad", recovery_review: "open", not_started: "calm",
};

/** Everything the service says about the guarantee, as one block; its sentences are in the language it was asked in. */
export function guaranteeView(seen) {
  const spokenIn = seen.told_in;
  const criteria = Object.entries(seen.criteria ?? {});
  const tally = ["met", "not_met", "unknown", "waived"].map((status) => [status, criteria.filter(([, each]) => each.status === status).length]);
  return make(
    "div",
    { class: "guarantee" },
    make("p", { class: "lead" }, badge(STANDING[seen.decision] ?? "calm", ""), seen.in_words),
    bar(seen),
    facts(
      [say("guarantee.as_of"), day(seen.as_of)],
      [say("guarantee.qualified_on"), day(seen.qualified_on)],
      [say("guarantee.window_end"), seen.qualified_on && (seen.window_end ? day(seen.window_end) : say("guarantee.no_end"))],
      [say("guarantee.pause_days"), seen.pause_days ? say("guarantee.days", { count: seen.pause_days }) : null],
      [say("guarantee.claim_from"), day(seen.first_day_to_claim)],
      [say("guarantee.claim_until"), day(seen.last_day_to_claim)],
      [say("guarantee.terms"), seen.terms && called("terms", seen.terms)],
    ),
    criteria.length > 0 && [
      make("h3", {}, say("guarantee.criteria")),
      make("p", { class: "soft" }, seen.criteria_are ? say("guarantee.as_they_stand") : say("guarantee.as_judged"), " ",
        tally.filter(([, count]) => count).map(([status, count]) => `${called("criterion_status", status)}: ${count}`).join(" · ")),
      make("ol", { class: "criteria" }, criteria.map(([id, each]) => criterion(id, each, spokenIn))),
    ],
    jobs(seen.jobs, spokenIn),
    refunds(seen.refunds),
  );
}

function bar({ days_used: used, days_left: left, window_end: end }) {
  if (used === null || used === undefined || left === null || left === undefined) return null;
  const text = left === 0 ? say("guarantee.window_over") : left === 1 ? say("guarantee.one_day_left") : say("guarantee.days_left", { count: left });
  return make(
    "div",
    { class: "bar" },
    make("p", { id: "days-left" }, make("strong", {}, text), left > 0 && [" ", make("span", { class: "soft" }, say("guarantee.until", { day: day(end) }))]),
    make("progress", { max: Math.max(1, used + left), value: used, "aria-labelledby": "days-left" }),
  );
}

function criterion(id, each, spokenIn) {
  const { status, clause, sentence, value, facts: evidence, what_to_do: advice } = each;
  return make(
    "li",
    { class: `criterion ${TONES[status]}` },
    make("div", { class: "head" }, make("h4", {}, called("criterion", id)), badge(TONES[status], called("criterion_status", status))),
    make("p", { lang: spokenIn }, sentence, " ", make("span", { class: "soft" }, say("guarantee.clause", { clause }))),
    evidenceList(value, evidence),
    advice && make("p", { class: "advice" }, make("strong", {}, say("guarantee.to_do")), " ", make("span", { lang: spokenIn }, advice)),
  );
}

function evidenceList(value, evidence) {
  const pairs = Object.entries(evidence ?? {}).map(([name, stated]) => [called("evidence", name), inWords(stated)]);
  if (pairs.every(([, text]) => text === "") && value !== null) pairs.push([say("guarantee.value"), inWords(value)]);
  const shown = pairs.filter(([, text]) => text !== "");
  return shown.length ? facts(...shown) : null;
}

function inWords(stated) {
  if (stated === null || stated === undefined) return "";
  if (Array.isArray(stated)) return stated.map(inWords).join(", ");
  if (typeof stated === "object") {
    return Object.entries(stated).map(([name, each]) => `${say("case.job", { id: name })}: ${called("counts", each)}`).join(", ");
  }
  if (/^\d{4}-\d{2}-\d{2}$/.test(stated)) return day(stated);
  return typeof stated === "string" ? called("choice", stated) : String(stated);
}

function jobs(found, spokenIn) {
  const list = Object.entries(found ?? {});
  if (!list.length) return null;
  return [
    make("h3", {}, say("guarantee.jobs")),
    make("ul", { class: "plain" }, list.map(([id, { counts, clause, sentence }]) =>
      make("li", {}, make("strong", {}, say("case.job", { id })), " ", badge(COUNTS[counts] ?? "open", called("counts", counts)),
        make("p", { lang: spokenIn }, sentence, " ", clause && make("span", { class: "soft" }, say("guarantee.clause", { clause })))))),
  ];
}

/** Refunds with what was decided and paid. */
export function refunds(found) {
  const list = Object.entries(found ?? {});
  if (!list.length) return null;
  return [
    make("h3", {}, say("guarantee.refunds")),
    make("ul", { class: "plain" }, list.map(([, each]) =>
      make("li", {}, make("strong", {}, called("ground", each.ground)), ": ", each.in_words,
        each.status === "proposed" && each.ground !== "guarantee" && make("p", {}, say("guarantee.by_law")),
        facts(
          ...each.amounts.map((share) => [called("payer", share.payer), money(share.amount)]),
          [say("guarantee.not_met"), each.clauses.map((id) => called("criterion", id)).join(", ")],
          [say("guarantee.paid_on"), day(each.paid_on)],
        )))),
  ];
}
