// The application form works without this script. With it: words in two languages, the time zone guessed, the notice
// only where it applies, and what the service does not accept said beside the field.

import { call } from "./api.js";
import { clear, complain, complete } from "./forms.js";
import { at, make } from "./page.js";
import { country, day, isChosen, say, speak, spoken } from "./words.js";

const form = at("application");
const result = at("result");
const accredited = (form.dataset.accredited ?? "").split(" ");

form.noValidate = true; // The messages are ours; without this script the browser's stand in.
form.elements["website"].closest(".trap").hidden = true;

guessTimeZone();
relabel();
showNotice();
if (isChosen() || spoken() !== "en") form.elements["language"].value = spoken();

document.addEventListener("spoken", () => {
  form.elements["language"].value = spoken();
  relabel();
});
form.elements["language"].addEventListener("change", (event) => speak(event.target.value, { byChoice: true }));
form.elements["country"].addEventListener("change", showNotice);
form.elements["motivation"].addEventListener("input", count);
for (const name of ["degree.awarded_on", "degree.expected_on"]) form.elements[name].addEventListener("change", oneDate);

const source = new URLSearchParams(location.search).get("source") ?? "";
if (/^[a-z0-9][a-z0-9_-]{0,59}$/.test(source)) form.elements["source"].value = source;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear(form);
  result.replaceChildren();
  if (!complete(form)) return;
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  result.replaceChildren(say("form.sending"));
  const filled = new FormData(form);
  filled.delete("redirect");
  if (!at("certificate").files.length) filled.delete("certificate");
  const answer = await call("POST", "/applications", { form: filled });
  button.disabled = false;
  if (answer.ok) {
    location.assign(`applied.html?lang=${spoken()}`);
    return;
  }
  complain(form, answer, result);
});

function guessTimeZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const list = form.elements["time_zone"];
  if (!zone || zone === "UTC" || zone.startsWith("Etc/")) return;
  if (![...list.options].some((each) => each.value === zone)) list.append(make("option", { value: zone }, zone.replaceAll("_", " ")));
  list.value = zone;
}

function relabel() {
  const names = [...form.elements["degree.country"].options].filter((each) => each.value);
  for (const each of names) each.textContent = country(each.value);
  names.sort((one, other) => one.textContent.localeCompare(other.textContent, spoken()));
  form.elements["degree.country"].append(...names);
  for (const each of form.elements["intake"].options) {
    const { starts, closes } = each.dataset;
    if (starts) each.textContent = say("apply.intake_option", { starts: day(starts), closes: day(closes) });
  }
  for (const each of form.elements["country"].options) if (each.value) each.textContent = country(each.value);
  count();
}

function showNotice() {
  const chosen = form.elements["country"].value;
  const applies = chosen !== "" && !accredited.includes(chosen);
  at("notice").hidden = !applies;
  form.elements["accreditation_notice_read"].required = applies;
  if (!applies) form.elements["accreditation_notice_read"].checked = false;
}

function oneDate(event) {
  const other = { "degree.awarded_on": "degree.expected_on", "degree.expected_on": "degree.awarded_on" }[event.target.name];
  if (event.target.value) form.elements[other].value = "";
}

function count() {
  const text = form.elements["motivation"];
  at("motivation-count").textContent = say("apply.characters_left", { count: text.maxLength - text.value.length });
}
