// Photos as a person gives them: dropped (folders too), chosen, pasted or taken by the camera.

const PHOTO = /\.(jpe?g|jpe|png|webp|gif|bmp|tiff?|hei[cf]|avif|jxl|jp2|dng|cr[23]|nef|arw|raf|orf|rw2|pef|srw|ppm|pgm)$/i;

const isPhoto = (file) => file.type.startsWith('image/') || PHOTO.test(file.name);

/** Files of a folder that are no photos stay out, and are counted; what is named one by one is asked all the same. */
function chosen(files, ofFolder) {
  const named = [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  const photos = ofFolder ? named.filter(({ file }) => isPhoto(file) && !file.name.startsWith('.')) : named;
  return [photos, named.length - photos.length];
}

async function entryFiles(entry, path, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (!file) return;
    if (!path || (isPhoto(file) && !file.name.startsWith('.'))) found.push({ file, name: path + entry.name });
    else found.others = (found.others ?? 0) + 1;
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives a hundred at a time, and none at the end
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const each of some) await entryFiles(each, `${path}${entry.name}/`, found);
  }
}

async function dropped(transfer) {
  // The list of items is emptied as soon as this turn ends, so all entries are taken first.
  const entries = [...transfer.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push({ file: entry, name: entry.name });
    else if (entry) await entryFiles(entry, '', found);
  }
  const photos = found.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return [photos, found.others ?? 0];
}

/**
 * Listens for photos.
 * @param {{files, folder, camera, veil: HTMLElement}} parts inputs, and what shows that a drop works.
 * @param {(photos: {file: File, name: string}[], others: number) => void} give called with what was
 *   given, in order, and how many files were left out.
 */
export function takePhotos({ files, folder, camera, veil }, give) {
  for (const input of [files, folder, camera]) {
    input.addEventListener('change', () => {
      give(...chosen(input.files, input === folder));
      input.value = ''; // the same file may be chosen again
    });
  }
  let depth = 0;
  const holdsFiles = (event) => event.dataTransfer?.types?.includes('Files');
  addEventListener('dragenter', (event) => {
    if (holdsFiles(event)) veil.hidden = ++depth < 1;
  });
  addEventListener('dragleave', (event) => {
    if (holdsFiles(event)) veil.hidden = --depth < 1;
  });
  addEventListener('dragover', (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  addEventListener('drop', async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    give(...(await dropped(event.dataTransfer)));
  });
  addEventListener('paste', (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])].filter(isPhoto);
    if (!pasted.length) return;
    event.preventDefault();
    const time = new Date().toTimeString().slice(0, 8).replaceAll(':', '.');
    give(pasted.map((file, i) => ({ file, name: file.name === 'image.png' ? `pasted ${time}${i ? ` ${i + 1}` : ''}.png` : file.name })));
  });
}

async function scaled(bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.82));
}

/**
 * A photo made small, upright: for its card, and to look at.
 * @returns {Promise<{thumb: Blob, preview: Blob}|null>} null where this browser cannot decode it
 *   (HEIC, raw), which the server may all the same.
 */
export async function smallPictures(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    return null;
  }
  const preview = await scaled(bitmap, 1600);
  const thumb = await scaled(bitmap, 224);
  bitmap.close();
  return preview && thumb ? { thumb, preview } : null;
}
