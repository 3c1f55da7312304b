// Vector tiles (MVT, the Mapbox Vector Tile specification 2.1), drawn in quiet colours on canvas.

import { CanvasTiles, colour } from './canvas_tiles.js';

/** Reads what protocol buffers are made of: numbers and pieces, by field. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  varint() {
    let [value, times] = [0, 1];
    for (;;) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new Error('a vector tile that ends too early');
      value += (byte & 127) * times; // no shifts: they stop at 32 bits
      if (byte < 128) return value;
      times *= 128;
    }
  }

  /** Calls `each(field, value)`: a number of type 0, a Reader of type 2; others are passed over. */
  fields(each) {
    while (this.at < this.bytes.length) {
      const key = this.varint();
      const [field, type] = [Math.floor(key / 8), key & 7];
      if (type === 0) each(field, this.varint());
      else if (type === 2) {
        const length = this.varint();
        const piece = new Reader(this.bytes.subarray(this.at, this.at + length));
        this.at += length;
        each(field, piece);
      } else if (type === 1 || type === 5) this.at += type === 1 ? 8 : 4;
      else throw new Error('no vector tile');
    }
  }

  numbers() {
    const found = [];
    while (this.at < this.bytes.length) found.push(this.varint());
    return found;
  }

  text() {
    return new TextDecoder().decode(this.bytes);
  }
}

const signed = (n) => (n % 2 ? -(n + 1) / 2 : n / 2);

/** A value of a tag, if it is text; numbers and the rest tell this map nothing. */
function valueOf(reader) {
  let found = null;
  reader.fields((field, value) => {
    if (field === 1 && value instanceof Reader) found = value.text();
  });
  return found;
}

/** Commands of a geometry (section 4.3) as lists of points `[x, y]`. */
function linesOf(commands) {
  const lines = [];
  let [x, y, i] = [0, 0, 0];
  while (i < commands.length) {
    const [kind, count] = [commands[i] & 7, commands[i] >> 3];
    i += 1;
    if (kind === 7) {
      lines.at(-1)?.push(lines.at(-1)[0]);
      continue;
    }
    for (let n = 0; n < count && i + 1 < commands.length; n++, i += 2) {
      x += signed(commands[i]);
      y += signed(commands[i + 1]);
      if (kind === 1) lines.push([]);
      lines.at(-1)?.push([x, y]);
    }
  }
  return lines;
}

/** @returns layers `{name, extent, features: [{type, tags, lines}]}` of a tile's bytes. */
export function decode(bytes) {
  const layers = [];
  new Reader(bytes).fields((field, piece) => {
    if (field !== 3 || !(piece instanceof Reader)) return;
    const layer = { name: '', extent: 4096, features: [] };
    const [keys, values, raw] = [[], [], []];
    piece.fields((part, value) => {
      if (part === 1) layer.name = value.text();
      else if (part === 2) raw.push(value);
      else if (part === 3) keys.push(value.text());
      else if (part === 4) values.push(valueOf(value));
      else if (part === 5) layer.extent = value;
    });
    for (const reader of raw) {
      const feature = { type: 0, tags: {}, lines: [] };
      reader.fields((part, value) => {
        if (part === 2) {
          const pairs = value.numbers();
          for (let i = 0; i + 1 < pairs.length; i += 2) feature.tags[keys[pairs[i]]] = values[pairs[i + 1]];
        } else if (part === 3) feature.type = value;
        else if (part === 4) feature.lines = linesOf(value.numbers());
      });
      layer.features.push(feature);
    }
    layers.push(layer);
  });
  return layers;
}

const WATER = /water|ocean|sea|lake|river|stream/;
const GREEN = /park|wood|forest|grass|green|landcover|landuse|nature|garden|meadow/;
const BUILT = /building/;
const ROADS = /road|street|transport|highway|path|way/;
const BORDER = /boundar|admin|border/;
const GREENS = /park|wood|forest|grass|garden|meadow|cemetery|nature|scrub|farm|orchard|golf|pitch/;
const MAJOR = /motorway|trunk|primary|secondary|major|highway/;
const MINOR = /path|footway|track|steps|cycleway|pedestrian|service/;

