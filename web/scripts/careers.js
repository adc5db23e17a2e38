// What only careers need: who is at risk, and lists of placements from a partner.

import { call } from "./api.js";
import { buildForm, problemText } from "./forms.js";
import { at, badge, fill, make } from "./page.js";
import { called, day, say } from "./words.js";

/** The careers part of the desk; `keep` hands a file to the browser. */
export function careersDesk(token, keep) {
  at("risk").replaceChildren(buildForm({ fields: [], button: say("staff.risk"), send: () => atRisk(token, "") }));
  at("import").replaceChildren(buildForm({
    fields: [
      { name: "partner", kind: "text", required: true, max: 40 },
      { name: "dry_run", kind: "choice", required: true, choices: ["yes", "no"] },
      { name: "file", kind: "file", required: true, accept: ".csv,text/csv", hint: "hint.import" },
    ],
    button: say("staff.import"),
    send: (_values, _key, form) => call("POST", "/placement-imports", { token, form: new FormData(form) }),
    done: (answer, result) => imported(token, keep, answer.body, result),
  }));
}

async function atRisk(token, after) {
  const answer = await call("GET", `/early-risk?${new URLSearchParams(after ? { after } : {})}`, { token });
  if (!answer.ok) return answer;
  const { at_risk: found, next } = answer.body;
  const heads = ["staff.case", "staff.days_left", "guarantee.window_end", "staff.last_contact"];
  fill(at("queue"),
    make("h2", { tabindex: -1 }, say("staff.risk_title"), " ", make("span", { class: "soft" }, String(found.length))),
    found.length === 0 ? make("p", {}, say("staff.nothing")) : make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": say("staff.risk_title") },
      make("table", {},
        make("thead", {}, make("tr", {}, heads.map((each) => make("th", { scope: "col" }, say(each))))),
        make("tbody", {}, found.map((each) => make("tr", {},
          make("td", {}, make("a", { href: `#${each.case_id}` }, make("code", {}, each.case_id)), make("br"), make("span", { class: "soft" }, each.intake)),
          make("td", {}, String(each.days_left)),
          make("td", {}, day(each.window_end)),
          make("td", {}, each.last_contact_on ? day(each.last_contact_on) : "–", each.contact_overdue && [" ", badge("bad", say("staff.overdue"))])))))),
    next && make("button", { type: "button", click: () => atRisk(token, next) }, say("staff.more")));
  at("queue").querySelector("h2").focus();
  return answer;
}

// How far an import has come; what is left is gone on with page by page, here or by the timer.
function imported(token, keep, found, result) {
  const path = `/placement-imports/${found.import_id}`;
  const counts = Object.entries(found.counts).map(([name, number]) => `${called("import", name)} ${number}`).join(", ");
  const step = (method, rest, then) => async () => {
    const answer = await call(method, path + rest, { token });
    if (answer.ok) then(answer.body);
    else result.append(make("p", { class: "notice bad" }, problemText(answer)));
  };
  result.replaceChildren(
    make("p", { class: "notice" }, say("staff.import_done", { done: found.done, pages: found.pages }), " ", counts),
    found.status === "done"
      ? make("button", { type: "button", click: step("GET", "/result", (file) => keep(file, `${found.import_id}.csv`)) }, say("staff.import_result"))
      : make("button", { type: "button", click: step("POST", "/continuation", (more) => imported(token, keep, more, result)) }, say("staff.import_go_on")));
}
