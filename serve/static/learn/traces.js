// Drawings of a network's steps, with the modules that also draw inspections.

import { blend, element, paint, readColours } from "../inspection/elements.js";
import { createTimePlot } from "../inspection/time_plot.js";
import { wordsFor } from "../inspection/words.js";

const NAMES = ["input", "forget", "output", "cell"];

/** A plot of one unit's gates and cell over the symbols of a text. */
export class UnitPlot {
  constructor(box, { gates = true, onPlace = () => {} } = {}) {
    const names = gates ? NAMES : ["cell"];
    this.view = {
      words: wordsFor(document.documentElement.lang), chosen: { unit: 0, place: 0 }, layer: { names, places: 0 },
      data: { row: (_, name, unit) => Float32Array.from(this.steps, (step) => step[name][unit]), pieces: () => this.symbols },
      showReadout: (_, place) => onPlace(place), select: ({ place }) => { this.view.chosen.place = place; onPlace(place); this.draw(); },
    };
    this.draw = createTimePlot(this.view, box, document.createElement("p"));
    addEventListener("resize", () => { if (this.steps?.length) this.draw(); });
  }

  show(symbols, steps, unit) {
    this.symbols = symbols;
    this.steps = steps;
    this.view.layer.places = steps.length;
    this.view.chosen.unit = unit;
    this.view.chosen.place = Math.min(this.view.chosen.place, steps.length - 1);
    this.draw();
  }
}

/** Colours of the page, read again after the theme has changed. */
export function currentColours() { return readColours(document.body); }

/** Write symbols as spans, coloured by values from -1 to 1. */
export function colourSymbols(box, symbols, values, colours) {
  box.replaceChildren(...symbols.map((symbol, n) => {
    const span = element("span", { textContent: symbol === " " ? "\u00a0" : symbol });
    span.style.backgroundColor = `rgb(${blend(colours, 0.62 * Math.max(-1, Math.min(1, values[n]))).join(" ")})`;
    return span;
  }));
}

/** Draw a quantity of all units: units from top to bottom, symbols from left to right. */
export function paintUnits(canvas, steps, name, colours) {
  const width = steps[0][name].length;
  paint(canvas, steps.length, width, colours, (n) => Math.max(-1, Math.min(1, steps[n % steps.length][name][Math.floor(n / steps.length)])));
}
