// The map: the index's photos, the answers, and the evidence of the selected one.

import { CloudLayer, Cloud } from './cloud.js';
import { WorldLayer } from './canvas_tiles.js';
import { calm, h, icon } from './dom.js';
import { kindOf } from './photos.js';
import { bestMatch, ownWords, position, side, whereWords } from './words.js';

const { L } = window;
const CLOSEST = 19; // zoom that a flight ends at, at most

const marker = (place, element, size, options = {}) => L.marker([place.lat, place.lon], {
  icon: L.divIcon({ className: 'mark', html: element, iconSize: [size, size] }), keyboard: false, ...options,
});

/** A pin of an answer; its shape tells the kind to those who see no colour. */
function pin(kind, review, large) {
  const pinned = h('span', { class: `pin${large ? ' large' : ''}`, dataset: { kind, review: review ?? '' } });
  if (large || review) pinned.append(review ? icon(review === 'accepted' ? 'check' : 'cross') : { known: '', guess: '?', unknown: '?' }[kind] ?? '');
  return pinned;
}

/** Tells of "photo" (an answer's pin was clicked), "row" (a point), "match", "moved", "area". */
export class Atlas extends EventTarget {
  constructor(element, note) {
    super();
    this.note = note;
    this.map = L.map(element, {
      zoomControl: false, attributionControl: false, minZoom: 2, maxZoom: 22, worldCopyJump: true,
      maxBounds: [[-85.06, -1e4], [85.06, 1e4]], maxBoundsViscosity: 1,
      zoomAnimation: !calm(), fadeAnimation: false, markerZoomAnimation: !calm(), zoomSnap: 0.25, wheelPxPerZoomLevel: 90,
    }).setView([25, 10], 2.5);
    L.control.zoom({ position: 'topright' }).addTo(this.map);
    this.credits = L.control.attribution({ position: 'bottomright', prefix: false }).addAttribution('Natural Earth').addTo(this.map);
    L.control.scale({ position: 'bottomright', imperial: false }).addTo(this.map);
    for (const [name, level] of [['world', 150], ['base', 200], ['cloud', 350], ['area', 360], ['evidence', 450]]) {
      this.map.createPane(name).style.zIndex = level;
    }
    this.world = new WorldLayer({ pane: 'world' }).addTo(this.map);
    this.cloud = new CloudLayer({ pane: 'cloud' }).addTo(this.map);
    this.answers = L.layerGroup().addTo(this.map);
    this.evidence = L.layerGroup().addTo(this.map);
    this.found = L.layerGroup().addTo(this.map);
    this.pins = new Map();
    this.map.on('click', (event) => this.#clicked(event));
    this.map.on('mousemove', (event) => {
      element.classList.toggle('over-point', this.cloud.at(event.latlng, this.map.getZoom()) >= 0);
    });
    new ResizeObserver(() => this.map.invalidateSize({ pan: false, animate: false })).observe(element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => [this.world, this.cloud, this.base].forEach((layer) => layer?.redraw?.()));
    L.DomEvent.disableClickPropagation(note);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #clicked(event) {
    if (this.drawing) return;
    const i = this.cloud.at(event.latlng, this.map.getZoom());
    if (i >= 0) this.#tell('row', this.cloud.cloud.row[i]);
  }

  /** A layer of tiles above the outline of the world. */
  setBase(layer, attribution) {
    this.base?.remove();
    this.base = layer?.addTo(this.map) ?? null;
    if (!attribution) return;
    // Its words alone: whoever made the tiles does not write this page.
    const words = new DOMParser().parseFromString(attribution, 'text/html').body.textContent;
    this.credits.addAttribution(h('span', {}, words).innerHTML);
  }

  /** Shows the index's points; `home` flies to where they lie. */
  setPoints(columns, home = true) {
    const cloud = new Cloud(columns);
    this.cloud.show(cloud);
    this.bounds = cloud.bounds();
    if (home) this.goHome(false);
  }

  goHome(fly = true) {
    if (!this.bounds) return;
    this.#go(L.latLngBounds(this.bounds), fly);
  }

  #go(bounds, fly = true) {
    const options = { padding: [56, 56], maxZoom: CLOSEST };
    if (!fly || calm()) this.map.fitBounds(bounds, { ...options, animate: false });
    else this.map.flyToBounds(bounds, { ...options, duration: 0.7 });
  }

  /** Pins of all answers that have a place on the map. */
  showAnswers(photos, selected) {
    this.answers.clearLayers();
    this.pins.clear();
    for (const photo of photos) this.showAnswer(photo, selected);
  }

