// A small LSTM over characters, computed one step at a time.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

export class Network {
  /** `json` is written by `nmt.lab.teaching_networks`; rows of matrices are in the order input, forget, candidate, output. */
  constructor(json) {
    Object.assign(this, json);
    this.width = json.recurrent[0].length;
  }

  initialState() {
    return { hidden: new Array(this.width).fill(0), cell: new Array(this.width).fill(0) };
  }

  knows(symbol) { return this.symbols.includes(symbol); }

  /** Read a symbol: return the gates, the new state, and the probability of each following symbol. */
  step(symbol, { hidden, cell }) {
    const column = this.symbols.indexOf(symbol), { width } = this;
    const sums = this.bias.map((bias, row) => bias + this.input[row][column] + product(this.recurrent[row], hidden));
    const part = (n, squash) => sums.slice(n * width, (n + 1) * width).map(squash);
    const input = part(0, sigmoid), forget = part(1, sigmoid), candidate = part(2, Math.tanh), output = part(3, sigmoid);
    const newCell = cell.map((old, n) => forget[n] * old + input[n] * candidate[n]);
    const newHidden = newCell.map((value, n) => output[n] * Math.tanh(value));
    const probabilities = softmax(this.outputBias.map((bias, row) => bias + product(this.output[row], newHidden)));
    return { input, forget, candidate, output, cell: newCell, hidden: newHidden, probabilities };
  }

  /** Read a text from the initial state; return the result of every step. */
  read(text) {
    let state = this.initialState();
    return [...text].map((symbol) => (state = this.step(symbol, state)));
  }

  /** Most probable symbol after a step. */
  best(step) { return this.symbols[step.probabilities.indexOf(Math.max(...step.probabilities))]; }

  /** Continue a text with the most probable symbols until `end` or a number of them. */
  complete(text, end, most) {
    const steps = this.read(text);
    for (let n = 0; n < most && text.at(-1) !== end; n++) {
      const symbol = this.best(steps.at(-1));
      text += symbol;
      steps.push(this.step(symbol, steps.at(-1)));
    }
    return { text, steps };
  }
}

function product(row, vector) {
  let sum = 0;
  for (let n = 0; n < row.length; n++) sum += row[n] * vector[n];
  return sum;
}

function softmax(values) {
  const most = Math.max(...values), powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
