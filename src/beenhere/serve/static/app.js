// The page: what is connected to what, and the keys.

import { address, askJson } from './api.js';
import { Atlas } from './atlas.js';
import { Browse } from './browse.js';
import { Cards } from './cards.js';
import { Detail } from './detail.js';
import { byId, h, hush, phone, say, toast } from './dom.js';
import { openExport } from './export.js';
import { takePhotos } from './intake.js';
import { canAccept, kindOf, Photos } from './photos.js';
import { Queue } from './queue.js';
import { count, position } from './words.js';

const { L } = window;
const photos = new Photos();
const atlas = new Atlas(byId('map'), byId('map-note'));
const cards = new Cards(photos, (again) => queue.add(again));
const browse = new Browse();
const indexes = { list: [], chosen: null, of: (photo) => indexes.list.find(({ name }) => name === photo.index) };
const detail = new Detail(photos, indexes);
const queue = new Queue(photos, (photo) => ({ index: photo.index, ...browse.questionQuery() }));
let server = { limits: {}, writable: false };

// --- the index -------------------------------------------------------------------------------

const MAPLESS = {
  xy: 'This index knows photos by x and y on a plan, not by latitude: answers and matches are in the list.',
  frame: 'This index knows photos by their number in a sequence: answers and matches are in the list.',
  place: 'This index knows places by name: answers and matches are in the list.',
};

