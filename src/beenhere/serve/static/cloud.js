// All photos of the index on the map: a hundred thousand points stay fluid.

import { CanvasTiles, colour, project } from './canvas_tiles.js';

const REACH = 24; // pixels: a finger's

/** Red, green and blue of a colour of the style sheet, which has them as #rrggbb. */
const channels = (name) => [1, 3, 5].map((at) => parseInt(colour(name).slice(at, at + 2), 16));

/** Points in order of x, so that those of a tile are found by bisection. */
export class Cloud {
  /** @param columns `rows`, `lat`, `lon` and `heading`, of one length; null where unknown. */
  constructor({ rows, lat, lon, heading }) {
    const at = [...rows.keys()].filter((i) => lat[i] !== null && lon[i] !== null);
    const placed = at.map((i) => project(lat[i], lon[i]));
    const order = [...at.keys()].sort((a, b) => placed[a][0] - placed[b][0]);
    this.x = Float64Array.from(order, (i) => placed[i][0]);
    this.y = Float64Array.from(order, (i) => placed[i][1]);
    this.row = Int32Array.from(order, (i) => rows[at[i]]);
    this.heading = Float32Array.from(order, (i) => heading?.[at[i]] ?? NaN);
    this.lat = Float64Array.from(order, (i) => lat[at[i]]);
    this.lon = Float64Array.from(order, (i) => lon[at[i]]);
  }

  get length() {
    return this.x.length;
  }

  #from(x) {
    let [low, high] = [0, this.x.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Calls `each(i)` for the points within a box of projected coordinates. */
  within(x0, y0, x1, y1, each) {
    for (let i = this.#from(x0); i < this.x.length && this.x[i] <= x1; i++) {
      if (this.y[i] >= y0 && this.y[i] <= y1) each(i);
    }
  }

  /** The point nearest to a projected position, not farther than `far`; -1 if there is none. */
  nearest(x, y, far) {
    let [found, best] = [-1, far * far];
    this.within(x - far, y - far, x + far, y + far, (i) => {
      const d = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (d <= best) [found, best] = [i, d];
    });
    return found;
  }

  /** `[[south, west], [north, east]]` of all points; null of none. */
  bounds() {
    if (!this.length) return null;
    let [south, west, north, east] = [90, 180, -90, -180];
    for (let i = 0; i < this.length; i++) {
      south = Math.min(south, this.lat[i]);
      north = Math.max(north, this.lat[i]);
      west = Math.min(west, this.lon[i]);
      east = Math.max(east, this.lon[i]);
    }
    return [[south, west], [north, east]];
  }
}

/** The points as dots; from street level on with the way that each looks. */
export const CloudLayer = CanvasTiles.extend({
  strong: false,
  show(cloud) {
    this.cloud = cloud;
    this.redraw();
  },
  emphasise(strong) {
    if (this.strong === strong) return;
    this.strong = strong;
    this.redraw();
  },
  draw(context, frame, { z }) {
    if (!this.cloud?.length) return;
    this[z < 15 ? 'drawDensity' : 'drawDots'](context, frame, z);
  },
  /** Far away: pixels, the fuller the more photos lie there. */
  drawDensity(context, { x, y, scale, sharp }, z) {
    const { cloud } = this;
    const side = 256 * sharp;
    const half = Math.round((z < 11 ? 0.5 : 1) * sharp); // a dot is a square of 2 half + 1 pixels
    const wide = side + 2 * half;
    const counts = new Uint16Array(wide * wide);
    const pad = half / sharp / scale;
    cloud.within(x / scale - pad, y / scale - pad, (x + 256) / scale + pad, (y + 256) / scale + pad, (i) => {
      const px = Math.floor((cloud.x[i] * scale - x) * sharp) + half;
      const py = Math.floor((cloud.y[i] * scale - y) * sharp) + half;
      if (px >= 0 && py >= 0 && px < wide && py < wide && counts[py * wide + px] < 60_000) counts[py * wide + px] += 1;
    });
    const pixels = context.createImageData(side, side);
    const words = new Uint32Array(pixels.data.buffer); // 0xAABBGGRR
    const [r, g, b] = channels(this.strong ? 'dot-strong' : 'dot');
    const tint = (b << 16) | (g << 8) | r;
    for (let py = 0; py < wide; py++) {
      for (let px = 0; px < wide; px++) {
        const n = counts[py * wide + px];
        if (!n) continue;
        const alpha = Math.min(255, 120 + 60 * Math.log2(n)) | 0;
        for (let v = Math.max(0, py - 2 * half); v <= Math.min(side - 1, py); v++) {
          for (let u = Math.max(0, px - 2 * half); u <= Math.min(side - 1, px); u++) {
            if (words[v * side + u] >>> 24 < alpha) words[v * side + u] = ((alpha << 24) | tint) >>> 0;
          }
        }
      }
    }
    context.putImageData(pixels, 0, 0);
  },
  /** Near by: dots, and the way that each looks. */
  drawDots(context, { x, y, scale }, z) {
    const { cloud } = this;
    const size = z < 17 ? 2.75 : 3.75; // radius, pixels
    const pad = 16 / scale;
    const dots = new Path2D();
    const looks = new Path2D();
    cloud.within(x / scale - pad, y / scale - pad, (x + 256) / scale + pad, (y + 256) / scale + pad, (i) => {
      const [px, py] = [cloud.x[i] * scale - x, cloud.y[i] * scale - y];
      if (z >= 17 && !Number.isNaN(cloud.heading[i])) {
        const to = ((cloud.heading[i] - 90) * Math.PI) / 180;
        looks.moveTo(px, py);
        looks.arc(px, py, 13, to - 0.45, to + 0.45);
        looks.closePath();
      }
      dots.moveTo(px + size, py);
      dots.arc(px, py, size, 0, 7);
    });
    context.fillStyle = colour(this.strong ? 'look-strong' : 'look');
    context.fill(looks);
    context.fillStyle = colour(this.strong ? 'dot-strong' : 'dot');
    context.fill(dots);
    context.strokeStyle = colour('land');
    context.lineWidth = 1;
    context.stroke(dots);
  },
  /** Index into the cloud of the point under a place on the map; -1 if none is near. */
  at({ lat, lng }, zoom) {
    if (!this.cloud) return -1;
    const [x, y] = project(lat, lng);
    return this.cloud.nearest(x, y, REACH / 2 / (256 * 2 ** zoom));
  },
});
