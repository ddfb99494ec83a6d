// The choice of source and target language.

import { create, find } from "./dom.js";
import { recall, remember } from "./storage.js";
import { language as interfaceLanguage, t } from "./strings.js";

const AUTO = "auto";

export class LanguageChoice {
  #source = find("source-language");
  #target = find("target-language");
  #served = []; // as in the response to /languages
  #detected = null;
  #preferredTargets = []; // the most preferred first
  #targetChosen = false; // by the user, on this page
  #names = new Intl.DisplayNames([interfaceLanguage], { type: "language" });

  /** `onChange(swapped)` is called after the user has chosen other languages. */
  constructor(onChange) {
    this.onChange = onChange;
    this.#source.addEventListener("change", () => this.#changed());
    this.#target.addEventListener("change", () => {
      this.#targetChosen = true;
      this.#changed();
    });
    find("swap").addEventListener("click", () => this.#swap());
  }

  /** Offer the served languages, with the given or remembered ones selected. */
  offer(served, wanted) {
    this.#served = served;
    const sources = served.filter(({ code, targets }) => targets.some((target) => target !== code));
    const source = [wanted.source, recall("source")].find((code) => code === AUTO || sources.some((each) => each.code === code));
    this.#source.replaceChildren(create("option", { value: AUTO }, t("detect")), ...this.#options(sources.map(({ code }) => code)));
    this.#source.value = source ?? (sources.length > 1 ? AUTO : sources[0]?.code ?? AUTO);
    this.#targetChosen = Boolean(wanted.target);
    const languages = navigator.languages.map((tag) => tag.split("-")[0]);
    this.#preferredTargets = [wanted.target, recall("target"), interfaceLanguage, ...languages];
    this.#offerTargets(this.#preferredTargets);
  }

  get source() {
    return this.#source.value || AUTO;
  }

  get target() {
    return this.#target.value;
  }

  /** The language of the text as far as it is known. */
  get effectiveSource() {
    return this.source === AUTO ? this.#detected : this.source;
  }

  /** Return the name of a language in the language of the interface, with a capital. */
  name(code) {
    let name;
    try {
      name = this.#names.of(code);
    } catch {
      name = this.#served.find((each) => each.code === code)?.name ?? code; // the code is not a language tag
    }
    return name.charAt(0).toLocaleUpperCase(interfaceLanguage) + name.slice(1);
  }

  set detected(code) {
    this.#detected = code;
    const [auto] = this.#source.options;
    const label = code ? t("detected", { language: this.name(code) }) : t("detect");
    if (auto.label !== label) auto.label = auto.textContent = label;
    this.#updateSwap();
  }

  /**
   * Choose a target other than the detected language, unless the user has chosen one; return whether it changed.
   * Text in the language of the reader is to be translated into another one.
   */
  adaptTarget() {
    if (this.#targetChosen || this.source !== AUTO || this.#detected === null) return false;
    const before = this.target;
    const reachable = this.#served.find(({ code }) => code === this.#detected)?.targets ?? [];
    const targets = [...this.#preferredTargets, ...reachable].filter((code) => code !== this.#detected && reachable.includes(code));
    if (targets.length) this.#offerTargets(targets);
    return this.target !== before;
  }

  /** Select languages if they are served; return whether they are. */
  select(source, target) {
    this.#source.value = source;
    this.#offerTargets([target]);
    return this.source === source && this.target === target;
  }

  #options(codes) {
    const options = codes.map((code) => create("option", { value: code }, this.name(code)));
    return options.sort((one, other) => one.textContent.localeCompare(other.textContent, interfaceLanguage));
  }

  #offerTargets(preferred) {
    const { source } = this;
    const from = this.#served.filter(({ code }) => source === AUTO || code === source);
    const codes = [...new Set(from.flatMap(({ code, targets }) => targets.filter((target) => target !== code)))];
    this.#target.replaceChildren(...this.#options(codes));
    const chosen = preferred.find((code) => codes.includes(code));
    if (chosen) this.#target.value = chosen;
    this.#updateSwap();
  }

  #changed() {
    this.#detected = null;
    this.#offerTargets([this.target]);
    this.#remember();
    this.onChange(false);
  }

  #canSwap() {
    const reverse = this.#served.find(({ code }) => code === this.target);
    const goal = this.effectiveSource;
    return Boolean(reverse?.targets.some((code) => code !== reverse.code && (goal === null || code === goal)));
  }

  #updateSwap() {
    find("swap").disabled = !this.#canSwap();
  }

  #swap() {
    const source = this.target, target = this.effectiveSource;
    this.#targetChosen = true;
    this.#detected = null;
    this.#source.value = source;
    this.#offerTargets([target]);
    this.#remember();
    this.onChange(true);
  }

  #remember() {
    remember("source", this.source);
    remember("target", this.target);
  }
}
