// Layers of the map that are drawn here, on canvas tiles: no picture is fetched, no WebGL needed.

const { L } = window;

/** Colour of the style sheet by its variable's name, as it is now (light or dark). */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The world as a square of side 1, x to the east and y to the south (Web Mercator, EPSG:3857). */
export function project(lat, lon) {
  const s = Math.sin((Math.max(-85.0511, Math.min(85.0511, lat)) * Math.PI) / 180);
  return [lon / 360 + 0.5, 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)];
}

// Tiles are drawn a few a frame, so that the map follows the hand whatever there is to draw.
const FRAME = 9; // milliseconds of each
const jobs = [];
function work() {
  const end = performance.now() + FRAME;
  while (jobs.length && performance.now() < end) jobs.shift()();
  if (jobs.length) requestAnimationFrame(work);
}

/** A layer whose subclasses have `draw(context, {x, y, scale}, coords)`, in 256 CSS pixels. */
export const CanvasTiles = L.GridLayer.extend({
  options: { tileSize: 256, updateWhenZooming: false, keepBuffer: 1, maxZoom: 22 },
  createTile(coords, done) {
    const tile = L.DomUtil.create('canvas', 'leaflet-tile');
    const sharp = Math.min(2, window.devicePixelRatio || 1);
    tile.width = tile.height = 256 * sharp;
    const frame = { x: coords.x * 256, y: coords.y * 256, scale: 256 * 2 ** coords.z, sharp }; // scale: of the whole world
    const draw = async () => {
      if (tile.gone) return;
      const context = tile.getContext('2d');
      context.scale(sharp, sharp);
      try {
        await this.draw(context, frame, coords);
        done(null, tile);
      } catch (error) {
        done(error, tile);
      }
    };
    if (jobs.push(draw) === 1) requestAnimationFrame(work);
    return tile;
  },
  onAdd(map) {
    this.on('tileunload', ({ tile }) => (tile.gone = true));
    return L.GridLayer.prototype.onAdd.call(this, map);
  },
});

/** Arcs of a TopoJSON file (its specification, section 2.1.3) as longitudes and latitudes. */
function arcsOf({ arcs, transform: { scale, translate } }) {
  return arcs.map((arc) => {
    let [x, y] = [0, 0];
    return arc.map(([dx, dy]) => project((y += dy) * scale[1] + translate[1], (x += dx) * scale[0] + translate[0]));
  });
}

/** A ring made whole where it crosses the date line: x goes on beyond 0 and 1 there. */
function unwrapped(points) {
  let [turns, last] = [0, points[0][0]];
  const whole = points.map(([x, y]) => {
    if (Math.abs(x - last) > 0.5) turns += x < last ? 1 : -1;
    last = x;
    return [x + turns, y];
  });
  const [start, end] = [whole[0][0], whole[whole.length - 1][0]];
  if (Math.abs(end - start) > 0.5) whole.push([end, 1], [start, 1]); // around the south pole
  return whole;
}

function boxOf(points) {
  let box = [2, 2, -1, -1];
  for (const [x, y] of points) box = [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x), Math.max(box[3], y)];
  return box;
}

/** All countries' polygons as `{rings, box}`, of projected points; twice where they go over the edge. */
function polygonsOf(topology) {
  const arcs = arcsOf(topology);
  const ring = (indexes) => {
    const points = [];
    for (const index of indexes) { // ~i is arc i from its end; ends that meet are there twice
      const arc = index < 0 ? [...arcs[~index]].reverse() : arcs[index];
      for (let i = points.length ? 1 : 0; i < arc.length; i++) points.push(arc[i]);
    }
    return unwrapped(points);
  };
  const found = [];
  for (const { type, arcs: of = [] } of topology.objects.countries.geometries) {
    for (const polygon of type === 'Polygon' ? [of] : of) {
      const rings = polygon.map(ring);
      const box = boxOf(rings[0]);
      for (const turn of [-1, 0, 1]) {
        if (box[0] + turn >= 1 || box[2] + turn <= 0) continue;
        found.push({
          rings: turn ? rings.map((points) => points.map(([x, y]) => [x + turn, y])) : rings,
          box: [box[0] + turn, box[1], box[2] + turn, box[3]],
        });
      }
    }
  }
  return found;
}

/** Fewer points for a zoom at which most of them fall into one pixel. */
function coarser(polygons, scale) {
  const least = 0.7 / scale;
  const thin = (points) => {
    let last = points[0];
    return points.filter((point, i) => {
      const keep = !i || i === points.length - 1 || Math.abs(point[0] - last[0]) + Math.abs(point[1] - last[1]) >= least;
      if (keep) last = point;
      return keep;
    });
  };
  return polygons.filter(({ box }) => (box[2] - box[0]) * scale > 0.5 || (box[3] - box[1]) * scale > 0.5)
    .map(({ rings, box }) => ({ rings: rings.map(thin), box }));
}

/** The part of a ring within a box, by Sutherland and Hodgman (1974). */
function clip(points, [x0, y0, x1, y1]) {
  const edges = [[0, x0, 1], [0, x1, -1], [1, y0, 1], [1, y1, -1]];
  let kept = points;
  for (const [axis, at, sign] of edges) {
    const before = kept;
    kept = [];
    for (let i = 0, last = before[before.length - 1]; i < before.length; last = before[i++]) {
      const here = before[i];
      const [inside, was] = [(here[axis] - at) * sign >= 0, (last[axis] - at) * sign >= 0];
      if (inside !== was) {
        const t = (at - last[axis]) / (here[axis] - last[axis]);
        kept.push([last[0] + t * (here[0] - last[0]), last[1] + t * (here[1] - last[1])]);
      }
      if (inside) kept.push(here);
    }
  }
  return kept;
}

/** Land and borders of Natural Earth, 1:50 million: a place to start from, not a street map. */
export const WorldLayer = CanvasTiles.extend({
  async load(url) {
    const answer = await fetch(url);
    if (!answer.ok) return;
    this.polygons = polygonsOf(await answer.json());
    this.coarse = new Map();
    this.redraw();
  },
  draw(context, { x, y, scale }, { z }) {
    if (!this.polygons) return;
    if (z < 6 && !this.coarse.has(z)) this.coarse.set(z, coarser(this.polygons, scale));
    const near = 4 / scale;
    const box = [x / scale - near, y / scale - near, (x + 256) / scale + near, (y + 256) / scale + near];
    context.fillStyle = colour('land');
    // Borders of that scale lie kilometres off: on a street they would only be wrong.
    context.strokeStyle = colour(z > 11 ? 'land' : 'border');
    context.lineWidth = 0.75;
    for (const polygon of z < 6 ? this.coarse.get(z) : this.polygons) {
      const [a, b, c, d] = polygon.box;
      if (a > box[2] || c < box[0] || b > box[3] || d < box[1]) continue;
      context.beginPath();
      for (const points of polygon.rings) {
        const part = clip(points, box);
        part.forEach(([px, py], i) => context[i ? 'lineTo' : 'moveTo'](px * scale - x, py * scale - y));
        context.closePath();
      }
      context.fill('evenodd');
      context.stroke();
    }
    if (z < 12) return;
    // Squared paper, so that there is something to hold on to where no tiles are.
    context.strokeStyle = colour('grid');
    context.lineWidth = 1;
    context.beginPath();
    for (const at of [0.5, 64.5, 128.5, 192.5]) {
      context.moveTo(at, 0);
      context.lineTo(at, 256);
      context.moveTo(0, at);
      context.lineTo(256, at);
    }
    context.stroke();
  },
});