  showAnswer(photo, selected) {
    const before = this.pins.get(photo.id);
    if (before) this.answers.removeLayer(before);
    this.pins.delete(photo.id);
    const here = position(photo);
    const kind = kindOf(photo);
    const shown = here && kind && photo !== selected && photo.review !== 'refused' && (kind !== 'unknown' || photo.moved);
    if (!shown) return;
    const placed = marker(here, pin(kind, photo.review, false), 18, { title: photo.name })
      .on('click', () => this.#tell('photo', photo)).addTo(this.answers);
    this.pins.set(photo.id, placed);
  }

  /** The evidence of one photo: circle, matches, runner-up, its own position; null clears. */
  showEvidence(photo, match = null, fly = true) {
    this.evidence.clearLayers();
    const answer = photo?.answer;
    if (!answer?.matches) return;
    const here = position(photo);
    const bounds = L.latLngBounds([]);
    const place = answer.place;
    if (here && Number.isFinite(answer.radius_m) && answer.status === 'known' && !photo.moved) {
      const circle = L.circle([here.lat, here.lon], { radius: answer.radius_m, pane: 'evidence', className: 'radius', interactive: false }).addTo(this.evidence);
      bounds.extend(circle.getBounds());
    }
    answer.matches.forEach((each, i) => {
      if (!Number.isFinite(each.lat)) return;
      const kind = side(answer, each);
      const is = match ? each.rank === match.rank : each === bestMatch(answer);
      const element = h('span', { class: 'match-mark', dataset: { side: kind, chosen: String(is) } }, String(i + 1));
      marker(each, element, 20, { title: `${i + 1}: ${each.name}`, zIndexOffset: is ? 500 : -10 * i, pane: 'evidence' })
        .on('click', () => this.#tell('match', each)).addTo(this.evidence);
      if (kind === 'for') bounds.extend([each.lat, each.lon]);
    });
    const rival = answer.runner_up;
    if (rival && Number.isFinite(rival.lat)) {
      marker(rival, h('span', { class: 'rival-mark' }), 16, { title: `runner-up: ${whereWords(rival)}`, pane: 'evidence' }).addTo(this.evidence);
    }
    if (answer.own && Number.isFinite(answer.own.lat)) {
      const star = h('span', { class: 'own-mark' }, '★');
      marker(answer.own, star, 20, { title: `where ${ownWords(answer.own)} says it was`, zIndexOffset: 600 }).addTo(this.evidence);
      if (here && !(answer.own.distance_m > 50_000)) L.polyline([[here.lat, here.lon], [answer.own.lat, answer.own.lon]], { pane: 'evidence', className: 'own-line', interactive: false }).addTo(this.evidence);
      if (here && place && (answer.own.distance_m ?? 0) < 2000) bounds.extend([answer.own.lat, answer.own.lon]);
    }
    if (here) {
      const pinned = marker(here, pin(photo.moved ? 'known' : answer.status, photo.review, true), 34,
        { title: `${photo.name}: drag to move`, draggable: true, autoPan: true, zIndexOffset: 1000 });
      pinned.on('dragend', () => {
        const { lat, lng } = pinned.getLatLng().wrap();
        this.#tell('moved', { photo, to: { lat, lon: lng } });
      });
      pinned.addTo(this.evidence);
      bounds.extend([here.lat, here.lon]);
    }
    if (fly && bounds.isValid()) this.#go(bounds.pad(0.05));
  }

  /** The photo of the index that is looked at, and those like it. */
  showFound(places) {
    this.found.clearLayers();
    const placed = places.filter(({ lat }) => Number.isFinite(lat));
    placed.forEach((place, i) => {
      marker(place, h('span', { class: 'match-mark', dataset: { side: i ? 'other' : 'for', chosen: String(!i) } }, i ? String(i) : ''), 20,
        { title: place.name, pane: 'evidence', zIndexOffset: i ? 0 : 500 }).on('click', () => this.#tell('row', place.row)).addTo(this.found);
    });
    if (placed.length > 1) this.#go(L.latLngBounds(placed.map(({ lat, lon }) => [lat, lon])));
    else if (placed.length && !this.map.getBounds().contains([placed[0].lat, placed[0].lon])) this.map.panTo([placed[0].lat, placed[0].lon], { animate: !calm() });
  }

  /** The circle that narrows questions; null takes it away. */
  showArea(area) {
    this.area?.remove();
    this.area = area && L.circle([area.lat, area.lon], { radius: area.radius, pane: 'area', className: 'area', interactive: false }).addTo(this.map);
  }

  /** Lets the person draw a circle, from its centre outwards; Escape leaves it. */
  drawArea() {
    if (this.drawing) return;
    const { map } = this;
    const element = map.getContainer();
    this.drawing = true;
    element.classList.add('drawing');
    map.dragging.disable();
    let [centre, radius] = [null, 0];
    const at = (event) => map.mouseEventToLatLng(event);
    const down = (event) => {
      if (event.target.closest('.leaflet-control')) return;
      event.preventDefault();
      event.stopPropagation();
      centre = at(event);
      element.setPointerCapture?.(event.pointerId);
    };
    const move = (event) => {
      if (!centre) return;
      radius = map.distance(centre, at(event));
      this.showArea({ lat: centre.lat, lon: centre.lng, radius });
    };
    const end = (area) => {
      for (const [type, listener] of listeners) element.removeEventListener(type, listener, true);
      removeEventListener('keydown', key, true);
      element.classList.remove('drawing');
      map.dragging.enable();
      setTimeout(() => (this.drawing = false), 0); // the click that ends it chooses no point
      this.#tell('area', area);
    };
    const up = () => {
      if (!centre) return;
      // A tap is a circle of a size that can be seen.
      if (radius < 2) radius = (40075016 * Math.cos((centre.lat * Math.PI) / 180) * 60) / (256 * 2 ** map.getZoom());
      const wrapped = centre.wrap();
      end({ lat: wrapped.lat, lon: wrapped.lng, radius: Math.max(1, Math.round(radius)) });
    };
    const key = (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      end(undefined);
    };
    const listeners = [['pointerdown', down], ['pointermove', move], ['pointerup', up]];
    for (const [type, listener] of listeners) element.addEventListener(type, listener, true);
    addEventListener('keydown', key, true);
  }

  /** The index's photos come forward, and the answers go; or the other way round. */
  browsing(is) {
    this.cloud.emphasise(is);
    if (is) this.answers.remove();
    else this.answers.addTo(this.map);
  }

  say(text) {
    this.note.textContent = text ?? '';
    this.note.hidden = !text;
  }
}