async function start() {
  await photos.restore();
  for (;;) {
    try {
      server = await askJson('v1/indexes');
      break;
    } catch (error) {
      if (error.status !== 503 && error.status !== 0) {
        toast(error.message, 60);
        return;
      }
      toast(error.status ? 'The server is loading its models…' : 'The server cannot be reached; trying again…', 3);
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
  indexes.list = server.indexes;
  const select = byId('index');
  select.replaceChildren(...indexes.list.map(({ name }) => h('option', { value: name }, name)));
  select.disabled = indexes.list.length < 2;
  select.addEventListener('change', () => useIndex(select.value));
  await showTiles(server.tiles);
  await useIndex(indexes.list[0].name);
  document.body.dataset.ready = 'true';
  const waiting = photos.list.filter((photo) => photo.state === 'waiting');
  if (waiting.length) queue.add(waiting);
}

async function showTiles(tiles) {
  if (!tiles) return;
  const url = tiles.url.replace(/^\/(?!\/)/, ''); // below the page's own address
  const [west, south, east, north] = tiles.bounds ?? [];
  const options = { pane: 'base', maxZoom: 22, bounds: tiles.bounds && [[south, west], [north, east]] };
  const { min_zoom: first, max_zoom: last } = tiles;
  if (tiles.kind === 'vector') {
    const { VectorLayer } = await import('./vector.js');
    atlas.setBase(new VectorLayer({ ...options, minZoom: first, lastZoom: last, url }), tiles.attribution);
    return;
  }
  const pictures = { ...options, minZoom: Math.max(2, first - 2), minNativeZoom: first, maxNativeZoom: last };
  atlas.setBase(L.tileLayer(url, { ...pictures, referrerPolicy: 'strict-origin-when-cross-origin' }), tiles.attribution);
}

async function useIndex(name) {
  const info = indexes.list.find((each) => each.name === name);
  indexes.chosen = info;
  browse.use(info);
  atlas.say(MAPLESS[info.reference] ?? null);
  document.body.classList.toggle('mapless', info.reference in MAPLESS);
  atlas.showArea(null);
  await showPoints(true);
}

let pointsAsked = 0;
async function showPoints(home) {
  const asked = ++pointsAsked;
  try {
    const columns = await askJson(`v1/indexes/${encodeURIComponent(indexes.chosen.name)}/points`, { query: browse.query() });
    if (asked !== pointsAsked) return;
    browse.generation = columns.generation;
    atlas.setPoints(columns, home && !photos.selected);
    browse.refresh(columns.rows.length);
  } catch (error) {
    toast(error.message);
  }
}

// --- the person's photos ---------------------------------------------------------------------

function give(given, others = 0) {
  if (others) toast(`${count(others, 'file')} that ${others === 1 ? 'is no photo was' : 'are no photos were'} left out`);
  if (!indexes.chosen || !given.length) return;
  openTab('ask');
  const most = server.limits?.file_bytes ?? Infinity;
  const added = photos.add(given, indexes.chosen.name);
  const large = added.filter((photo, i) => given[i].file.size > most);
  for (const photo of large) {
    photos.change(photo, { state: 'answered', answer: { query: photo.name, status: 'unreadable', reason: `larger than the ${Math.round(most / 1e6)} MB that this server takes`, matches: [], text: [], place: null } });
  }
  queue.add(added.filter((photo) => !large.includes(photo)));
  // Opened at once, while it waits: what opens by itself later would move what is being looked at.
  if (!photos.selected && !phone()) photos.select(added[0]);
  say(`${count(added.length, 'photo')} added`);
}

photos.addEventListener('changed', ({ detail: photo }) => {
  if (photo.index === indexes.chosen?.name && photo.generation > browse.generation) {
    browse.generation = photo.generation; // the index was written to since
    showPoints(false);
  }
  atlas.showAnswer(photo, photos.selected);
  if (photo !== photos.selected) return;
  detail.show(photo);
  atlas.showEvidence(photo, detail.match, photo.state === 'answered' && !photo.review && !photo.moved);
});
photos.addEventListener('removed', () => atlas.showAnswers(photos.list, photos.selected));
photos.addEventListener('added', () => atlas.showAnswers(photos.list, photos.selected));
photos.addEventListener('selected', ({ detail: photo }) => {
  detail.show(photo);
  atlas.map.invalidateSize({ pan: false, animate: false });
  atlas.showAnswers(photos.list, photo);
  atlas.showEvidence(photo, detail.match);
});

queue.addEventListener('progress', () => {
  const bar = byId('progress');
  bar.hidden = !queue.active;
  byId('progress-bar').max = queue.total || 1;
  byId('progress-bar').value = queue.done;
  const wait = Math.ceil((queue.busyUntil - Date.now()) / 1000);
  byId('progress-text').textContent = wait > 0 ? `The server is busy; going on in ${wait} s` : `${queue.done} of ${queue.total}`;
  if (!queue.active && queue.total) {
    say(`${count(queue.total, 'answer')}`);
  }
});

function accept(photo = photos.selected) {
  if (!photo) return;
  if (!canAccept(photo)) {
    if (kindOf(photo) === 'unknown') toast('Its place is unknown. Move it to where it was taken, then accept it.');
    return;
  }
  const was = photo.review;
  photos.change(photo, { review: 'accepted' });
  say(`${photo.name} accepted`);
  if (!was) goOn();
}

function refuse(photo = photos.selected) {
  if (!photo || kindOf(photo) === null || kindOf(photo) === 'unreadable') return;
  const was = photo.review;
  photos.change(photo, { review: 'refused' });
  say(`${photo.name} refused`);
  if (!was) goOn();
}

/** To the next one that is not decided; the last stays. */
const goOn = () => cards.step(1, (photo) => !photo.review && canAccept(photo));

/** Nothing is selected; who goes through the list by keys goes on from there. */
function close() {
  const was = photos.selected;
  const inside = byId('detail').contains(document.activeElement);
  photos.select(null);
  if (was && inside) byId(`card-${was.id}`)?.focus();
}

function move(photo, to) {
  photos.change(photo, { moved: { lat: Number(to.lat.toFixed(7)), lon: Number(to.lon.toFixed(7)) } });
  say(`moved to ${photo.moved.lat.toFixed(5)}, ${photo.moved.lon.toFixed(5)}`);
}

detail.addEventListener('accept', () => accept());
detail.addEventListener('refuse', () => refuse());
detail.addEventListener('undecided', () => {
  photos.change(photos.selected, { review: null, moved: null });
  byId('detail').querySelector('.decide.accepted')?.focus();
});
detail.addEventListener('move', (event) => move(photos.selected, event.detail));
detail.addEventListener('match', (event) => atlas.showEvidence(photos.selected, event.detail, false));
detail.addEventListener('close', close);
detail.addEventListener('again', () => queue.add([photos.selected]));
detail.addEventListener('remove', () => {
  const gone = photos.selected;
  queue.drop(gone);
  if (!cards.step(1)) cards.step(-1);
  photos.remove(gone);
});
atlas.addEventListener('moved', ({ detail: { photo, to } }) => move(photo, to));
atlas.addEventListener('match', (event) => detail.choose(event.detail));
atlas.addEventListener('photo', (event) => {
  openTab('ask');
  photos.select(event.detail);
});

byId('choose').addEventListener('click', () => byId('files').click());
byId('choose-folder').addEventListener('click', () => byId('folder').click());
byId('choose-camera').addEventListener('click', () => byId('camera').click());
byId('cancel').addEventListener('click', () => queue.cancel());
byId('clear').addEventListener('click', async () => {
  const asked = byId('clear').querySelector('span');
  // A second press, not a box: nothing is lost by the first.
  if (!asked.textContent) {
    asked.textContent = 'Sure?';
    say('Press again to clear all photos');
    setTimeout(() => (asked.textContent = ''), 4000);
    return;
  }
  asked.textContent = '';
  queue.cancel();
  await photos.clear();
});
byId('accept-known').addEventListener('click', () => {
  const known = photos.list.filter((photo) => kindOf(photo) === 'known' && !photo.review && canAccept(photo));
  known.forEach((photo) => photos.change(photo, { review: 'accepted' }));
  toast(`${count(known.length, 'known photo')} accepted`);
});
byId('export').addEventListener('click', () => openExport(photos, server.writable));

// --- the index's photos ----------------------------------------------------------------------

browse.addEventListener('narrowed', () => {
  atlas.showArea(browse.area);
  showNarrowed();
  showPoints(false);
});
browse.addEventListener('questions', showNarrowed);
browse.addEventListener('draw', () => {
  atlas.drawArea();
  toast('Drag on the map from the middle outwards. Escape leaves it.');
});
browse.addEventListener('found', (event) => atlas.showFound(event.detail));
function narrowTo(area) {
  browse.forQuestions = true;
  browse.setArea(area);
}
browse.addEventListener('around', (event) => narrowTo(event.detail));
atlas.addEventListener('area', ({ detail: area }) => {
  hush();
  if (area) narrowTo(area);
  else atlas.showArea(browse.area); // left by Escape
});
atlas.addEventListener('row', (event) => {
  openTab('browse');
  browse.look(event.detail);
});

function showNarrowed() {
  const line = byId('narrowed');
  const words = browse.forQuestions ? browse.words() : '';
  line.hidden = !words;
  line.replaceChildren(h('span', {}, `Looking only among photos ${words}`), h('button', { type: 'button', class: 'quiet', onclick: () => browse.clear() }, 'Clear'));
}

// --- tabs and the phone's sheet --------------------------------------------------------------

const tabs = { ask: byId('tab-ask'), browse: byId('tab-browse') };
function openTab(name) {
  for (const [each, tab] of Object.entries(tabs)) {
    const is = each === name;
    tab.setAttribute('aria-selected', String(is));
    tab.tabIndex = is ? 0 : -1;
    byId(each).hidden = !is;
  }
  document.body.dataset.tab = name;
  atlas.browsing(name === 'browse');
  if (name === 'browse') photos.select(null);
  else browse.close();
}
for (const [name, tab] of Object.entries(tabs)) {
  tab.addEventListener('click', () => openTab(name));
  tab.addEventListener('keydown', (event) => {
    if (!['ArrowLeft', 'ArrowRight'].includes(event.key)) return;
    const other = name === 'ask' ? 'browse' : 'ask';
    openTab(other);
    tabs[other].focus();
  });
}

const handle = byId('handle');
function sheet(size) {
  document.body.dataset.sheet = size;
  handle.setAttribute('aria-expanded', String(size === 'tall'));
  handle.setAttribute('aria-label', size === 'tall' ? 'Make the list smaller' : 'Make the list larger');
}
let [from, dragged] = [null, false];
handle.addEventListener('pointerdown', (event) => {
  [from, dragged] = [event.clientY, false];
  handle.setPointerCapture(event.pointerId);
});
handle.addEventListener('pointerup', (event) => {
  const by = event.clientY - from;
  dragged = Math.abs(by) > 30;
  if (!dragged) return;
  const sizes = ['low', 'half', 'tall'];
  const at = sizes.indexOf(document.body.dataset.sheet ?? 'half') - Math.sign(by);
  sheet(sizes[Math.max(0, Math.min(2, at))]);
});
handle.addEventListener('click', () => {
  if (!dragged) sheet(document.body.dataset.sheet === 'tall' ? 'half' : 'tall');
  dragged = false;
});

// --- keys ------------------------------------------------------------------------------------

const NUDGES = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const METRE = 1 / 111_320; // degrees of latitude

/** Moves the selected photo by a metre, or ten with Alt. */
function nudge(key, ten) {
  const here = position(photos.selected);
  if (!here) return;
  const step = METRE * (ten ? 10 : 1);
  const [north, east] = NUDGES[key];
  const lat = Math.max(-89.9, Math.min(89.9, here.lat + north * step));
  const lon = ((here.lon + (east * step) / Math.cos((lat * Math.PI) / 180) + 540) % 360) - 180;
  move(photos.selected, { lat, lon });
}

const KEYS = {
  ArrowDown: () => cards.step(1),
  ArrowUp: () => cards.step(-1),
  ArrowRight: () => photos.selected?.answer?.matches?.length && detail.choose(1),
  ArrowLeft: () => photos.selected?.answer?.matches?.length && detail.choose(-1),
  Enter: () => accept(),
  x: () => refuse(),
  Delete: () => refuse(),
  u: () => photos.selected && photos.change(photos.selected, { review: null, moved: null }),
  l: () => photos.selected && detail.toggle('lines'),
  s: () => photos.selected && detail.toggle('map'),
  Escape: close,
};

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || document.querySelector('dialog[open]')) return;
  const on = event.target;
  if (on.closest('input, select, textarea')) return;
  if (document.body.dataset.tab === 'browse' || on.closest('[role=tablist]')) return;
  if (event.key === 'Enter' && on.closest('button, a')) return;
  if (event.shiftKey && NUDGES[event.key] && photos.selected) {
    event.preventDefault();
    nudge(event.key, event.altKey);
    return;
  }
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action || event.altKey || !photos.list.length) return;
  event.preventDefault();
  action();
}, true);

takePhotos({ files: byId('files'), folder: byId('folder'), camera: byId('camera'), veil: byId('veil') }, give);
atlas.world.load(address('static/world.json'));
start();
