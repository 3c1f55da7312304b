// The list of the person's photos: a card each, which arrow keys go through.

import { byId, h, icon } from './dom.js';
import { canAccept, kindOf } from './photos.js';
import { KIND_WORDS, KINDS, metres, ownError, ownWords, position, sureWords, whereWords } from './words.js';

const STATES = { waiting: 'Waiting', asking: 'Looking…', failed: 'No answer', stopped: 'Stopped' };

/** Words of a card: what it is, where, how sure, and its error against its own position. */
function words(photo) {
  const kind = kindOf(photo);
  if (!kind) return { status: STATES[photo.state], lines: photo.problem ? [photo.problem] : [] };
  const { answer } = photo;
  if (kind === 'unreadable') return { status: KIND_WORDS.unreadable, lines: [answer.reason] };
  const here = position(photo);
  const where = here ? whereWords(here) : whereWords(answer.place);
  const lines = [];
  if (kind === 'unknown' && !photo.moved) lines.push(where ? `best guess ${where}` : answer.reason ?? 'nothing there looks like it');
  else lines.push(where);
  const sure = photo.moved ? 'moved by hand' : kind === 'unknown' && !where ? '' : sureWords(answer);
  if (sure) lines.push(sure);
  const off = ownError(photo);
  if (off !== null) lines.push(`${metres(off)} from ${ownWords(answer.own)}`);
  else if (answer.own === null && kind !== 'unknown' && here) lines.push('no position of its own');
  return { status: KIND_WORDS[kind], lines };
}

export class Cards {
  #cards = new Map();
  #shown = new Set(KINDS);

  /** @param again asks once more for photos that have no answer. */
  constructor(photos, again) {
    this.photos = photos;
    this.again = again;
    this.list = byId('list');
    photos.addEventListener('added', () => this.render());
    photos.addEventListener('removed', () => this.render());
    photos.addEventListener('changed', (event) => {
      this.#fill(event.detail);
      this.#countKinds();
    });
    photos.addEventListener('selected', () => this.#mark());
    this.list.addEventListener('click', (event) => {
      const card = event.target.closest('[role=option]');
      if (card) photos.select(photos.list.find((photo) => String(photo.id) === card.dataset.id));
    });
  }

  /** Photos that are shown, in order. */
  visible() {
    return this.photos.list.filter((photo) => this.#isShown(photo));
  }

  #isShown(photo) {
    const kind = kindOf(photo);
    return kind === null || this.#shown.has(kind);
  }

  render() {
    const wanted = new Set(this.photos.list.map((photo) => photo.id));
    for (const [id, card] of this.#cards) {
      if (!wanted.has(id)) {
        card.remove();
        this.#cards.delete(id);
      }
    }
    for (const photo of this.photos.list) if (!this.#cards.has(photo.id)) this.#make(photo);
    document.body.classList.toggle('empty', !this.photos.list.length);
    byId('foot').hidden = byId('state').hidden = !this.photos.list.length;
    this.#countKinds();
    this.#mark();
  }

  #make(photo) {
    const card = h('div', { class: 'card', role: 'option', tabIndex: -1, dataset: { id: photo.id }, id: `card-${photo.id}` });
    this.#cards.set(photo.id, card);
    this.list.append(card);
    this.#fill(photo);
  }

  #fill(photo) {
    const card = this.#cards.get(photo.id);
    if (!card) return;
    const { status, lines } = words(photo);
    const kind = kindOf(photo) ?? photo.state;
    card.dataset.kind = kind;
    card.dataset.review = photo.review ?? '';
    card.hidden = !this.#isShown(photo);
    const url = this.photos.thumbUrl(photo);
    const folder = photo.name.lastIndexOf('/') + 1;
    card.replaceChildren(
      h('span', { class: 'thumb' }, url ? h('img', { src: url, alt: '', decoding: 'async' }) : icon('photo')),
      h('span', { class: 'said' },
        h('span', { class: 'name', title: photo.name }, photo.name.slice(folder)),
        h('span', { class: 'status', dataset: { kind } }, status),
        ...lines.map((line, i) => h('span', { class: i ? 'line' : 'line first', title: line }, line))),
      h('span', { class: 'verdict' }, photo.review && icon(photo.review === 'accepted' ? 'check' : 'cross'),
        photo.review && h('span', { class: 'unseen' }, photo.review)));
  }

  #countKinds() {
    const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    for (const photo of this.photos.list) if (kindOf(photo)) counts[kindOf(photo)] += 1;
    const present = KINDS.filter((kind) => counts[kind]);
    const unanswered = this.photos.list.filter((photo) => ['failed', 'stopped'].includes(photo.state) && this.photos.canAsk(photo));
    byId('kinds').replaceChildren(...(unanswered.length ? [h('button', {
      type: 'button', class: 'kind primary', onclick: () => this.again(unanswered),
    }, `Ask ${unanswered.length} again`)] : []), ...present.map((kind) => h('button', {
      type: 'button', class: 'kind', dataset: { kind }, 'aria-pressed': String(this.#shown.has(kind)),
      onclick: () => {
        if (!this.#shown.delete(kind)) this.#shown.add(kind);
        this.render();
        for (const photo of this.photos.list) this.#cards.get(photo.id).hidden = !this.#isShown(photo);
        byId('kinds').querySelector(`[data-kind=${kind}]`)?.focus();
      },
    }, h('span', { class: 'dot' }), `${counts[kind]} ${{ known: 'known', guess: counts[kind] === 1 ? 'guess' : 'guesses', unknown: 'unknown', unreadable: 'unreadable' }[kind]}`)));
    const accepted = this.photos.accepted().length;
    byId('accepted').textContent = accepted ? `${accepted.toLocaleString('en')} accepted` : '';
    byId('export').disabled = !accepted;
    byId('accept-known').disabled = !this.photos.list.some((photo) => kindOf(photo) === 'known' && !photo.review && canAccept(photo));
  }

  #mark() {
    const chosen = this.photos.selected;
    for (const [id, card] of this.#cards) {
      const is = chosen?.id === id;
      card.setAttribute('aria-selected', String(is));
      card.tabIndex = is ? 0 : -1;
    }
    if (!chosen) {
      const first = this.#cards.get(this.visible()[0]?.id);
      if (first) first.tabIndex = 0;
      return;
    }
    this.#cards.get(chosen.id)?.scrollIntoView({ block: 'nearest' });
  }

  /** Selects the next (+1) or the one before (-1), among those that `fits` takes. */
  step(by, fits = () => true) {
    const shown = this.visible();
    const at = shown.indexOf(this.photos.selected);
    for (let i = at < 0 ? (by > 0 ? 0 : shown.length - 1) : at + by; i >= 0 && i < shown.length; i += by) {
      if (!fits(shown[i])) continue;
      this.photos.select(shown[i]);
      const card = this.#cards.get(shown[i].id);
      if (document.activeElement === document.body || this.list.contains(document.activeElement)) card.focus({ preventScroll: true });
      return true;
    }
    return false;
  }
}
