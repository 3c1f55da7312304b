// The selected photo: beside what was found, with the evidence, and what the person decides.

import { ask, photoBody, thumbnail } from './api.js';
import { button, byId, h, say, toast } from './dom.js';
import { canAccept, kindOf } from './photos.js';
import { bestMatch, count, degrees, KIND_WORDS, metres, ownError, ownWords, position, readPosition, side, sureSentences, whereWords } from './words.js';

const SIDE_WORDS = { for: 'speaks for the answer', rival: 'speaks for the runner-up', other: 'speaks for neither' };

/** Where a picture that is fitted into its box lies, relative to `origin`. */
function pictureBox(img, origin, width, height) {
  const box = img.getBoundingClientRect();
  const from = origin.getBoundingClientRect();
  const scale = Math.min(box.width / width, box.height / height);
  const [w, hgt] = [width * scale, height * scale];
  return { x: box.left - from.left + (box.width - w) / 2, y: box.top - from.top + (box.height - hgt) / 2, w, h: hgt };
}

/** Draws what each position adds to the similarity: warm where it makes the photos alike. */
function heat(canvas, values) {
  const [rows, columns] = [values.length, values[0].length];
  const flat = values.flat();
  const most = Math.max(...flat.map(Math.abs), 1e-9);
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(columns, rows);
  flat.forEach((value, i) => {
    const share = value / most;
    // A power: most positions add a little, and what matters is which add much.
    pixels.data.set(share > 0 ? [255, 140, 20, 235 * share ** 1.5] : [40, 110, 255, 235 * Math.abs(share) ** 1.5], 4 * i);
  });
  context.putImageData(pixels, 0, 0);
}

/** Tells of "accept", "refuse", "undecided", "move" (detail: `{lat, lon}`), "match", "close", "again". */
export class Detail extends EventTarget {
  photo = null;
  match = null;
  layer = null; // "lines" or "map", on demand
  #compared = new Map();
  #url = null;

