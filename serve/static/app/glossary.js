// The glossary of each language pair: terms with their translations, which stay in the browser and are sent along.

import { create, find, save } from "./dom.js";
import { recall, remember } from "./storage.js";
import { formatNumber, t } from "./strings.js";

const MOST_TERMS = 1000; // of a request
const LONGEST_TERM = 200, LARGEST_FILE = 1_000_000;

export class Glossary {
  #dialog = find("glossary-dialog");
  #codes = ["", ""];
  #changed = false;

  /** `names()` returns the source and target language as `{ codes, names }`; `onChange` is called when the dialog closes. */
  constructor(names, onChange) {
    this.names = names;
    find("open-glossary").addEventListener("click", () => this.#open());
    find("glossary-close").addEventListener("click", () => this.#dialog.close());
    find("glossary-form").addEventListener("submit", (event) => this.#add(event));
    find("glossary-import").addEventListener("click", () => find("glossary-file").click());
    find("glossary-file").addEventListener("change", ({ target }) => this.#import(target));
    find("glossary-export").addEventListener("click", () => this.#export());
    this.#dialog.addEventListener("close", () => {
      if (this.#changed) onChange();
    });
  }

  /** The terms for a pair of languages as `[[source, target], …]`. */
  terms(source, target) {
    const stored = recall("glossaries")?.[`${source}-${target}`];
    return Array.isArray(stored) ? stored.filter(isTerm) : [];
  }

  /** Show how many terms there are. */
  update(source, target) {
    const count = this.terms(source, target).length;
    find("glossary-size").hidden = !count;
    find("glossary-size").textContent = formatNumber(count);
  }

  #open() {
    const { codes, names } = this.names();
    this.#codes = codes;
    this.#changed = false;
    find("glossary-hint").textContent = t("glossaryHint", { source: names[0], target: names[1] });
    find("term-source").lang = codes[0];
    find("term-target").lang = codes[1];
    find("glossary-status").textContent = "";
    this.#list();
    this.#dialog.showModal();
  }

  get #terms() {
    return this.terms(...this.#codes);
  }

  set #terms(terms) {
    remember("glossaries", { ...recall("glossaries"), [this.#codes.join("-")]: terms });
    this.#changed = true;
    this.#list();
  }

  #list() {
    const terms = this.#terms;
    const items = terms.map(([source, target], number) => {
      const label = t("remove", { term: source });
      const onclick = () => {
        this.#terms = terms.filter((_, n) => n !== number);
        find("term-source").focus();
      };
      const button = create("button", { class: "button quiet round", "aria-label": label, title: label, onclick }, "×");
      return create("li", {}, create("bdi", {}, source), create("bdi", {}, target), button);
    });
    find("terms").replaceChildren(...(items.length ? items : [create("li", { class: "muted" }, t("noTerms"))]));
    find("glossary-export").disabled = !items.length;
  }

  #add(event) {
    event.preventDefault();
    const source = find("term-source"), target = find("term-target");
    this.#merge([[source.value, target.value]]);
    source.value = target.value = "";
    source.focus();
  }

  /** Add terms; those with the same source replace earlier ones. */
  #merge(added) {
    const terms = new Map(this.#terms);
    const fitting = added.map((pair) => pair.map(clean)).filter(isTerm);
    for (const [source, target] of fitting) terms.set(source, target);
    this.#terms = [...terms].slice(0, MOST_TERMS);
    find("glossary-status").textContent = t("added", { count: formatNumber(fitting.length) });
  }

  async #import(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    const text = file.size <= LARGEST_FILE ? await file.text() : "";
    const pairs = text.split(/\r?\n/).map(readLine).filter(Boolean);
    if (pairs.length) this.#merge(pairs);
    else find("glossary-status").textContent = t("noTermsInFile");
  }

  #export() {
    save(this.#terms.map((pair) => `${pair.join("\t")}\n`).join(""), `glossary.${this.#codes.join("-")}.tsv`);
  }
}

const clean = (text) => text.replace(/[\p{Cc}\s]+/gu, " ").trim();

const isTerm = (pair) =>
  Array.isArray(pair) && pair.length === 2 &&
  pair.every((text) => typeof text === "string" && text !== "" && text.length <= LONGEST_TERM);

/** Return the first two fields of a line of TSV or CSV, or null if there are none. */
function readLine(line) {
  if (line.includes("\t")) return line.split("\t").slice(0, 2);
  const fields = [...line.matchAll(/(?:^|[,;])(?:"((?:[^"]|"")*)"|([^,;"]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain,
  );
  return fields.length >= 2 ? fields.slice(0, 2) : null;
}
