// Which language this page speaks, and what it says. Every visible word comes from words/*.js or from the service.

import en from "../words/en.js";
import fr from "../words/fr.js";

const WORDS = { en, fr };
const REMEMBERED = "language";

let language = chosen() ?? browsers();

/** The language in use, as a code. */
export const spoken = () => language;

/** The text for a key, with {name} replaced by values.name. */
export function say(key, values = {}) {
  const text = WORDS[language][key] ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** What a code is called, or the code itself in readable form where nobody named it. */
export function called(kind, code) {
  const key = `${kind}.${code}`;
  return WORDS[language][key] ?? String(code).replaceAll("_", " ");
}

/** Whether there is a text for this key. */
export const knows = (key) => key in WORDS[language];

/** Whether the person chose the language, so that nothing else may choose it for them. */
export const isChosen = () => chosen() !== undefined;

/** Speak another language from now on; `byChoice` if the person asked for it. */
export function speak(wanted, { byChoice = false } = {}) {
  if (!(wanted in WORDS)) return;
  const isNew = wanted !== language;
  language = wanted;
  if (byChoice) {
    sessionStorage.setItem(REMEMBERED, wanted);
    const address = new URL(location.href);
    address.searchParams.set("lang", wanted);
    history.replaceState(null, "", address);
  }
  translate(document);
  if (isNew) document.dispatchEvent(new Event("spoken"));
}

/** Put the words into every element below `root` that names one. */
export function translate(root) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of root.querySelectorAll("[data-word-label]")) {
    element.setAttribute("aria-label", say(element.dataset.wordLabel));
  }
  for (const link of root.querySelectorAll("[data-speak]")) {
    if (link.dataset.speak === language) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** A civil date in words; any other text as it is. */
export function day(text) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text ?? "")) return text ?? "";
  return format(`${text}T12:00:00Z`, { dateStyle: "long", timeZone: "UTC" });
}

/** An instant in words, in the reader's own time. */
export function moment(text) {
  return text ? format(text, { dateStyle: "medium", timeStyle: "short" }) : "";
}

/** Money as the service writes it, {amount, currency}, in words. */
export function money({ amount, currency }) {
  return new Intl.NumberFormat(locale(), { style: "currency", currency }).format(amount);
}

/** What a country is called. */
export function country(code) {
  return new Intl.DisplayNames([locale()], { type: "region" }).of(code);
}

export const locale = () => ({ en: "en-GB", fr: "fr-FR" })[language];

function format(text, style) {
  const said = new Intl.DateTimeFormat(locale(), style).format(new Date(text));
  return language === "fr" ? said.replace(/^1 /, "1er ") : said;
}

function chosen() {
  const asked = new URLSearchParams(location.search).get("lang") ?? sessionStorage.getItem(REMEMBERED);
  return asked in WORDS ? asked : undefined;
}

function browsers() {
  return navigator.languages.map((each) => each.slice(0, 2)).find((each) => each in WORDS) ?? "en";
}

for (const link of document.querySelectorAll("[data-speak]")) {
  link.closest("[hidden]")?.removeAttribute("hidden");
  link.addEventListener("click", (event) => {
    event.preventDefault();
    speak(link.dataset.speak, { byChoice: true });
  });
}
translate(document);
