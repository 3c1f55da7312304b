// Answers in plain words, and the little geometry that the page needs.

export const KINDS = ['known', 'guess', 'unknown', 'unreadable'];
export const KIND_WORDS = { known: 'Known', guess: 'A guess', unknown: 'Unknown place', unreadable: 'Cannot be read' };

const EARTH = 6_371_008.8; // metres, mean radius

/** Metres between two positions on the sphere (haversine). */
function metresBetween(a, b) {
  const rad = Math.PI / 180;
  const [p, q] = [a.lat * rad, b.lat * rad];
  const s = Math.sin((q - p) / 2) ** 2 + Math.cos(p) * Math.cos(q) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 2 * EARTH * Math.asin(Math.min(1, Math.sqrt(s)));
}

/** "4.2 m", "38 m", "2.1 km". */
export function metres(far) {
  if (far < 10) return `${far.toFixed(1)} m`;
  if (far < 1000) return `${Math.round(far)} m`;
  return far < 100_000 ? `${(far / 1000).toFixed(1)} km` : `${Math.round(far / 1000).toLocaleString('en')} km`;
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
export const degrees = ({ lat, lon }) => `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
const located = (place) => Boolean(place) && Number.isFinite(place.lat) && Number.isFinite(place.lon);

/** @returns {{lat, lon}|null} where a photo is taken to be: moved there by hand, or as answered. */
export function position(photo) {
  if (photo.moved) return photo.moved;
  const place = photo.answer?.place;
  return located(place) ? { lat: place.lat, lon: place.lon } : null;
}

/** A place or match as a person calls it. */
export function whereWords(place) {
  if (!place) return '';
  if (located(place)) return degrees(place);
  const on = place.map ? ` on ${place.map}` : '';
  if (place.place) return place.place + (place.map ? `, ${place.map}` : '');
  if (Number.isFinite(place.frame)) return `frame ${place.frame}${place.map ? ` of ${place.map}` : ''}`;
  if (Number.isFinite(place.x)) return `x ${place.x.toFixed(2)}, y ${place.y.toFixed(2)}${on}`;
  return '';
}

/** How sure an answer is, in a few words for a card. */
export function sureWords(answer) {
  const parts = [];
  if (answer.radius !== null && answer.radius !== undefined && answer.status === 'known') {
    parts.push(`within ${answer.unit === 'frames' ? count(Math.round(answer.radius), 'frame') : metres(answer.radius)}`);
  }
  if (answer.probability !== null && answer.probability !== undefined) {
    const percent = answer.probability * 100;
    parts.push(percent >= 99.5 ? 'over 99% sure' : percent < 1 ? 'under 1% likely'
      : `${Math.round(percent)}% ${answer.status === 'known' ? 'sure' : 'likely'}`);
  }
  if (!parts.length) {
    const best = bestMatch(answer);
    if (best && best.inliers !== null && best.inliers !== undefined) {
      const elsewhere = answer.inliers_elsewhere;
      parts.push(`${count(best.inliers, 'point')} agree${best.inliers === 1 ? 's' : ''}`
        + (Number.isFinite(elsewhere) ? `, ${elsewhere} elsewhere` : ''));
    } else if (best) parts.push(`similarity ${best.similarity.toFixed(2)}`);
  }
  return parts.join(', ');
}

/** How sure an answer is, in whole sentences. */
export function sureSentences(answer) {
  const lines = [];
  if (answer.status === 'known' && Number.isFinite(answer.radius)) {
    const far = answer.unit === 'frames' ? count(Math.round(answer.radius), 'frame') : metres(answer.radius);
    lines.push(`Of 100 such answers, 90 have the true position within ${far}.`);
  }
  if (Number.isFinite(answer.probability)) {
    const percent = answer.probability >= 0.995 ? 'above 99%' : answer.probability < 0.01 ? 'below 1%' : `${Math.round(answer.probability * 100)}%`;
    lines.push(`The probability that it is right is ${percent}.`);
  }
  const best = bestMatch(answer);
  if (answer.place && answer.place.supporting) {
    const n = answer.place.supporting.length;
    lines.push(`${count(n, 'photo')} of ${answer.matches.length} that look like it ${n === 1 ? 'was' : 'were'} taken there`
      + (Number.isFinite(best?.inliers) ? `; ${count(best.inliers, 'point')} of the best one agree${best.inliers === 1 ? 's' : ''}` : '')
      + (Number.isFinite(answer.inliers_elsewhere) ? `, at most ${answer.inliers_elsewhere} of any photo elsewhere.` : '.'));
  }
  return lines;
}

export function bestMatch(answer) {
  const matches = answer?.matches ?? [];
  return matches.find((match) => match.rank === answer.place?.best) ?? matches[0] ?? null;
}

/** Which side a match speaks for: "for" the answer, "rival" for the runner-up, or "other". */
export function side(answer, match) {
  if (answer.place?.supporting?.includes(match.rank)) return 'for';
  return answer.runner_up?.supporting?.includes(match.rank) ? 'rival' : 'other';
}

/** Who says where the photo was taken: "its own EXIF", or "its name". */
export const ownWords = ({ source }) => (source?.startsWith('its ') ? source : `its own ${source ?? 'position'}`);

/** Metres from where the photo is taken to be to its own position; null where one is unknown. */
export function ownError(photo) {
  const own = photo.answer?.own;
  const here = position(photo);
  if (!own || !here) return null;
  return photo.moved || !Number.isFinite(own.distance_m) ? metresBetween(here, own) : own.distance_m;
}

/** Reads "55.70412, 13.19301"; null if it is no position. */
export function readPosition(text) {
  const numbers = text.trim().split(/[\s,;]+/).map(Number);
  if (numbers.length !== 2 || numbers.some((n) => !Number.isFinite(n))) return null;
  const [lat, lon] = numbers;
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}