/** How a feature is drawn: in which order, in which colour, how wide; null where it is not. */
function styleOf(name, { type, tags }, zoom) {
  const kind = [tags.class, tags.kind, tags.type, tags.highway, tags.landuse, tags.natural, tags.leisure, tags['pmap:kind']].filter(Boolean).join(' ');
  if (WATER.test(name)) return type === 3 ? { order: 1, fill: 'water' } : type === 2 ? { order: 1, line: 'water', width: 1.5 } : null;
  if (type === 3) {
    if (BUILT.test(name)) return { order: 3, fill: 'building' };
    if (ROADS.test(name)) return { order: 4, fill: 'road' };
    return GREEN.test(name) && (GREENS.test(kind) || GREENS.test(name)) ? { order: 0, fill: 'park' } : null;
  }
  if (type !== 2) return null;
  if (BORDER.test(name)) return { order: 6, line: 'border', width: 0.75 };
  if (!ROADS.test(name)) return null;
  if (/rail|ferry/.test(kind)) return { order: 4, line: 'road-edge', width: 1 };
  const wide = 2 ** Math.max(0, (zoom - 14) / 2);
  if (MAJOR.test(kind)) return { order: 5, line: 'road', edge: 'road-edge', width: 2.5 * wide };
  return MINOR.test(kind) ? { order: 4, line: 'road-edge', width: 0.75 * wide } : { order: 5, line: 'road', edge: 'road-edge', width: 1.5 * wide };
}

/** Draws the layers of a tile over 256 pixels; of one drawn `parts` times as large, lines stay thin. */
function paint(context, layers, zoom, parts = 1) {
  const drawn = [];
  for (const { name, extent, features } of layers) {
    for (const feature of features) {
      const style = styleOf(name.toLowerCase(), feature, zoom);
      if (style) drawn.push({ style, lines: feature.lines, scale: 256 / extent });
    }
  }
  drawn.sort((a, b) => a.style.order - b.style.order);
  context.lineJoin = context.lineCap = 'round';
  const trace = ({ lines, scale }) => {
    context.beginPath();
    for (const line of lines) line.forEach(([x, y], i) => context[i ? 'lineTo' : 'moveTo'](x * scale, y * scale));
  };
  let edged = false;
  for (const each of drawn) {
    const { style } = each;
    if (style.order >= 5 && !edged) { // edges of all roads below all roads, or crossings look barred
      edged = true;
      for (const road of drawn) {
        if (!road.style.edge) continue;
        trace(road);
        context.strokeStyle = colour(road.style.edge);
        context.lineWidth = (road.style.width + 1.5) / parts;
        context.stroke();
      }
    }
    trace(each);
    if (style.fill) {
      context.fillStyle = colour(style.fill);
      context.fill(); // nonzero: rings wind the other way where they are holes
    } else {
      context.strokeStyle = colour(style.line);
      context.lineWidth = style.width / parts;
      context.stroke();
    }
  }
}

/** Tiles of this server. Beyond the last zoom that there is, a part of that tile is drawn large. */
export const VectorLayer = CanvasTiles.extend({
  tiles: new Map(),
  load(z, x, y) {
    const key = `${z}/${x}/${y}`;
    if (!this.tiles.has(key)) {
      if (this.tiles.size > 200) this.tiles.delete(this.tiles.keys().next().value);
      const url = this.options.url.replace('{z}', z).replace('{x}', x).replace('{y}', y);
      this.tiles.set(key, fetch(url).then(async (answer) => {
        if (answer.status === 204 || answer.status === 404) return []; // nothing is there
        if (!answer.ok) throw new Error(`tile ${key}: ${answer.status}`);
        return decode(new Uint8Array(await answer.arrayBuffer()));
      }).catch((error) => {
        this.tiles.delete(key);
        throw error;
      }));
    }
    return this.tiles.get(key);
  },
  async draw(context, frame, { x, y, z }) {
    const up = Math.max(0, z - this.options.lastZoom);
    const parts = 2 ** up;
    const layers = await this.load(z - up, Math.floor(x / parts), Math.floor(y / parts));
    if (!layers.length) return;
    context.fillStyle = colour('land');
    context.fillRect(0, 0, 256, 256);
    context.scale(parts, parts);
    context.translate((-256 * (x % parts)) / parts, (-256 * (y % parts)) / parts);
    paint(context, layers, z, parts);
  },
});
