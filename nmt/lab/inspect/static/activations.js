// The data of an inspection. T positions, D units; a map of activations is stored unit by unit: [D][T].

export const GATES = ['input', 'forget', 'output', 'reset', 'update', 'depth'];
export const STATES = ['cell', 'hidden'];

export function isGate(name) { return GATES.includes(name); }
export function largest(map) { return map.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6); }

/** Unpack the data that `nmt.lab.inspect.packing` packed. */
export async function unpackActivations(packed) {
  return new Activations(packed, await inflate(packed.arrays));
}

async function inflate(text) {
  const raw = atob(text), compressed = new Uint8Array(raw.length);
  for (let n = 0; n < raw.length; n++) compressed[n] = raw.charCodeAt(n);
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

class Activations {
  constructor(facts, bytes) {
    this.facts = facts;
    this.bytes = bytes;
  }

  /** Pieces that a layer reads. */
  pieces(layer) { return layer.part === 'encoder' ? this.facts.source : this.facts.read; }

  /** Log-probability of the piece at a decoder position, which was predicted one step before it is read. */
  score(place) { return this.facts.scores[place - 1]; }

  /** Values of a quantity for all units; a hidden state that is not stored is the output gate times tanh of the cell. */
  map(layer, name) {
    layer.maps ??= {};
    layer.maps[name] ??= this.#stored(layer, name) ?? this.#hiddenStates(layer);
    return layer.maps[name];
  }

  /** Values of one unit over time. */
  row(layer, name, unit) { return this.map(layer, name).subarray(unit * layer.places, (unit + 1) * layer.places); }

  /** Mean of a unit's forget gate and its half-life in steps; null for cells without a forget gate. */
  forgetStatistics(layer, unit) {
    if (layer.mean_forget === undefined) return null;
    return [layer.mean_forget, layer.half_life].map((start) => new DataView(this.bytes.buffer, start).getFloat32(4 * unit, true));
  }

  /** Weights [T × S] of a head, in steps of 1/255. */
  attention(layer, head) {
    const size = this.facts.written.length * this.facts.source.length, start = this.facts.attention[layer].start + head * size;
    return this.bytes.subarray(start, start + size);
  }

  #stored(layer, name) {
    const stored = layer.stored.find((each) => each.name === name);
    if (!stored) return null;
    const ends = stored.ends === undefined ? null : new DataView(this.bytes.buffer, stored.ends, 8 * layer.units);
    const values = new Float32Array(layer.units * layer.places);
    for (let unit = 0; unit < layer.units; unit++) {
      const low = ends ? ends.getFloat32(8 * unit, true) : 0, high = ends ? ends.getFloat32(8 * unit + 4, true) : 1;
      const scale = (high - low) / this.facts.steps[ends ? 'state' : 'gate'], from = unit * layer.places;
      for (let n = from; n < from + layer.places; n++) values[n] = low + scale * this.bytes[stored.start + n];
    }
    return values;
  }

  #hiddenStates(layer) {
    const gate = this.map(layer, 'output');
    return this.map(layer, 'cell').map((cell, n) => gate[n] * Math.tanh(cell));
  }
}
