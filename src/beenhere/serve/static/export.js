// What was accepted, as files for other programs, or written where the photos lie.

import { postJson } from './api.js';
import { byId, h, save, toast } from './dom.js';
import { recall, remember } from './store.js';
import { count } from './words.js';

const FORMS = [
  ['geojson', 'GeoJSON', 'QGIS, web maps, programs', 'places.geojson'],
  ['kml', 'KML', 'Google Earth', 'places.kml'],
  ['csv', 'CSV', 'tables: Excel, LibreOffice, R', 'places.csv'],
  ['gpx', 'GPX', 'phones and hand-held receivers', 'places.gpx'],
  ['sidecars', 'XMP sidecars', 'a zip, for darktable, Lightroom, digiKam', 'sidecars.zip'],
  ['write', 'Write into the photos', 'those that lie on the server; can be undone', null],
];

/** Opens the box that asks for a form and saves it. */
export function openExport(photos, writable) {
  const box = byId('export-box');
  const answers = photos.acceptedAnswers();
  const wrong = h('div', { class: 'problem', role: 'alert' });
  const go = h('button', { class: 'primary' }, 'Save');
  const forms = FORMS.filter(([form]) => form !== 'write' || writable);
  const remembered = recall('form');
  const first = forms.some(([form]) => form === remembered) ? remembered : 'geojson';
  const choices = forms.map(([form, words, use]) => h('label', { class: 'choice' },
    h('input', { type: 'radio', name: 'form', value: form, checked: form === first, onchange: () => (go.textContent = form === 'write' ? 'Write' : 'Save') }),
    h('span', {}, h('strong', {}, words), h('small', {}, use))));
  if (first === 'write') go.textContent = 'Write';
  const form = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      const chosen = new FormData(form).get('form');
      remember('form', chosen);
      wrong.textContent = '';
      go.disabled = true;
      try {
        await exported(chosen, answers, wrong);
        if (!wrong.textContent) box.close();
      } catch (error) {
        wrong.textContent = error.message;
      } finally {
        go.disabled = false;
      }
    },
  },
  h('h2', { id: 'export-title' }, `Export ${count(answers.length, 'accepted photo')}`),
  h('fieldset', { class: 'choices' }, h('legend', { class: 'unseen' }, 'Form'), choices), wrong,
  h('div', { class: 'row end' }, h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, 'Not now'), go));
  box.replaceChildren(form);
  box.showModal();
}

async function exported(form, answers, wrong) {
  if (form === 'write') {
    const told = (await (await postJson('v1/write', { answers })).json()).photos;
    const left = told.filter(({ done }) => !done);
    toast(`Written into ${count(told.length - left.length, 'photo')}`);
    wrong.replaceChildren(...left.map(({ query, message }) => h('p', {}, `${query}: ${message}`)));
    return;
  }
  const name = FORMS.find(([each]) => each === form)[3];
  const response = form === 'sidecars' ? await postJson('v1/sidecars', { answers }) : await postJson('v1/export', { answers }, { form });
  save(await response.blob(), name);
  toast(`Saved ${name}`);
}
