// Layers of the map that are drawn here, on canvas tiles: no picture is fetched, no WebGL needed.

const { L } = window;

/** Colour of the style sheet by its variable's name, as it is now (light or dark). */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The world as a square of side 1, x to the east and y to the south (Web Mercator, EPSG:3857). */
export function project(lat, lon) {
  const s = Math.sin((Math.max(-85.0511, Math.min(85.0511, lat)) * Math.PI) / 180);
  return [lon / 360 + 0.5, 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)];
}

/** A layer whose subclasses have `draw(context, {x, y, scale}, coords)`, in 256 CSS pixels. */
export const CanvasTiles = L.GridLayer.extend({
  options: { tileSize: 256, updateWhenZooming: false, keepBuffer: 1, maxZoom: 22 },
  createTile(coords, done) {
    const tile = L.DomUtil.create('canvas', 'leaflet-tile');
    const sharp = Math.min(2, window.devicePixelRatio || 1);
    tile.width = tile.height = 256 * sharp;
    const context = tile.getContext('2d');
    context.scale(sharp, sharp);
    const scale = 256 * 2 ** coords.z; // pixels of the whole world's side
    const frame = { x: coords.x * 256, y: coords.y * 256, scale };
    const drawn = this.draw(context, frame, coords);
    if (drawn instanceof Promise) {
      drawn.then(() => done(null, tile), (error) => done(error, tile));
      return tile;
    }
    setTimeout(() => done(null, tile), 0); // Leaflet wants the tile before it is told of it
    return tile;
  },
});

/** Arcs of a TopoJSON file (its specification, section 2.1.3) as longitudes and latitudes. */
function arcsOf({ arcs, transform: { scale, translate } }) {
  return arcs.map((arc) => {
    let [x, y] = [0, 0];
    return arc.map(([dx, dy]) => project((y += dy) * scale[1] + translate[1], (x += dx) * scale[0] + translate[0]));
  });
}

/** Rings of all countries: flat arrays of projected x, y with the box around them. */
function ringsOf(topology) {
  const arcs = arcsOf(topology);
  const ring = (indexes) => {
    const points = [];
    for (const index of indexes) { // ~i is arc i from its end; ends that meet are there twice
      const arc = index < 0 ? [...arcs[~index]].reverse() : arcs[index];
      points.push(...(points.length ? arc.slice(1) : arc));
    }
    let box = [1, 1, 0, 0];
    for (const [x, y] of points) box = [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x), Math.max(box[3], y)];
    return { points, box };
  };
  return topology.objects.countries.geometries.flatMap(({ type, arcs: of = [] }) =>
    (type === 'Polygon' ? [of] : of).map((polygon) => polygon.map(ring)));
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
    this.polygons = ringsOf(await answer.json());
    this.redraw();
  },
  draw(context, { x, y, scale }, { z }) {
    if (!this.polygons) return;
    const near = 4 / scale;
    const box = [x / scale - near, y / scale - near, (x + 256) / scale + near, (y + 256) / scale + near];
    context.fillStyle = colour('land');
    // Borders of that scale lie kilometres off: on a street they would only be wrong.
    context.strokeStyle = colour(z > 11 ? 'land' : 'border');
    context.lineWidth = 0.75;
    for (const polygon of this.polygons) {
      const [a, b, c, d] = polygon[0].box;
      if (a > box[2] || c < box[0] || b > box[3] || d < box[1]) continue;
      context.beginPath();
      for (const { points } of polygon) {
        let [px, py] = [NaN, NaN];
        let first = true;
        for (const point of clip(points, box)) {
          const [qx, qy] = [point[0] * scale - x, point[1] * scale - y];
          if (Math.abs(qx - px) + Math.abs(qy - py) < 0.6) continue;
          if (first) context.moveTo(qx, qy);
          else context.lineTo(qx, qy);
          [px, py, first] = [qx, qy, false];
        }
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
