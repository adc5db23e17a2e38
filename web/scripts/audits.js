// Audits: every run that has ended, with its files.

import { call } from "./api.js";
import { problemText } from "./forms.js";
import { at, make } from "./page.js";
import { called, moment, say, spoken } from "./words.js";

/** The audits' part of the desk; `keep` hands a file to the browser. */
export async function auditsDesk(token, keep) {
  const answer = await call("GET", "/audits", { token });
  if (!answer.ok) return at("runs").replaceChildren(make("p", { class: "notice bad" }, problemText(answer)));
  const { audits } = answer.body;
  const result = make("div", { role: "status", "aria-live": "polite" });
  at("runs").replaceChildren(
    audits.length === 0 ? make("p", {}, say("staff.nothing")) : make("ul", { class: "plain tall", tabindex: 0, "aria-label": say("staff.audits") },
      audits.map((each) => make("li", {}, line(each), files(each.run, token, keep, result)))),
    result);
}

function line({ at: when, scope, examined, counts }) {
  const found = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return [make("strong", {}, moment(when)), " — ", called("scope", scope), ". ", say("staff.audit_run", { examined, found })];
}

function files(run, token, keep, result) {
  const fetchFile = async (name) => {
    const answer = await call("GET", `/audits/${run}/files/${name}`, { token });
    if (answer.ok) keep(answer.body, `audit-${run}-${name}`);
    else result.replaceChildren(make("p", { class: "notice bad" }, problemText(answer)));
  };
  const offered = { report: `report.${spoken()}.html`, findings: "findings.csv" };
  return Object.entries(offered).map(([kind, name]) => make("button", { type: "button", class: "quiet", click: () => fetchFile(name) }, called("audit_file", kind)));
}
