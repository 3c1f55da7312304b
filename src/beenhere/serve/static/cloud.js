// All photos of the index on the map: a hundred thousand points stay fluid.

import { CanvasTiles, colour, project } from './canvas_tiles.js';

const REACH = 24; // pixels: a finger's

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
  draw(context, { x, y, scale }, { z }) {
    if (!this.cloud) return;
    const size = z < 12 ? 1.5 : z < 15 ? 2 : z < 17 ? 2.75 : 3.75; // radius, pixels
    const pad = 16 / scale;
    const seen = new Uint8Array(288 * 288); // a pixel is drawn once, however many lie there
    const dots = new Path2D();
    const looks = new Path2D();
    const { cloud } = this;
    cloud.within(x / scale - pad, y / scale - pad, (x + 256) / scale + pad, (y + 256) / scale + pad, (i) => {
      const [px, py] = [cloud.x[i] * scale - x, cloud.y[i] * scale - y];
      const cell = (Math.round(py) + 16) * 288 + Math.round(px) + 16;
      if (z >= 17 && !Number.isNaN(cloud.heading[i])) {
        const to = ((cloud.heading[i] - 90) * Math.PI) / 180;
        looks.moveTo(px, py);
        looks.arc(px, py, 13, to - 0.45, to + 0.45);
        looks.closePath();
      }
      if (seen[cell]) return;
      seen[cell] = 1;
      if (size < 2.5) dots.rect(px - size, py - size, 2 * size, 2 * size);
      else {
        dots.moveTo(px + size, py);
        dots.arc(px, py, size, 0, 7);
      }
    });
    context.fillStyle = colour(this.strong ? 'look-strong' : 'look');
    context.fill(looks);
    context.fillStyle = colour(this.strong ? 'dot-strong' : 'dot');
    context.fill(dots);
    if (size > 2.5) {
      context.strokeStyle = colour('land');
      context.lineWidth = 1;
      context.stroke(dots);
    }
  },
  /** Index into the cloud of the point under a place on the map; -1 if none is near. */
  at({ lat, lng }, zoom) {
    if (!this.cloud) return -1;
    const [x, y] = project(lat, lng);
    return this.cloud.nearest(x, y, REACH / 2 / (256 * 2 ** zoom));
  },
});
