// The view of an inspection: texts, controls, one unit over time, all units, attention and search tree.

import { choice, displayPiece, element, readColours, signed } from './elements.js';
import { unpackActivations } from './activations.js';
import { createTexts } from './pieces.js';
import { createTimePlot } from './time_plot.js';
import { createHeatMap } from './heat_map.js';
import { createAttention } from './attention_matrix.js';
import { createBeamTree } from './beam_tree.js';
import { wordsFor } from './words.js';

/**
 * Show an inspection in an element whose content it replaces; `heading` is the tag of its headings.
 * Returns a view, whose method `select` changes what is selected; the view ends when `signal` is aborted.
 */
export async function showInspection(root, packed, { language = 'en', heading = 'h3', signal } = {}) {
  const data = await unpackActivations(packed);
  if (signal?.aborted) return null;
  const view = new InspectionView(root, data, wordsFor(language), heading);
  signal?.addEventListener('abort', () => view.remove());
  return view;
}

class InspectionView {
  constructor(root, data, words, heading) {
    Object.assign(this, { root, data, words, heading });
    this.chosen = { layer: 0, quantity: 'cell', unit: 0, place: 0 };
    this.listeners = new AbortController();
    this.build();
    this.select({ layer: 0, quantity: 'cell' });
    const { signal } = this.listeners;
    addEventListener('resize', () => this.resize(), { signal });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.recolour(), { signal });
    // Pages that let the reader choose a theme set an attribute of the root element.
    this.themes = new MutationObserver(() => this.recolour());
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  }

  get layer() { return this.data.facts.layers[this.chosen.layer]; }

  build() {
    const { words, data: { facts } } = this;
    this.colours = readColours(this.root);
    const texts = this.buildTexts(), controls = this.buildControls();
    const lines = element('figure', { id: 'inspection-lines' }), part = element('p', { id: 'inspection-lines-part', className: 'muted' });
    this.drawLines = createTimePlot(this, lines, part);
    this.heat = createHeatMap(this);
    this.attention = facts.attention?.length ? createAttention(this) : null;
    const tree = facts.tree ? createBeamTree(this) : null;
    const section = (title, note, ...content) =>
      element('section', {}, element(this.heading, {}, title), element('p', { className: 'muted' }, note), ...content);
    const sections = [
      section(words.unitOverTime, words.unitOverTimeNote, part, lines),
      section(words.allUnits, words.allUnitsNote, ...this.heat.elements),
      this.attention && section(words.attention, words.attentionNote, ...this.attention.elements),
      tree && section(words.beamSearch, words.beamSearchNote, ...tree.elements),
    ];
    this.root.classList.add('inspection');
    this.root.replaceChildren(...texts, controls, ...sections.filter(Boolean));
    this.attention?.draw();
  }

  buildTexts() {
    const { words, data: { facts } } = this;
    const box = (id, language) => element('dd', { id, dir: 'auto', lang: language, className: facts.verbatim ? 'verbatim' : '' });
    const source = facts.source && box('inspection-source', facts.languages[0]), target = box('inspection-target', facts.languages.at(-1));
    const label = facts.source ? facts.given ? words.givenTranslation : words.translation : words.text;
    const list = element('dl', { className: 'texts' }, ...source ? [element('dt', {}, words.source), source] : [], element('dt', {}, label), target);
    this.byScore = element('input', { id: 'inspection-by-score', type: 'checkbox' });
    this.byScore.addEventListener('change', () => this.texts.colour(this.byScore.checked));
    this.texts = createTexts(this, { source, target });
    const mark = (kind, text) => element('mark', { className: kind }, text);
    return [list,
      element('p', { className: 'muted' }, words.colours[0], mark('negative', words.negative), ', ', mark('positive', words.positive), words.colours[1]),
      element('p', { className: 'muted' }, element('label', {}, this.byScore, ` ${words.byScore}`), words.byScoreNote)];
  }

  buildControls() {
    const { words, data: { facts } } = this;
    const layers = choice(words.layer, 'inspection-layer', facts.layers.map((each) => words.layerTitle(each.title)));
    this.layers = layers.lastChild;
    this.quantities = element('fieldset', { id: 'inspection-quantities' }, element('legend', { className: 'hidden' }, words.quantity));
    this.unit = element('input', { id: 'inspection-unit', type: 'number', min: 0, step: 1, inputMode: 'numeric' });
    this.unitRange = element('span', { className: 'muted' });
    this.readout = element('output', { id: 'inspection-readout' });
    this.forgetting = element('output', { id: 'inspection-forget-statistics', className: 'muted' });
    const form = element('form', { className: 'controls', autocomplete: 'off', 'aria-label': words.selection }, layers, this.quantities,
      element('label', {}, `${words.unit} `, this.unit), this.unitRange, element('div', { className: 'readouts' }, this.readout, this.forgetting));
    form.addEventListener('submit', (event) => event.preventDefault());
    this.layers.addEventListener('change', () => this.select({ layer: Number(this.layers.value) }));
    this.quantities.addEventListener('change', (event) => this.select({ quantity: event.target.value }));
    this.unit.addEventListener('input', () => { if (this.unit.value !== '') this.select({ unit: Math.round(Number(this.unit.value)) }); });
    this.unit.addEventListener('blur', () => { this.unit.value = this.chosen.unit; });
    return form;
  }

  /** Change the selected layer, quantity, unit or position, and draw what depends on it. */
  select(change) {
    const { chosen } = this;
    Object.assign(chosen, change);
    const { layer } = this;
    if (!layer.names.includes(chosen.quantity)) chosen.quantity = layer.names[0];
    chosen.unit = Math.min(Math.max(chosen.unit, 0), layer.units - 1);
    chosen.place = Math.min(Math.max(chosen.place, 0), layer.places - 1);
    if ('layer' in change) this.listQuantities();
    this.layers.value = chosen.layer;
    this.unit.max = layer.units - 1;
    if (Number(this.unit.value) !== chosen.unit || this.unit.value === '') this.unit.value = chosen.unit;
    this.unitRange.textContent = this.words.unitRange(layer.units - 1);
    for (const radio of this.quantities.querySelectorAll('input')) radio.checked = radio.value === chosen.quantity;
    this.texts.colour(this.byScore.checked);
    this.drawLines();
    if ('layer' in change || 'quantity' in change) this.heat.draw();
    this.heat.moveCursor();
    this.showReadout(chosen.unit, chosen.place);
  }

  listQuantities() {
    const legend = this.quantities.firstElementChild;
    this.quantities.replaceChildren(legend, ...this.layer.names.map((name) => {
      const radio = element('input', { type: 'radio', name: 'inspection-quantity', value: name });
      return element('label', {}, radio, this.words.quantities[name] ?? name);
    }));
  }

  /** Show the value of a unit at a position. */
  showReadout(unit, place) {
    const { data, layer, chosen, words } = this, value = data.row(layer, chosen.quantity, unit)[place];
    const score = layer.part === 'decoder' && place > 0 ? signed(data.score(place)) : null;
    this.readout.textContent = words.readout(unit, displayPiece(data.pieces(layer)[place]), chosen.quantity, signed(value), score);
    const statistics = data.forgetStatistics(layer, unit);
    this.forgetting.textContent = statistics ? words.forgetting(...statistics) : '';
  }

  resize() {
    this.drawLines();
    this.heat.moveCursor();
  }

  recolour() {
    this.colours = readColours(this.root);
    this.select({ layer: this.chosen.layer, quantity: this.chosen.quantity });
    this.attention?.draw();
  }

  remove() {
    this.listeners.abort();
    this.themes.disconnect();
    this.root.replaceChildren();
  }
}
