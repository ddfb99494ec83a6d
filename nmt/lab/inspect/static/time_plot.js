// The gates and states of one unit over time.

import { displayPiece, element, signed, svg } from './elements.js';
import { isGate, largest, STATES } from './activations.js';

const LABEL = 16;  // pixels per label
const MAX_POSITIONS = 400;  // longer texts are drawn over time in part

/** Create the plot in a box; returns a function that redraws it. */
export function createTimePlot(view, box, partNote) {
  return () => {
    const plot = measure(view, box), { words, chosen } = view;
    const picture = svg('svg', { width: '100%', role: 'img', 'aria-label': words.plotOf(chosen.unit) });
    let top = 6;
    for (const panel of panels(view)) {
      const legend = placeLegend(view, panel, plot);
      top += 16 * (legend.at(-1).row + 1);
      const y = (value) => top + (panel.high - value) / (panel.high - panel.low) * panel.height;
      picture.append(...levels(panel, plot, y), ...curves(view, panel, plot, y, legend, top));
      top += panel.height + 18;
    }
    const bottom = top - 10, { labels, height } = placeLabels(view, plot, bottom), cursor = plot.x(chosen.place);
    picture.append(...labels, svg('line', { class: 'cursor', x1: cursor, x2: cursor, y1: 14, y2: bottom }));
    picture.setAttribute('height', bottom + height);
    picture.setAttribute('viewBox', `0 0 ${plot.width} ${bottom + height}`);
    trackPointer(view, picture, plot);
    box.replaceChildren(picture);
    const { from, to } = plot, { places } = view.layer;
    partNote.textContent = to - from < places ? words.partOfText(from, to - 1, places) : '';
  };
}

/** Range [from, to) of the plotted positions, the edges of the plot in pixels, and the x of a position. */
function measure(view, box) {
  const width = box.clientWidth || 900, left = 44, right = width - 12;
  const [from, to] = visibleRange(view, Math.floor((right - left) / LABEL)), steps = to - from - 1;
  return { width, left, right, from, to, x: (place) => left + (steps ? (place - from) / steps : 0.5) * (right - left) };
}

/** All positions, or in a long text as many as fit with their labels. */
function visibleRange(view, capacity) {
  const all = view.layer.places;
  if (all <= MAX_POSITIONS) return [0, all];
  const from = Math.min(Math.floor(view.chosen.place / capacity) * capacity, all - capacity);
  return [from, from + capacity];
}

/** Quantities that share a scale: the gates, if the cell has any, and the states. */
function panels({ data, layer, chosen }) {
  const gates = layer.names.filter(isGate), states = layer.names.filter((name) => STATES.includes(name));
  const most = states.reduce((found, name) => Math.max(found, largest(data.row(layer, name, chosen.unit))), 0);
  const statePanel = { names: states, low: -most, high: most, height: 140 };
  return gates.length ? [{ names: gates, low: 0, high: 1, height: 110 }, statePanel] : [statePanel];
}

function levels(panel, { left, right }, y) {
  return (panel.low < 0 ? [panel.low, 0, panel.high] : [0, 0.5, 1]).flatMap((level) => [
    svg('line', { x1: left, x2: right, y1: y(level), y2: y(level), class: level ? 'grid' : 'axis' }),
    svg('text', { x: left - 6, y: y(level) + 4, 'text-anchor': 'end' }, signed(level)),
  ]);
}

/** Names of the quantities above a panel, with their places in rows that are as wide as the plot. */
function placeLegend({ words }, panel, { left, right }) {
  let x = left, row = 0;
  return panel.names.map((name) => {
    const label = words.quantities[name] ?? name, width = 44 + (/[^\u0000-\u02ff]/.test(label) ? 11 : 5.6) * label.length;
    if (x > left && x + width > right) [x, row] = [left, row + 1];
    x += width;
    return { label, x: x - width, row };
  });
}

/** Lines of the panel's quantities over time, with the legend above. */
function curves({ data, layer, chosen }, panel, { from, to, x }, y, legend, top) {
  const rows = legend.at(-1).row;
  return panel.names.flatMap((name, n) => {
    const kind = name === 'hidden' ? 'hidden-state' : name, place = legend[n], line = top - 11 - 16 * (rows - place.row);
    const part = data.row(layer, name, chosen.unit).subarray(from, to);
    const points = Array.from(part, (value, at) => `${x(from + at).toFixed(1)},${y(value).toFixed(1)}`);
    return [
      svg('polyline', { class: `line ${kind}`, points: points.join(' ') }),
      svg('line', { class: `line ${kind}`, x1: place.x, x2: place.x + 20, y1: line, y2: line }),
      svg('text', { class: 'label', x: place.x + 25, y: line + 4 }, place.label),
    ];
  });
}

/** Labels below the plot and their height: the pieces, or the numbers of some positions if the pieces do not fit. */
function placeLabels({ data, layer }, { left, right, from, to, x }, bottom) {
  const few = (to - from) * LABEL <= right - left, names = few ? data.pieces(layer).slice(from, to).map(displayPiece) : [];
  const labels = [];
  for (let place = from; place < to; place += few ? 1 : Math.ceil(to / 20 / 5) * 5) {
    const at = { x: x(place) + 4, y: bottom + 6 };
    const turned = { ...at, 'text-anchor': 'end', transform: `rotate(-90 ${at.x} ${at.y})` };
    const upright = { x: x(place), y: bottom + 14, 'text-anchor': 'middle' };
    const label = few ? names[place - from] : `${place}`;
    labels.push(svg('text', label.length > 1 ? turned : upright, label));
  }
  return { labels, height: few ? 14 + 6.5 * Math.max(...names.map((name) => name.length)) : 30 };
}

function trackPointer(view, picture, { width, left, right, from, to }) {
  const nearest = (event) => {
    const box = picture.getBoundingClientRect(), share = ((event.clientX - box.left) / box.width * width - left) / (right - left);
    return Math.min(Math.max(from + Math.round(share * (to - from - 1)), from), to - 1);
  };
  picture.addEventListener('pointermove', (event) => view.showReadout(view.chosen.unit, nearest(event)));
  picture.addEventListener('click', (event) => view.select({ place: nearest(event) }));
}
