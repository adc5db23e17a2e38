// What the sources say of each job, side by side, with the evidence: what a careers officer settles it by.

import { badge, make } from "./page.js";
import { called, day, money, say } from "./words.js";

const CODES = ["contract", "field", "employer", "end_reason"];
const SAID = ["contract", "field", "employer", "hours", "contract_signed_on", "offered_on", "starts_on", "fixed_end", "ended_on", "end_reason", "base_pay"];

/** A table for each job: a column for each report, a row for each thing that any of them says. */
export function jobsView(seen) {
  if (!seen.jobs.length) return null;
  return make("section", { class: "part" }, make("h3", {}, say("case.jobs")), seen.jobs.map((job) => jobTable(seen, job)));
}

function jobTable(seen, job) {
  const reports = job.reports.map((id) => [id, seen.placements[id]]);
  const title = say("case.job", { id: job.id });
  const rows = SAID.filter((name) => reports.some(([, each]) => each[name] !== null && each[name] !== undefined));
  const line = (head, mark, cells) => make("tr", {}, make("th", { scope: "row" }, head, mark), cells.map((each) => make("td", {}, each)));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
    make("table", {},
      make("caption", {}, make("strong", {}, title), " ", badge({ verified: "good", stated: "good" }[job.state] ?? "open", called("job_state", job.state))),
      make("thead", {}, make("tr", {}, make("td", {}), reports.map(([id, each]) => make("th", { scope: "col", class: "wraps" }, id, " ", make("span", { class: "soft" }, called("by", each.source)))))),
      make("tbody", {},
        line(say("staff.status"), null, reports.map(([, each]) => called("placement_status", each.status))),
        rows.map((name) => line(called("field", name), job.differs.includes(name) && [" ", badge("bad", say("staff.differs"))], reports.map(([, each]) => told(name, each[name])))),
        line(say("staff.evidence"), null, reports.map(([, each]) => evidence(seen, each))))));
}

function told(name, value) {
  if (value === null || value === undefined) return "–";
  if (name === "base_pay") return money(value);
  if (CODES.includes(name)) return called("choice", value);
  return /^\d{4}-\d\d-\d\d$/.test(value) ? day(value) : String(value);
}

function evidence(seen, report) {
  if (!report.evidence.length) return "–";
  return report.evidence.map((id) => (seen.documents[id] ? `${called("choice", seen.documents[id].kind)} (${id.slice(0, 6)})` : id.slice(0, 6))).join(", ");
}
