// The widgets of the page that explains the LSTM.

import { arrowMovement, pixelAt, signed } from "../inspection/elements.js";
import { Network } from "./network.js";
import { colourSymbols, currentColours, paintUnits, UnitPlot } from "./traces.js";
import { words } from "./words.js";

const find = (id) => document.getElementById(id);
const load = async (name) => new Network(await (await fetch(`static/learn/networks/${name}.json`)).json());
const redraws = []; // functions that draw what depends on the colours

// --- one cell by hand ------------------------------------------------------------------------------------------------

function prepareCell() {
  const plot = new UnitPlot(find("cell-plot"), { gates: false }), steps = 24, written = 4;
  const draw = () => {
    const [forget, input, candidate] = ["cell-forget", "cell-input", "cell-candidate"].map((id) => Number(find(id).value));
    for (const id of ["cell-forget", "cell-input", "cell-candidate"]) find(`${id}-value`).textContent = signed(Number(find(id).value));
    let cell = 0;
    const trace = Array.from({ length: steps }, (_, n) => {
      cell = forget * cell + (n < written ? input * candidate : 0);
      return { cell: [cell] };
    });
    plot.show(trace.map((_, n) => `${n + 1}`), trace, 0);
    find("cell-result").textContent = words.forgotten(forget);
  };
  find("cell-form").addEventListener("input", draw);
  draw();
}

// --- counting --------------------------------------------------------------------------------------------------------

async function prepareCounting() {
  const network = await load("counting"), plot = new UnitPlot(find("counting-plot"));
  const draw = () => {
    const asked = Number(find("counting-number").value);
    const { text, steps } = network.complete(`^${"a".repeat(asked)}b`, "$", 2 * asked + 10);
    const found = [...text].filter((symbol) => symbol === "b").length;
    find("counting-number-value").textContent = asked;
    plot.show([...text], steps, network.unit);
    find("counting-result").textContent = words.counted(asked, found, text.endsWith("$"));
  };
  find("counting-number").addEventListener("input", draw);
  draw();
}

// --- remembering -----------------------------------------------------------------------------------------------------

async function prepareRemembering() {
  const network = await load("remembering"), plot = new UnitPlot(find("remembering-plot"));
  const noise = Array.from({ length: 200 }, (_, n) => "uvw"[(n * 7 + Math.floor(n / 5) * 3) % 3]).join("");
  const draw = () => {
    const symbol = find("remembering-form").elements.symbol.value, length = Number(find("remembering-noise").value);
    const text = `^${symbol}${noise.slice(0, length)}?`, steps = network.read(text), answer = network.best(steps.at(-1));
    find("remembering-noise-value").textContent = length;
    plot.show([...text], steps, network.unit);
    const percent = Math.round(100 * Math.max(...steps.at(-1).probabilities));
    find("remembering-result").textContent = words.remembered(answer, percent, answer === symbol);
  };
  find("remembering-form").addEventListener("input", draw);
  draw();
}

// --- the gates of a sentence -----------------------------------------------------------------------------------------

async function prepareSentence() {
  const network = await load("sentences"), state = { unit: 0, place: 0, steps: [], symbols: [] };
  const plot = new UnitPlot(find("sentence-plot"), { onPlace: (place) => showNext(place) });
  const map = find("sentence-map"), canvas = map.querySelector("canvas");
  const quantity = () => find("sentence-form").elements.quantity.value;

  const showNext = (place) => {
    const { symbols, steps } = state, ranked = [...network.symbols].map((symbol, n) => [steps[place].probabilities[n], symbol]).sort(([a], [b]) => b - a);
    const options = ranked.slice(0, 3).map(([share, symbol]) => `${symbol === "$" ? words.end : symbol === " " ? "␣" : symbol} ${Math.round(100 * share)}%`).join(", ");
    find("sentence-next").textContent = words.next(symbols.slice(Math.max(0, place - 20), place + 1).join("").replace("^", ""), options);
  };
  const draw = () => {
    const { symbols, steps, unit } = state, colours = currentColours(), name = quantity();
    colourSymbols(find("sentence-text"), symbols, steps.map((step) => step[name][unit]), colours);
    paintUnits(canvas, steps, name, colours);
    canvas.style.height = `${5 * network.width}px`;
    plot.show(symbols, steps, unit);
    find("sentence-unit").value = unit;
    find("sentence-form").querySelector("output").textContent = unit;
    map.setAttribute("aria-label", `${words.unit(unit)}: ${signed(steps[state.place][name][unit])}`);
  };
  const read = () => {
    const text = find("sentence-input").value.toLowerCase(), unknown = [...new Set(text)].filter((symbol) => !network.knows(symbol) || "^$".includes(symbol));
    state.symbols = ["^", ...[...text].filter((symbol) => !unknown.includes(symbol))];
    state.steps = network.read(state.symbols.join(""));
    state.place = state.symbols.length - 1;
    find("sentence-unknown").textContent = unknown.length ? words.unknown(unknown.join(" ")) : "";
    draw();
    showNext(state.place);
  };
  const select = (unit, place) => {
    state.unit = Math.min(Math.max(unit, 0), network.width - 1);
    state.place = Math.min(Math.max(place, 0), state.symbols.length - 1);
    draw();
    showNext(state.place);
  };
  find("sentence-unit").max = network.width - 1;
  find("sentence-form").addEventListener("input", (event) => {
    if (event.target.id === "sentence-input") read();
    else if (event.target.id === "sentence-unit") select(Number(event.target.value), state.place);
    else draw();
  });
  map.addEventListener("click", (event) => {
    const [place, unit] = pixelAt(canvas, state.symbols.length, network.width, event);
    select(unit, place);
  });
  map.addEventListener("keydown", (event) => {
    const movement = arrowMovement(event);
    if (!movement) return;
    event.preventDefault();
    select(state.unit + movement[1], state.place + movement[0]);
  });
  read();
  redraws.push(draw);
}

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
const recolour = () => { for (const draw of redraws) draw(); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
prepareCell();
await Promise.all([prepareCounting(), prepareRemembering(), prepareSentence()]);
document.documentElement.dataset.ready = "";
