// The server's answers. Everything goes to the host that the page came from.

import { byId, h } from './dom.js';

/** An error that the server told, with the sentence that the command line would say; 0 if it told nothing. */
class Problem extends Error {
  constructor(status, title, detail, retryAfter = null) {
    super(detail || title || `the server answered ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** An address of this server below the page's own, with its query. */
export function address(path, query = {}) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, value);
  }
  return url;
}

/** @returns {Promise<Response>} an answer that is no error; 401 asks for the token, then again. */
export async function ask(path, { query, ...options } = {}) {
  for (;;) {
    let response;
    try {
      response = await fetch(address(path, query), { credentials: 'same-origin', ...options });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Problem(0, 'The server cannot be reached.');
    }
    if (response.ok) return response;
    if (response.status === 401 && !options.headers?.Authorization) {
      await askToken();
      continue;
    }
    let problem = {};
    try {
      problem = await response.json();
    } catch {
      // A proxy's own page of error: the status says what there is to say.
    }
    const seconds = Number(response.headers.get('Retry-After'));
    throw new Problem(response.status, problem.title, problem.detail, Number.isFinite(seconds) && seconds > 0 ? seconds : null);
  }
}

export const askJson = async (path, options) => (await ask(path, options)).json();

export const postJson = (path, body, query) =>
  ask(path, { method: 'POST', query, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** Address of a picture of the index, for an `<img>`. */
export const thumbnail = (index, row, size, generation) =>
  address(`v1/indexes/${encodeURIComponent(index)}/photos/${row}/thumbnail`, { size, generation }).href;

/** One photo as the body of a question. */
export function photoBody(blob, name) {
  const body = new FormData();
  body.append('photo', blob, name);
  return body;
}

let asking = null;
/** Asks the person for the token until the server takes it; the server then sets a cookie. */
function askToken() {
  asking ??= new Promise((resolve) => {
    const box = byId('token-box');
    const field = h('input', { type: 'password', autocomplete: 'current-password', required: true, id: 'token' });
    const wrong = h('p', { class: 'problem', role: 'alert' });
    const form = h('form', {
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          await ask('v1/session', { method: 'POST', headers: { Authorization: `Bearer ${field.value.trim()}` } });
          box.close();
          asking = null;
          resolve();
        } catch (error) {
          wrong.textContent = error.status === 401 ? 'That is not the token.' : error.message;
        }
      },
    },
    h('h2', { id: 'token-title' }, 'This server asks for a token'),
    h('p', {}, 'Whoever started it has set one. It is asked for once in this browser.'),
    h('label', { for: 'token' }, 'Token'), field, wrong,
    h('div', { class: 'row end' }, h('button', { class: 'primary' }, 'Go on')));
    box.replaceChildren(form);
    box.oncancel = (event) => event.preventDefault(); // without it nothing on the page works
    box.showModal();
  });
  return asking;
}
