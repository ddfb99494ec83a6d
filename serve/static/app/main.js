// The page: connects its parts, and keeps the sentences of the text that is shown.

import { showAlternatives } from "./alternatives.js";
import { currentKey, getJson } from "./api.js";
import { Choices } from "./choices.js";
import { find } from "./dom.js";
import { prepareFiles } from "./files.js";
import { Glossary } from "./glossary.js";
import { openKeyDialog, prepareKeyDialog } from "./key.js";
import { LanguageChoice } from "./languages.js";
import { Links } from "./links.js";
import { Messages } from "./messages.js";
import { showNotes } from "./notes.js";
import { countCodePoints } from "./offsets.js";
import { SourcePane } from "./source.js";
import { formatNumber, language as interfaceLanguage, t, translatePage } from "./strings.js";
import { TargetPane } from "./target.js";
import { confirm, copy, forgetLink, prepareTheme, readLink, shareLink } from "./tools.js";
import { LiveTranslation } from "./translation.js";
import { WordMenu } from "./word-menu.js";

const ALTERNATIVES = 3, OTHER_WORDS = 5;
const NOTES_AFTER = 500; // milliseconds without a change, because half a word is always worth checking
const ANNOUNCE_AFTER = 900; // milliseconds without a change, so that a screen reader is not interrupted while one types

class Page {
  settings = { charLimit: Infinity, maxAlternatives: 0 };
  sentences = []; // of the translation that is shown, in order
  shown = null; // the request that they answer
  choices = new Choices();
  inspector = null;

  constructor() {
    this.languages = new LanguageChoice((swapped) => this.changeLanguages(swapped));
    this.source = new SourcePane({ onInput: () => this.edit(), onWord: (word) => this.linkSource(word) });
    this.target = new TargetPane({
      onWord: (place) => this.linkTarget(place),
      onChoose: (place) => this.openWordMenu(place),
    });
    this.links = new Links(this.source, this.target);
    this.menu = new WordMenu((place, prefix) => this.choose(place.sentence, prefix, place.word.start));
    this.messages = new Messages({ onKey: openKeyDialog });
    this.glossary = new Glossary(() => this.glossaryLanguages(), () => this.refresh());
    this.live = new LiveTranslation(() => this.readRequest(), {
      onStart: (wanted) => this.start(wanted),
      onSentences: (arrived, wanted) => this.receive(arrived, wanted),
      onDone: (wanted) => this.finish(wanted),
      onError: (error) => this.fail(error),
    });
    find("clear").addEventListener("click", () => this.clear());
    find("restore").addEventListener("click", () => this.restore());
    find("copy").addEventListener("click", async () => {
      await copy(this.target.text);
      confirm(find("copy"), "copied");
    });
    find("share").addEventListener("click", async () => {
      const { source, target } = this.languages;
      const link = shareLink({ source, target, text: this.source.text });
      history.replaceState(null, "", link);
      await copy(link);
      confirm(find("share"), "linkCopied");
    });
    addEventListener("hashchange", () => this.openLink());
  }

  /** Ask the server for its languages and settings, until it answers, and begin. */
  async load() {
    try {
      const [served, settings] = await Promise.all([getJson("languages"), getJson("frontend/settings")]);
      this.settings = settings;
      this.languages.offer(served, readLink());
    } catch (error) {
      this.messages.showError(error, () => this.load());
      return;
    }
    this.messages.clear();
    prepareKeyDialog({ needed: this.settings.apiKeys || this.settings.keyRequired, onSave: () => this.refresh() });
    prepareFiles({
      formats: this.settings.supportedFilesFormat, limit: this.settings.fileLimit, onKey: openKeyDialog,
      read: () => ({ source: this.languages.source, target: this.languages.target, glossary: this.terms() }),
    });
    await this.loadInspector();
    this.showCount();
    this.openLink();
    if (this.source.text) this.refresh(); // the browser has kept it, or the user was quick
    if (this.settings.keyRequired && !currentKey()) openKeyDialog();
    document.documentElement.dataset.ready = "";
  }

  async loadInspector() {
    if (!this.settings.inspect) return;
    const { createPanel } = await import("../inspect/panel.js");
    this.inspector = createPanel(find("inspect"), { language: interfaceLanguage });
  }

  openLink() {
    const { source, target, text } = readLink();
    if (text === undefined || text === this.source.text) return;
    if (source && target) this.languages.select(source, target);
    this.source.text = text;
    this.refresh();
  }

  // --- the text ----------------------------------------------------------------------------------------------------

  edit() {
    forgetLink();
    this.menu.close();
    if (this.checkText()) this.live.schedule();
  }

  /** Translate again at once, because something other than the text has changed. */
  refresh() {
    this.showLanguages();
    if (this.checkText()) this.live.run();
  }

  clear() {
    this.source.text = "";
    forgetLink();
    this.checkText();
    this.source.focus();
  }

  /** Return whether the text can be translated; if not, show why. */
  checkText() {
    const { text } = this.source;
    const count = this.showCount();
    const tooLong = count > this.settings.charLimit;
    const blank = text.trim() === "";
    find("clear").disabled = text === "";
    find("share").disabled = blank;
    this.source.setInvalid(tooLong);
    if (!blank && !tooLong) return true;
    this.live.cancel();
    if (tooLong) this.messages.showTooLong(count, this.settings.charLimit);
    else {
      this.messages.clear();
      this.empty();
    }
    this.showState("");
    return false;
  }

  showCount() {
    const count = countCodePoints(this.source.text);
    const limit = this.settings.charLimit;
    find("count").textContent = Number.isFinite(limit) ? t("count", { count: formatNumber(count), limit: formatNumber(limit) }) : "";
    find("count").classList.toggle("over", count > limit);
    return count;
  }

