// Small helpers for the page's elements. Text is always set as text, never parsed as HTML.

/** @returns {HTMLElement} the element of this id, which index.html has. */
export const byId = (id) => document.getElementById(id);

/**
 * An element. Properties starting with "on" are listeners, "class" and those with a dash or named
 * "role" are attributes, `dataset` is an object, others are set as properties. Children are nodes
 * or text; null and false are left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.className = value;
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name.includes('-') || name === 'role' || name === 'for') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** One of the pictures in icons.svg; for the eye only. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** A button with a picture and words; `key` is shown as a hint where there is a keyboard. */
export function button(words, { picture, key, ...properties } = {}, ...more) {
  return h('button', { type: 'button', ...properties },
    picture && icon(picture), h('span', {}, words), key && h('kbd', { 'aria-hidden': 'true' }, key), ...more);
}

/** Tells those who listen to the page. */
export function say(text) {
  byId('live').textContent = text;
}

let hiding;
/** A line that goes away by itself, for those who look and those who listen. */
export function toast(text, seconds = 5) {
  const box = byId('toast');
  box.textContent = text;
  box.classList.add('shown');
  clearTimeout(hiding);
  hiding = setTimeout(hush, seconds * 1000);
}

export const hush = () => byId('toast').classList.remove('shown');

export const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
export const phone = () => matchMedia('(max-width: 760px)').matches;

/** Gives a file to the person, as a download. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
