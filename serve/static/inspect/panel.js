// The panel that looks into a sentence: attention, search tree, gates and cell states. It is drawn by the modules that
// also draw the page of `nmt inspect`.

import { postJson } from "../app/api.js";
import { create } from "../app/dom.js";
import { recall, remember } from "../app/storage.js";
import { t } from "../app/strings.js";
import { showInspection } from "../inspection/inspection.js";

const DELAY = 400; // milliseconds without another translation before the sentence is inspected

const WORDS = {
  en: { hint: "What the network did for this sentence: attention, search, gates and memory cells.", loading: "Computing…", busy: "The server is busy." },
  fr: { hint: "Ce que le réseau a fait pour cette phrase : attention, recherche, portes et cellules de mémoire.", loading: "Calcul…", busy: "Le serveur est occupé." },
  de: { hint: "Was das Netz bei diesem Satz getan hat: Aufmerksamkeit, Suche, Tore und Speicherzellen.", loading: "Wird berechnet …", busy: "Der Server ist ausgelastet." },
  es: { hint: "Lo que la red hizo con esta frase: atención, búsqueda, puertas y celdas de memoria.", loading: "Calculando…", busy: "El servidor está ocupado." },
  zh: { hint: "网络如何处理这个句子：注意力、搜索、门和记忆单元。", loading: "正在计算…", busy: "服务器繁忙。" },
};

/** Fill a section with the panel, which stays hidden until a sentence is shown. */
export function createPanel(section, { language }) {
  loadStyles("static/inspection/inspection.css", "static/inspect/panel.css");
  const words = WORDS[language] ?? WORDS.en;
  const status = create("p", { class: "muted", role: "status" }), view = create("div", {});
  const summary = create("summary", {}, create("h2", {}, t("inspect")), create("span", { class: "muted" }, words.hint));
  const details = create("details", { open: recall("inspect") === true }, summary, status, view);
  section.replaceChildren(details);
  const panel = new Panel({ section, details, status, view, language, words });
  details.addEventListener("toggle", () => {
    remember("inspect", details.open);
    panel.update(0);
  });
  return { show: (sentence) => panel.show(sentence), clear: () => panel.clear() };
}

/** The sentence of the panel, and the requests for it. */
class Panel {
  #sentence = null;
  #shown = null;
  #timer = 0;
  #request = new AbortController();

  constructor(parts) { Object.assign(this, parts); }

  show({ text, source, target }) {
    this.#sentence = { q: text, source, target };
    this.section.hidden = false;
    this.update(DELAY);
  }

  clear() {
    this.#abort();
    this.#sentence = this.#shown = null;
    this.section.hidden = true;
    this.view.replaceChildren();
    this.status.textContent = "";
  }

  /** Inspect the sentence after a delay if the panel is open and does not show it yet. */
  update(delay) {
    const wanted = JSON.stringify(this.#sentence);
    if (!this.details.open || !this.#sentence || wanted === this.#shown) return;
    this.#abort();
    this.#shown = wanted;
    this.#timer = setTimeout(() => this.#inspect(this.#request.signal), delay);
  }

  #abort() {
    clearTimeout(this.#timer);
    this.#request.abort();
    this.#request = new AbortController();
  }

  async #inspect(signal) {
    this.status.textContent = this.words.loading;
    try {
      const packed = await postJson("inspect", this.#sentence, signal);
      await showInspection(this.view, packed, { language: this.language, signal });
      if (!signal.aborted) this.status.textContent = "";
    } catch (error) {
      if (signal.aborted) return;
      this.#shown = null; // opening the panel again asks again
      this.view.replaceChildren();
      this.status.textContent = this.#describe(error);
    }
  }

  #describe({ status, message }) {
    if (status === 0) return t("unreachable");
    if (status === 403) return t("keyRefused");
    if (status === 429 || status === 503) return this.words.busy;
    return status === 400 ? t("refused", { reason: message }) : t("failed");
  }
}

function loadStyles(...addresses) {
  document.head.append(...addresses.map((href) => create("link", { rel: "stylesheet", href })));
}
