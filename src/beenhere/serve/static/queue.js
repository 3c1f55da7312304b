// Asks for many photos, two at once, and waits where the server is busy.

import { ask, photoBody } from './api.js';

const AT_ONCE = 2;
const PATIENCE = 3; // tries where the network fails

/** A pause that a signal ends with an error. */
const pause = (seconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, seconds * 1000);
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    reject(signal.reason);
  }, { once: true });
});

/** Photos that wait for their answers. Tells of "progress" whenever one begins, ends or waits. */
export class Queue extends EventTarget {
  #waiting = [];
  #running = new Set();
  #stopped = new AbortController();
  #preparing = Promise.resolve();
  total = 0;
  done = 0;
  /** Time until which the server wants no questions, in milliseconds; 0 if it takes them. */
  busyUntil = 0;

  /**
   * @param photos the model that keeps them.
   * @param settings gives the query's options for a photo.
   */
  constructor(photos, settings) {
    super();
    this.photos = photos;
    this.settings = settings;
  }

  get active() {
    return this.#waiting.length + this.#running.size > 0;
  }

  add(photos) {
    if (!this.active) this.total = this.done = 0;
    this.total += photos.length;
    for (const photo of photos) {
      this.photos.change(photo, { state: 'waiting', problem: null });
      this.#waiting.push(photo);
      // One after another, beside the questions: pictures of 50 megapixels fill a phone's memory.
      this.#preparing = this.#preparing.then(() => this.photos.prepare(photo)).catch(() => {});
    }
    this.#next();
  }

  cancel() {
    const left = this.#waiting.splice(0);
    this.#stopped.abort(new DOMException('cancelled', 'AbortError'));
    this.#stopped = new AbortController();
    this.busyUntil = 0;
    for (const photo of left) this.photos.change(photo, { state: 'stopped' });
    this.total -= left.length;
    this.#tell();
  }

  /** Takes one out, asked or not. */
  drop(photo) {
    const at = this.#waiting.indexOf(photo);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.total -= 1;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event('progress'));
  }

  #next() {
    while (this.#running.size < AT_ONCE && this.#waiting.length) {
      const photo = this.#waiting.shift();
      this.#running.add(photo);
      this.#askOne(photo, this.#stopped.signal).finally(() => {
        this.#running.delete(photo);
        this.done += 1;
        this.#next();
      });
    }
    this.#tell();
  }

  async #askOne(photo, signal) {
    this.photos.change(photo, { state: 'asking' });
    try {
      const told = await this.#patiently(photo, signal);
      const answer = told.answers[0];
      this.photos.change(photo, { state: 'answered', answer, index: told.index, generation: told.generation, review: null, moved: null });
    } catch (error) {
      if (signal.aborted) this.photos.change(photo, { state: 'stopped' });
      else if (error.status === 413) {
        this.photos.change(photo, { state: 'answered', answer: { query: photo.name, status: 'unreadable', reason: error.message, matches: [], text: [], place: null } });
      } else this.photos.change(photo, { state: 'failed', problem: error.message });
    }
  }

  async #patiently(photo, signal) {
    const file = await this.photos.pixels(photo);
    if (!file) throw new Error('its pixels are no longer here: drop it again');
    for (let failures = 0; ;) {
      const wait = this.busyUntil - Date.now();
      if (wait > 0) await pause(wait / 1000, signal);
      try {
        const response = await ask('v1/locate', { method: 'POST', query: this.settings(photo), body: photoBody(file, photo.name), signal });
        this.busyUntil = 0;
        return await response.json();
      } catch (error) {
        if (signal.aborted) throw error;
        if (error.status === 503 || error.status === 429) {
          this.busyUntil = Date.now() + 1000 * (error.retryAfter ?? 2);
          this.#tell();
        } else if (error.status === 0 && ++failures < PATIENCE) await pause(failures, signal);
        else throw error;
      }
    }
  }
}
