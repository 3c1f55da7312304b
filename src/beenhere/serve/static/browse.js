// The index itself: which photos it has, narrowed by date, heading, condition and place.

import { askJson, thumbnail } from './api.js';
import { button, byId, h, say } from './dom.js';
import { count, metres, whereWords } from './words.js';

const PAGE = 60; // photos of the list that are fetched at once
const AROUND = 200; // metres

/** What narrows the photos, as the server's filters name it. */
const noFilters = () => ({ from: '', to: '', heading: '', tolerance: '', condition: '' });

/** Tells of "narrowed" (filters or area changed), "draw", "around" (a circle by a photo), "found". */
export class Browse extends EventTarget {
  filters = noFilters();
  area = null;
  forQuestions = false;
  #list = [];
  #next = null;
  #asked = 0;

  constructor() {
    super();
    this.box = byId('browse');
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** The filters as a query of the server, without those that are empty. */
  query() {
    const { area } = this;
    const given = Object.fromEntries(Object.entries(this.filters).filter(([, value]) => value !== ''));
    if (given.heading !== undefined) given.tolerance ??= '45';
    else delete given.tolerance;
    return { ...given, ...(area && { near: `${area.lat.toFixed(6)},${area.lon.toFixed(6)}`, radius: area.radius }) };
  }

  /** The same for a question; nothing unless the person wants it. */
  questionQuery() {
    const { condition, ...query } = this.query();
    return this.forQuestions ? query : {};
  }

  /** What narrows, in words; "" if nothing does. */
  words() {
    const { from, to, heading, tolerance, condition } = this.filters;
    return [
      this.area && `within ${metres(this.area.radius)} of the circle's centre`,
      (from || to) && `taken ${from || '…'} to ${to || '…'}`,
      heading !== '' && `facing ${heading}° ± ${tolerance || 45}°`,
      condition,
    ].filter(Boolean).join(', ');
  }

  /** Another index: its filters begin anew. */
  use(info) {
    this.info = info;
    this.filters = noFilters();
    this.area = null;
    this.looked = null;
    this.#tell('found', []);
    this.#render();
  }

  setArea(area) {
    this.area = area;
    this.#render();
    this.#tell('narrowed');
  }

  clear() {
    this.filters = noFilters();
    this.area = null;
    this.forQuestions = false;
    this.#render();
    this.#tell('narrowed');
  }

  #render() {
    const { info, filters } = this;
    const field = (name, words, properties) => h('label', { class: 'field' }, h('span', {}, words), h('input', {
      value: filters[name], autocomplete: 'off', name, ...properties,
      onchange: (event) => {
        filters[name] = event.target.value.trim();
        if (event.target.checkValidity()) this.#tell('narrowed');
        else event.target.reportValidity();
      },
    }));
    const dated = { pattern: '\\d{4}(-\\d\\d(-\\d\\d)?)?', title: 'a date: 2015, 2015-03 or 2015-03-31', inputMode: 'numeric' };
    const located = info.reference === 'position';
    this.photosBox = h('div', { class: 'tiles', role: 'list' });
    this.more = button('More', { class: 'quiet wide', onclick: () => this.#fetch(false) });
    this.said = h('p', { class: 'said-count', role: 'status' });
    this.looked ??= h('div', { class: 'looked-at', hidden: true });
    this.box.replaceChildren(
      h('div', { class: 'facts-line' },
        h('p', { class: 'soft' }, [count(info.photos, 'photo'), info.model, info.calibrated ? 'calibrated' : 'not calibrated'].filter(Boolean).join(' · ')),
        h('a', { href: 'docs', title: 'The same over HTTP, for programs' }, 'API')),
      h('form', { class: 'filters', onsubmit: (event) => event.preventDefault() },
        info.captured && field('from', 'Taken from', { ...dated, placeholder: String(info.captured[0]).slice(0, 10) }),
        info.captured && field('to', 'to', { ...dated, placeholder: String(info.captured[1]).slice(0, 10) }),
        info.has_heading && field('heading', 'Facing °', { type: 'number', min: 0, max: 360, step: 'any', placeholder: '0 to 360' }),
        info.has_heading && field('tolerance', '± °', { type: 'number', min: 0, max: 180, step: 'any', placeholder: '45' }),
        info.conditions?.length > 0 && h('label', { class: 'field' }, h('span', {}, 'Condition'), h('select', {
          name: 'condition', onchange: (event) => {
            filters.condition = event.target.value;
            this.#tell('narrowed');
          },
        }, h('option', { value: '' }, 'any'), info.conditions.map((each) => h('option', { value: each, selected: each === filters.condition }, each)))),
        h('div', { class: 'row wide' },
          located && button(this.area ? 'Draw another circle' : 'Draw a circle', { picture: 'circle', onclick: () => this.#tell('draw') }),
          this.words() && button('Clear', { class: 'quiet', onclick: () => this.clear() })),
        h('label', { class: 'check wide' }, h('input', {
          type: 'checkbox', checked: this.forQuestions, onchange: (event) => {
            this.forQuestions = event.target.checked;
            this.#tell('questions');
          },
        }), h('span', {}, 'Look only among these when I ask'))),
      this.looked, this.said, this.photosBox, this.more);
  }

  /** How many photos the filters leave, after they changed. */
  refresh(total) {
    const said = this.words() ? `${count(total, 'photo')}: ${this.words()}` : '';
    const clear = this.box.querySelector('.filters .row .quiet');
    if (Boolean(clear) !== Boolean(this.words())) {
      const focused = document.activeElement?.name;
      this.#render();
      if (focused) this.box.querySelector(`[name=${focused}]`)?.focus();
    }
    this.said.textContent = said;
    this.#fetch(true);
  }

  async #fetch(anew) {
    const asked = ++this.#asked;
    const told = await askJson(`v1/indexes/${encodeURIComponent(this.info.name)}/photos`, { query: { ...this.query(), limit: PAGE, after: anew ? null : this.#next } });
    if (asked !== this.#asked) return;
    this.#list = anew ? told.features : [...this.#list, ...told.features];
    this.#next = told.next;
    this.generation = told.generation;
    this.more.hidden = told.next === null || told.next === undefined;
    this.photosBox.replaceChildren(...this.#list.map((feature) => this.#tile(feature.properties)));
  }

  #tile(photo, note = null) {
    return h('div', { role: 'listitem' }, h('button', { type: 'button', class: 'tile', title: photo.name, 'aria-label': `Photo ${photo.name}`, onclick: () => this.look(photo.row) },
      h('img', { src: thumbnail(this.info.name, photo.row, 168, this.generation), alt: '', loading: 'lazy', decoding: 'async' }), note && h('span', { class: 'number' }, note)));
  }

  /** Shows one photo of the index, large. */
  async look(row) {
    const feature = await askJson(`v1/indexes/${encodeURIComponent(this.info.name)}/photos/${row}`);
    const photo = feature.properties;
    const [lon, lat] = feature.geometry?.coordinates ?? [null, null];
    const like = h('div', { class: 'tiles', role: 'list', hidden: true });
    const where = whereWords({ ...photo, lat, lon });
    this.looked.hidden = false;
    this.looked.replaceChildren(
      h('img', { src: thumbnail(this.info.name, row, 640, this.generation), alt: `Photo ${photo.name}` }),
      h('div', { class: 'row' }, h('strong', { title: photo.name }, photo.name.slice(photo.name.lastIndexOf('/') + 1)),
        button('Close', { picture: 'cross', class: 'bare', 'aria-label': 'Close this photo', onclick: () => this.close() })),
      h('p', { class: 'soft' }, [where, photo.captured, Number.isFinite(photo.heading) && `facing ${Math.round(photo.heading)}°`, photo.condition].filter(Boolean).join(' · ')),
      h('div', { class: 'row' }, button('Photos like this', { picture: 'search', onclick: (event) => this.#similar(row, { ...photo, lat, lon }, like, event.currentTarget) }),
      lat !== null && button('Around here', { title: `Only photos within ${AROUND} m`, picture: 'circle', onclick: () => this.#tell('around', { lat, lon, radius: AROUND }) })), like);
    this.box.scrollTo({ top: 0 });
    say(`Photo ${photo.name}, ${where}`);
    this.#tell('found', [{ ...photo, lat, lon, row }]);
  }

  async #similar(row, photo, box, asked) {
    asked.disabled = true;
    try {
      const { matches } = await askJson(`v1/indexes/${encodeURIComponent(this.info.name)}/photos/${row}/similar`, { query: { k: 12 } });
      const others = matches.filter((match) => match.row !== row);
      box.replaceChildren(...others.map((match, i) => this.#tile(match, String(i + 1))));
      box.hidden = false;
      say(`${count(others.length, 'photo')} like ${photo.name}`);
      this.#tell('found', [{ ...photo, row }, ...others]);
    } finally {
      asked.disabled = false;
    }
  }

  close() {
    if (!this.looked || this.looked.hidden) return;
    this.looked.hidden = true;
    this.looked.replaceChildren();
    this.#tell('found', []);
  }
}
