// Shows the data that the page embeds, and connects the table of units.
import { showInspection } from './inspection.js';

const find = (id) => document.getElementById(id), started = performance.now();
const view = await showInspection(find('inspection'), JSON.parse(find('packed').textContent), { heading: 'h2' });
const buttons = [...document.querySelectorAll('button[data-unit]')];
const unitOf = ({ dataset }) => ({ layer: Number(dataset.layer), quantity: dataset.quantity, unit: Number(dataset.unit) });
for (const button of buttons) {
  button.addEventListener('click', () => {
    view.select(unitOf(button));
    find('inspection-unit').scrollIntoView();
  });
}
if (buttons.length) view.select(unitOf(buttons[0]));
requestAnimationFrame(() => setTimeout(() => {
  // Measured from the start of the page load, including decoding.
  document.documentElement.dataset.drawn = Math.round(performance.now());
  find('drawn').textContent = `Drawn in ${((performance.now() - started) / 1000).toFixed(2)} s.`;
}));