  constructor(photos, indexes) {
    super();
    this.photos = photos;
    this.indexes = indexes;
    this.box = byId('detail');
    new ResizeObserver(() => this.#drawLines()).observe(this.box);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async show(photo) {
    const changed = photo !== this.photo;
    this.photo = photo;
    this.box.hidden = !photo;
    document.body.classList.toggle('detailed', Boolean(photo));
    if (!photo) return;
    if (changed) {
      this.match = bestMatch(photo.answer);
      this.#compared.clear();
      URL.revokeObjectURL(this.#url);
      this.#url = null;
    } else this.match ??= bestMatch(photo.answer);
    this.#render();
    if (this.layer && this.match) this.#compare();
    if (this.#url || !photo.thumb) return; // it is shown again when it has one
    const url = await this.photos.previewUrl(photo);
    if (this.photo !== photo || this.#url) {
      URL.revokeObjectURL(url);
      return;
    }
    this.#url = url;
    this.query.src = url;
    this.query.hidden = false;
  }

  /** Another of the matches, by one step or itself. */
  choose(match) {
    const { matches } = this.photo.answer;
    this.match = typeof match === 'number' ? matches[(matches.indexOf(this.match) + match + matches.length) % matches.length] : match;
    this.#render();
    this.#tell('match', this.match);
    this.box.querySelector('.strip [aria-pressed=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (this.layer) this.#compare();
  }

  toggle(layer) {
    if (!this.match) return;
    this.layer = this.layer === layer ? null : layer;
    this.#render();
    if (this.layer) this.#compare();
  }

  #render() {
    const { photo, match } = this;
    const focused = this.box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const scrolled = this.box.querySelector('.strip')?.scrollLeft ?? 0;
    const kind = kindOf(photo);
    const answer = photo.answer;
    const compares = answer?.matches?.length > 0;
    this.query = h('img', { alt: `Your photo ${photo.name}`, hidden: !this.#url, src: this.#url });
    if (!this.#url) this.query.removeAttribute('src');
    this.canvas = h('canvas', { class: 'lines', 'aria-hidden': 'true' });
    this.heats = [h('canvas', { class: 'heat', 'aria-hidden': 'true' }), h('canvas', { class: 'heat', 'aria-hidden': 'true' })];
    const decided = (review, words, picture, key) => button(words, {
      picture, key, dataset: { key: review }, class: `decide ${review}`, 'aria-pressed': String(photo.review === review),
      disabled: review === 'accepted' && !canAccept(photo), onclick: () => this.#tell(review === 'accepted' ? 'accept' : 'refuse'),
    });
    this.box.replaceChildren(
      h('header', { class: 'detail-top' }, h('div', { class: 'titled' },
        button('Close', { picture: 'back', class: 'bare close', 'aria-label': 'Close', dataset: { key: 'close' }, onclick: () => this.#tell('close') }),
        h('h2', { title: photo.name }, photo.name.slice(photo.name.lastIndexOf('/') + 1)),
        kind && h('span', { class: 'status', dataset: { kind } }, KIND_WORDS[kind])),
        compares && h('div', { class: 'layers row' },
          this.#layerButton('lines', 'Agreeing points', 'lines', 'L'), this.#layerButton('map', 'Alike', 'heat', 'S')),
        kind && kind !== 'unreadable' && h('div', { class: 'row end decisions' },
          (photo.review || photo.moved) && button('Undo', { picture: 'undo', key: 'U', class: 'quiet', dataset: { key: 'undo' }, onclick: () => this.#tell('undecided') }),
          decided('refused', 'Refuse', 'cross', 'X'), decided('accepted', 'Accept', 'check', '↵')),
        !kind && ['failed', 'stopped'].includes(photo.state) && h('div', { class: 'row end decisions' },
          button('Remove', { picture: 'trash', class: 'quiet', onclick: () => this.#tell('remove') }),
          this.photos.canAsk(photo) && button('Ask again', { class: 'primary', onclick: () => this.#tell('again') }))),
      h('div', { class: 'detail-body' },
        h('div', { class: 'looked' },
          h('div', { class: 'pair', dataset: { alone: String(!compares), layer: this.layer ?? '' } },
            this.#figure('Your photo', this.query, this.heats[0]),
            compares && this.#matchFigure(match), this.canvas, h('p', { class: 'layer-said', role: 'status' })),
          compares && h('div', { class: 'strip', role: 'group', 'aria-label': 'Photos of the index that look like it' },
            answer.matches.map((each, i) => this.#stripButton(each, i)))),
        this.#facts(photo)),
      h('p', { class: 'hints', 'aria-hidden': 'true' }, ...[['↑ ↓', 'photo'], ['← →', 'match'], ['↵', 'accept'], ['X', 'refuse'], ['⇧ arrows', 'move 1 m'], ['L', 'lines'], ['S', 'alike'], ['Esc', 'close']]
        .flatMap(([key, words]) => [h('kbd', {}, key), ` ${words} `])));
    this.box.querySelector('.strip')?.scrollTo({ left: scrolled });
    if (focused) this.box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #figure(caption, img, over, more = {}) {
    return h('figure', more, h('div', { class: 'picture' }, img, over), h('figcaption', {}, caption));
  }

  #matchFigure(match) {
    const { answer, index, generation } = this.photo;
    const img = h('img', { alt: `Photo ${match.name} of the index`, src: thumbnail(index, match.row, 1280, generation), onload: () => this.#drawLines() });
    img.addEventListener('error', () => this.#say('The index has changed since: ask again to see this photo.'));
    const parts = [`${answer.matches.indexOf(match) + 1}`, match.name, match.captured].filter(Boolean).join(' · ');
    return this.#figure(h('span', { class: 'side-said', dataset: { side: side(answer, match) }, title: SIDE_WORDS[side(answer, match)] }, parts), img, this.heats[1]);
  }

  #layerButton(layer, words, picture, key) {
    return button(words, { picture, key, class: 'quiet', dataset: { key: layer }, 'aria-pressed': String(this.layer === layer), onclick: () => this.toggle(layer) });
  }

  #stripButton(match, i) {
    const { answer, index, generation } = this.photo;
    const kind = side(answer, match);
    const like = Number.isFinite(match.inliers) ? count(match.inliers, 'point') : match.similarity.toFixed(2);
    return h('button', {
      type: 'button', dataset: { side: kind, key: `match-${match.rank}` }, 'aria-pressed': String(match === this.match),
      'aria-label': `${i + 1}: ${match.name}, ${SIDE_WORDS[kind]}, similarity ${match.similarity.toFixed(2)}${Number.isFinite(match.inliers) ? `, ${count(match.inliers, 'point')} agree` : ''}`,
      onclick: () => this.choose(match),
    }, h('img', { src: thumbnail(index, match.row, 168, generation), alt: '', loading: 'lazy', decoding: 'async' }), h('span', { class: 'number' }, String(i + 1)), h('span', { class: 'like' }, like));
  }

  #facts(photo) {
    const { answer } = photo;
    const box = h('div', { class: 'facts' });
    if (!answer) {
      box.append(h('p', {}, photo.problem ?? (photo.state === 'stopped' ? 'It was not asked.' : 'Waiting for its answer.')));
      return box;
    }
    if (answer.status === 'unreadable') {
      box.append(h('h3', {}, 'Why'), h('p', {}, answer.reason), button('Remove', { picture: 'trash', class: 'quiet', onclick: () => this.#tell('remove') }));
      return box;
    }
    const here = position(photo);
    if (here || this.indexes.of(photo)?.reference === 'position') {
      const field = h('input', {
        type: 'text', value: here ? degrees(here) : '', placeholder: 'latitude, longitude', id: 'position', spellcheck: false, autocomplete: 'off', dataset: { key: 'position' },
        onchange: () => {
          const typed = readPosition(field.value);
          if (typed) this.#tell('move', typed);
          else field.setCustomValidity('Latitude and longitude in degrees, such as 55.70412, 13.19301');
          field.reportValidity();
        },
        oninput: () => field.setCustomValidity(''),
      });
      box.append(h('label', { class: 'fact-name', for: 'position' }, photo.moved ? 'Moved by hand to' : answer.status === 'unknown' ? 'Best guess' : 'Where'),
        h('div', { class: 'row' }, field, here && button('Copy', {
          picture: 'copy', class: 'quiet', dataset: { key: 'copy' }, 'aria-label': 'Copy the coordinates', onclick: () => this.#copy(degrees(here)),
        })));
    } else {
      box.append(h('span', { class: 'fact-name' }, 'Where'), h('p', { class: 'big' }, whereWords(answer.place) || 'no place'));
    }
    if (answer.status !== 'known' && answer.reason && !photo.moved) box.append(h('p', { class: 'why' }, `Not known: ${answer.reason}.`));
    if (answer.status === 'unknown' && !photo.moved) box.append(h('p', { class: 'soft' }, 'You know where it was? Drag its pin there or type the coordinates, then accept.'));
    for (const line of sureSentences(answer)) box.append(h('p', {}, line));
    const rival = answer.runner_up;
    if (rival) {
      const far = Number.isFinite(rival.distance_m) ? `, ${metres(rival.distance_m)} away` : '';
      box.append(h('p', {}, h('span', { class: 'rival-mark small' }), ` Runner-up: ${whereWords(rival)}${far}, ${count(rival.supporting?.length ?? 0, 'photo')}.`));
    }
    const off = ownError(photo);
    if (answer.own) {
      box.append(h('p', {}, h('span', { class: 'own-mark small' }, '★'), ` ${ownWords(answer.own).replace('i', 'I')} says ${degrees(answer.own)}${off === null ? '' : `, ${metres(off)} from here`}.`));
    } else box.append(h('p', { class: 'soft' }, 'The photo has no position of its own.'));
    if (answer.in_index) box.append(h('p', { class: 'soft' }, 'The photo is itself in the index.'));
    return box;
  }

  async #copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      toast(`Copied ${text}`, 2);
    } catch { // no clipboard where the page came over plain HTTP from another machine
      const field = byId('position');
      field.select();
      document.execCommand('copy');
      toast(`Copied ${text}`, 2);
    }
  }

  #say(text) {
    const line = this.box.querySelector('.layer-said');
    if (line) line.textContent = text;
  }

  /** Fetches what the shown layer needs of this match, once, and draws it. */
  async #compare() {
    const { photo, match, layer } = this;
    const key = `${layer} ${match.row}`;
    if (!this.#compared.has(key)) {
      this.#say('Comparing…');
      try {
        const pixels = await this.photos.pixels(photo);
        if (!pixels) throw new Error('Its pixels are no longer here: drop the photo again.');
        const response = await ask('v1/compare', { method: 'POST', query: { index: photo.index, row: match.row, what: layer }, body: photoBody(pixels, photo.name) });
        this.#compared.set(key, await response.json());
      } catch (error) {
        if (this.photo === photo && this.match === match && this.layer === layer) this.#say(error.message);
        return;
      }
    }
    if (this.photo !== photo || this.match !== match || this.layer !== layer) return;
    const told = this.#compared.get(key);
    if (layer === 'lines') {
      this.#drawLines();
      const words = `${count(told.inliers, 'point')} agree${told.inliers === 1 ? 's' : ''} on one scene`;
      this.#say(words);
      say(words);
    } else {
      heat(this.heats[0], told.query);
      heat(this.heats[1], told.match);
      this.heats.forEach((canvas) => canvas.classList.add('shown'));
      this.#say(`Warm: what makes them alike. Similarity ${told.similarity.toFixed(2)}`);
    }
  }

  #drawLines() {
    const told = this.layer === 'lines' && this.match ? this.#compared.get(`lines ${this.match.row}`) : null;
    const canvas = this.canvas;
    if (!canvas?.isConnected) return;
    const [one, other] = canvas.parentElement.querySelectorAll('img');
    const frame = canvas.parentElement.getBoundingClientRect();
    const sharp = window.devicePixelRatio || 1;
    canvas.width = frame.width * sharp;
    canvas.height = frame.height * sharp;
    if (!told || !other) return;
    const context = canvas.getContext('2d');
    context.scale(sharp, sharp);
    const a = pictureBox(one, canvas.parentElement, told.width, told.height);
    const b = pictureBox(other, canvas.parentElement, told.match_width, told.match_height);
    const n = told.lines.length;
    context.lineWidth = n > 120 ? 0.8 : 1.3;
    told.lines.forEach(([x1, y1, x2, y2], i) => {
      const from = [a.x + (x1 / told.width) * a.w, a.y + (y1 / told.height) * a.h];
      const to = [b.x + (x2 / told.match_width) * b.w, b.y + (y2 / told.match_height) * b.h];
      context.strokeStyle = context.fillStyle = `hsl(${150 + (i * 47) % 60} 90% 62% / ${n > 120 ? 0.5 : 0.8})`;
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
      for (const [x, y] of [from, to]) {
        context.beginPath();
        context.arc(x, y, 2.2, 0, 7);
        context.fill();
      }
    });
  }
}