  empty() {
    this.sentences = [];
    this.shown = null;
    this.target.clear();
    if (this.languages.source === "auto") this.languages.detected = null;
    this.showDetails();
  }

  changeLanguages(swapped) {
    if (swapped && this.target.text && this.shown) this.source.text = this.target.text;
    this.showLanguages();
    this.refresh();
  }

  showLanguages() {
    const { effectiveSource, target } = this.languages;
    this.source.setLanguage(effectiveSource);
    this.glossary.update(effectiveSource, target);
  }

  // --- translation -------------------------------------------------------------------------------------------------

  readRequest() {
    const { source, target } = this.languages, { text } = this.source;
    const alternatives = Math.min(ALTERNATIVES, this.settings.maxAlternatives);
    return { text, source, target, glossary: this.terms(), alternatives };
  }

  terms() {
    const terms = this.glossary.terms(this.languages.effectiveSource, this.languages.target);
    return terms.length ? terms : undefined;
  }

  glossaryLanguages() {
    const source = this.languages.effectiveSource ?? this.languages.source;
    const codes = [source, this.languages.target];
    return { codes, names: codes.map((code) => (code === "auto" ? t("detect") : this.languages.name(code))) };
  }

  start() {
    this.target.setBusy(true);
    this.showState(t("translating"));
    this.arrived = [];
  }

  receive(arrived, wanted) {
    this.messages.clear();
    this.shown = wanted;
    this.arrived.push(...arrived);
    const { count, detected } = arrived[0];
    if (detected) {
      this.languages.detected = detected;
      this.showLanguages();
      if (this.languages.adaptTarget()) return void this.refresh();
    }
    const languages = this.requestLanguages();
    this.sentences = this.arrived.map((sentence) => this.choices.find(sentence, languages) ?? sentence);
    this.sentences.sort((one, other) => one.index - other.index);
    this.target.show(this.sentences, wanted.text, wanted.target, count);
    this.showProgress(this.arrived.length, count);
  }

  finish(wanted) {
    if (!this.arrived.length) this.target.show((this.sentences = []), wanted.text, wanted.target, 0); // only white space
    this.shown = wanted;
    this.messages.clear();
    this.target.setBusy(false);
    this.showProgress(1, 1);
    this.showState(t("translated"), this.target.text);
    this.source.annotate(this.languages.effectiveSource ?? "en");
    this.showDetails();
  }

  fail(error) {
    this.target.setBusy(false);
    this.showProgress(1, 1);
    this.showState("");
    this.messages.showError(error, () => this.refresh());
  }

  showProgress(done, count) {
    const progress = find("progress");
    progress.hidden = done >= count;
    progress.value = done / count;
    if (done < count) this.showState(t("progressOf", { done: formatNumber(done), count: formatNumber(count) }));
  }

  /** Show the state of the translation; a screen reader also hears it, with the translation, when it lasts. */
  showState(state, translation = "") {
    find("state").textContent = state;
    find("copy").disabled = !this.target.text;
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => (find("announcement").textContent = translation ? `${state} ${translation}` : state), ANNOUNCE_AFTER);
  }

  // --- why ---------------------------------------------------------------------------------------------------------

  showDetails() {
    clearTimeout(this.noting);
    const showNotesNow = () => showNotes(this.sentences, (sentence) => this.target.focusWord(sentence, 0));
    if (this.sentences.length) this.noting = setTimeout(showNotesNow, NOTES_AFTER);
    else showNotesNow();
    this.showAlternativesOf(this.sentences.length === 1 ? this.sentences[0] : null);
    find("restore").hidden = !this.sentences.some((sentence) => sentence.chosen);
    find("copy").disabled = !this.target.text;
    const [sentence, second] = this.sentences;
    if (sentence && !second) this.inspector?.show({ text: sentence.source, ...this.requestLanguages() });
    else this.inspector?.clear();
  }

  showAlternativesOf(sentence) {
    showAlternatives(sentence, this.languages.target, (chosen, text) => this.choose(chosen, text, 0, text));
  }

  linkTarget(place) {
    if (!place) {
      this.links.clear();
      return;
    }
    this.links.showTarget(place);
    if (this.sentences.length > 1) this.showAlternativesOf(place.sentence);
  }

  linkSource(word) {
    if (word) this.links.showSource(word, this.sentences);
    else this.links.clear();
  }

  // --- choosing other words ----------------------------------------------------------------------------------------

  openWordMenu(place) {
    const alternatives = Math.min(OTHER_WORDS, this.settings.maxAlternatives);
    if (alternatives) this.menu.open(place, { ...this.requestLanguages(), alternatives });
  }

  requestLanguages() {
    return { source: this.languages.effectiveSource, target: this.languages.target, glossary: this.terms() };
  }

  /** Replace the translation of a sentence; see `Choices.choose`. The word at the offset is then focused. */
  async choose(sentence, prefix, offset, exactly = null) {
    let chosen;
    try {
      chosen = await this.choices.choose(sentence, this.requestLanguages(), prefix, exactly);
    } catch (error) {
      this.messages.showError(error, () => this.choose(sentence, prefix, offset, exactly));
      return;
    }
    if (!this.sentences.includes(sentence)) return; // the text has changed
    this.messages.clear();
    this.sentences = this.arrived = this.sentences.map((each) => (each === sentence ? chosen : each));
    this.target.show(this.sentences, this.shown.text, this.shown.target, this.sentences.length);
    this.showState(t("translated"), this.target.text);
    this.showDetails();
    this.target.focusWord(chosen, offset);
  }

  restore() {
    this.choices.forget(this.sentences, this.requestLanguages());
    this.refresh();
    this.source.focus();
  }
}

await translatePage();
prepareTheme();
await new Page().load();
