// The heat map of all units of a layer.

import { arrowMovement, blend, element, paint, pixelAt, signed } from './elements.js';
import { isGate, largest } from './activations.js';

/** Create the heat map with its scale; returns its elements and functions that draw it and move its cursor. */
export function createHeatMap(view) {
  const canvas = element('canvas'), row = element('i', { className: 'row' }), column = element('i', { className: 'column' });
  const map = element('div', { id: 'inspection-heat', className: 'heat', tabIndex: 0, role: 'application' }, canvas, row, column);
  const low = element('span', { id: 'inspection-low' }), high = element('span', { id: 'inspection-high' }), ramp = element('i');
  const scale = element('p', { className: 'scale muted' }, low, ramp, high);
  trackUnits(view, map, canvas);
  return {
    elements: [map, scale],
    draw() {
      const { data, layer, chosen, colours } = view, values = data.map(layer, chosen.quantity), limits = colourLimits(view);
      paint(canvas, layer.places, layer.units, colours, (n) => values[n] / limits[Math.floor(n / layer.places)]);
      const tall = layer.units <= 64 ? 9 : layer.units <= 128 ? 5 : layer.units <= 256 ? 3 : 2;
      canvas.style.height = `${tall * layer.units + 2}px`;
      map.setAttribute('aria-label', view.words.heatMap(chosen.quantity, layer.units, layer.places, layer.title));
      drawScale(view, { low, high, ramp }, limits);
    },
    moveCursor() {
      const { layer, chosen } = view, height = canvas.clientHeight;
      row.style.top = `${1 + height * chosen.unit / layer.units}px`;
      row.style.height = `${height / layer.units}px`;
      column.style.left = `${1 + canvas.clientWidth * (chosen.place + 0.5) / layer.places}px`;
    },
  };
}

/** Value of full colour for each unit; a counting cell goes far beyond ±1, and its growth should be visible. */
function colourLimits({ data, layer, chosen }) {
  const all = (most) => Array(layer.units).fill(most);
  if (isGate(chosen.quantity)) return all(1);
  if (chosen.quantity === 'hidden') return all(largest(data.map(layer, 'hidden')));
  return Array.from({ length: layer.units }, (_, unit) => Math.max(1, largest(data.row(layer, 'cell', unit))));
}

function drawScale({ chosen, colours, words }, { low, high, ramp }, limits) {
  const gate = isGate(chosen.quantity), rgb = (share) => `rgb(${blend(colours, share).join(' ')})`;
  ramp.style.background = gate ? `linear-gradient(90deg, ${rgb(0)}, ${rgb(1)})` : `linear-gradient(90deg, ${rgb(-1)}, ${rgb(0)}, ${rgb(1)})`;
  const end = chosen.quantity === 'hidden' ? signed(limits[0]) : limits.some((most) => most > 1) ? words.oneOrMaximum : '1';
  low.textContent = gate ? '0' : `−${end}`;
  high.textContent = gate ? '1' : end;
}

function trackUnits(view, map, canvas) {
  const at = (event) => pixelAt(canvas, view.layer.places, view.layer.units, event);
  map.addEventListener('pointermove', (event) => {
    const [place, unit] = at(event);
    view.showReadout(unit, place);
  });
  map.addEventListener('pointerleave', () => view.showReadout(view.chosen.unit, view.chosen.place));
  map.addEventListener('click', (event) => {
    const [place, unit] = at(event);
    view.select({ place, unit });
  });
  map.addEventListener('keydown', (event) => {
    const movement = arrowMovement(event);
    if (!movement) return;
    event.preventDefault();
    view.select({ unit: view.chosen.unit + movement[1], place: view.chosen.place + movement[0] });
  });
}
