// The person's photos: what each is, its answer, and what was decided about it. Kept in the browser.

import { smallPictures } from './intake.js';
import * as store from './store.js';
import { position } from './words.js';

let lastId = 0;
/** Bytes of files that are kept for a reload while they wait; of more, only the names. */
const MOST_KEPT = 500e6;

const newId = () => (lastId = Math.max(Date.now() * 1000, lastId + 1));

/**
 * A photo: `id`, `name`, `index` and `generation` that answered, `state` ("waiting", "asking",
 * "answered", "failed", "stopped"), `answer` as the server gave it, `problem` in words, `review`
 * (null, "accepted", "refused"), `moved` (`{lat, lon}` or null), `thumb` (a blob or null).
 *
 * Tells of "added", "changed" (detail: the photo), "removed" and "selected".
 */
export class Photos extends EventTarget {
  list = [];
  selected = null;
  #files = new Map(); // those of this visit, and those that waited when the page was left
  #urls = new Map();
  #kept = 0; // bytes of files that were put aside since nothing waited

  tell(type, photo = null) {
    this.dispatchEvent(new CustomEvent(type, { detail: photo }));
  }

  /** Those of the last visit; what was being asked then waits again. */
  async restore() {
    const [kept, pictures] = await Promise.all([store.allPhotos(), store.all('pictures')]);
    const thumbs = new Map(pictures.map(({ id, thumb }) => [id, thumb]));
    for (const photo of kept.sort((a, b) => a.id - b.id)) {
      if (photo.state === 'asking' || photo.state === 'waiting') {
        const waiting = await store.get('files', photo.id);
        if (waiting) this.#files.set(photo.id, waiting.file);
        photo.state = waiting ? 'waiting' : 'stopped';
      }
      photo.thumb = thumbs.get(photo.id) ?? null;
      this.list.push(photo);
    }
    this.tell('added');
  }

  add(given, index) {
    const added = given.map(({ file, name }) => {
      const photo = { id: newId(), name, index, generation: null, state: 'waiting', answer: null, problem: null, review: null, moved: null, thumb: null };
      this.#files.set(photo.id, file);
      this.#keep(photo);
      if ((this.#kept += file.size) < MOST_KEPT) store.put('files', { id: photo.id, file });
      return photo;
    });
    this.list.push(...added);
    this.tell('added');
    return added;
  }

  /** Without its picture: what is small is safe at once, should the page be left now. */
  #keep({ thumb, ...photo }) {
    return store.putPhoto(photo);
  }

  change(photo, values) {
    Object.assign(photo, values);
    if (!this.list.includes(photo)) return; // cleared while it was asked
    this.#keep(photo);
    if (photo.state === 'answered') {
      store.remove('files', photo.id);
      if (!this.list.some(({ state }) => state === 'waiting' || state === 'asking')) this.#kept = 0;
    }
    this.tell('changed', photo);
  }

  /** Makes and keeps the small pictures, once. */
  async prepare(photo) {
    const file = this.#files.get(photo.id);
    if (photo.thumb || !file) return;
    const pictures = await smallPictures(file);
    if (!pictures || !this.list.includes(photo)) return;
    await store.put('pictures', { id: photo.id, ...pictures });
    photo.thumb = pictures.thumb;
    this.tell('changed', photo);
  }

  /** The photo's own bytes, or after a reload the picture that was kept of it; null if neither. */
  async pixels(photo) {
    return this.#files.get(photo.id) ?? (await store.get('pictures', photo.id))?.preview ?? null;
  }

  canAsk(photo) {
    return this.#files.has(photo.id);
  }

  /** Address of the small picture for an `<img>`; null where there is none. */
  thumbUrl(photo) {
    if (!photo.thumb) return null;
    if (!this.#urls.has(photo.id)) this.#urls.set(photo.id, URL.createObjectURL(photo.thumb));
    return this.#urls.get(photo.id);
  }

  async previewUrl(photo) {
    const kept = await store.get('pictures', photo.id);
    const blob = kept?.preview ?? photo.thumb;
    return blob ? URL.createObjectURL(blob) : null;
  }

  select(photo) {
    this.selected = photo;
    this.tell('selected', photo);
  }

  remove(photo) {
    this.list = this.list.filter((each) => each !== photo);
    this.#forget(photo);
    for (const table of ['photos', 'pictures', 'files']) store.remove(table, photo.id);
    if (this.selected === photo) this.select(null);
    this.tell('removed');
  }

  async clear() {
    this.list.forEach((photo) => this.#forget(photo));
    this.list = [];
    this.select(null);
    await store.clear();
    this.tell('removed');
  }

  #forget(photo) {
    this.#files.delete(photo.id);
    URL.revokeObjectURL(this.#urls.get(photo.id));
    this.#urls.delete(photo.id);
  }

  accepted() {
    return this.list.filter((photo) => photo.review === 'accepted');
  }

  /** The answers that were accepted, where they were accepted, as the server's exports take them. */
  acceptedAnswers() {
    return this.accepted().map((photo) => {
      const here = position(photo);
      return { ...photo.answer, lat: here?.lat ?? null, lon: here?.lon ?? null, moved: Boolean(photo.moved) };
    });
  }
}

/** What a photo's answer is: a status, or null while there is none. */
export const kindOf = (photo) => (photo.state === 'answered' ? photo.answer.status : null);

/** Whether there is a place that can be accepted; a best guess that is no answer has to be placed by hand. */
export const canAccept = (photo) => ['known', 'guess'].includes(kindOf(photo)) || Boolean(photo.moved);
