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

export const put = (table, value) => within(table, 'readwrite', (store) => store.put(value));
export const get = (table, id) => within(table, 'readonly', (store) => store.get(id));
export const all = async (table) => (await within(table, 'readonly', (store) => store.getAll())) ?? [];
export const remove = (table, id) => within(table, 'readwrite', (store) => store.delete(id));
export const clear = () => Promise.all(TABLES.map((table) => within(table, 'readwrite', (store) => store.clear())));
