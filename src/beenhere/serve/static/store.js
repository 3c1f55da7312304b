// What stays when the page is loaded again: photos with their answers, small pictures of them, and
// the files that still wait for an answer. In a browser without IndexedDB nothing stays, and all
// else works.

const TABLES = ['photos', 'pictures', 'files'];
let opened = null;

function open() {
  opened ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open('beenhere', 1);
      request.onupgradeneeded = () => TABLES.forEach((name) => request.result.createObjectStore(name, { keyPath: 'id' }));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
      request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

async function within(table, mode, action) {
  const base = await open();
  if (!base) return undefined;
  return new Promise((resolve) => {
    try {
      const transaction = base.transaction(table, mode);
      const request = action(transaction.objectStore(table));
      transaction.oncomplete = () => resolve(request?.result);
      // A full disk is no reason to stop: the answers are on the page all the same.
      transaction.onerror = transaction.onabort = () => resolve(undefined);
    } catch {
      resolve(undefined);
    }
  });
}

/** A small text that stays; null where there is none, or the browser keeps nothing. */
export function recall(name) {
  try {
    return localStorage.getItem(`beenhere.${name}`);
  } catch {
    return null;
  }
}

export function remember(name, text) {
  try {
    localStorage.setItem(`beenhere.${name}`, text);
  } catch {
    // Then it is asked again next time.
  }
}

// A page that is left ends what is not yet written: that goes, at once, where the next visit finds it.
const unwritten = new Map();
addEventListener('pagehide', () => {
  if (unwritten.size) remember('unwritten', JSON.stringify([...unwritten.values()]));
});

export const put = (table, value) => within(table, 'readwrite', (store) => store.put(value));
export const get = (table, id) => within(table, 'readonly', (store) => store.get(id));
export const all = async (table) => (await within(table, 'readonly', (store) => store.getAll())) ?? [];

/** Keeps a photo, which is plain data, without its pictures. */
export async function putPhoto(photo) {
  unwritten.set(photo.id, photo);
  await put('photos', photo);
  if (unwritten.get(photo.id) === photo) unwritten.delete(photo.id);
}

/** All photos that were kept. */
export async function allPhotos() {
  const left = JSON.parse(recall('unwritten') || '[]');
  remember('unwritten', '');
  await Promise.all(left.map((photo) => put('photos', photo)));
  return all('photos');
}

export const remove = (table, id) => within(table, 'readwrite', (store) => store.delete(id));

export function clear() {
  unwritten.clear();
  return Promise.all(TABLES.map((table) => within(table, 'readwrite', (store) => store.clear())));
}
