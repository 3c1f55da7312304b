"use strict";

const { answers, dots: packed, pictures } = JSON.parse(document.getElementById("data").textContent);
const canvas = document.querySelector("canvas");
const pen = canvas.getContext("2d");
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();
const colours = Object.fromEntries(["known", "guess", "unknown", "ink", "paper"].map((name) => [name, colour(name)]));
const shown = { known: true, guess: true, unknown: true };
let chosen = null;

// Web Mercator around the middle of what there is, in metres at the equator; so a map that lies
// across the 180th meridian is whole.
const R = 6378137;
const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
const degrees = new Int32Array(bytes.buffer);
const placed = answers.filter((one) => one.at);
const first = placed.length ? placed[0].at[1] : degrees.length ? degrees[1] / 1e7 : 0;
const project = (lat, lon) => {
  const turned = ((((lon - first) % 360) + 540) % 360) - 180;
  const bounded = Math.max(-85, Math.min(85, lat));
  return [(turned * Math.PI * R) / 180, R * Math.log(Math.tan(Math.PI / 4 + (bounded * Math.PI) / 360))];
};
const dots = new Float64Array(degrees.length);
for (let i = 0; i < degrees.length; i += 2) {
  [dots[i], dots[i + 1]] = project(degrees[i] / 1e7, degrees[i + 1] / 1e7);
}
for (const one of answers) {
  if (one.at) [one.x, one.y] = project(...one.at);
  for (const match of one.matches) if (match.at) [match.x, match.y] = project(...match.at);
  if (one.own) [one.ownX, one.ownY] = project(...one.own);
}
const latitude = (y) => 2 * Math.atan(Math.exp(y / R)) - Math.PI / 2;

const view = { x: 0, y: 0, scale: 1 }; // pixels a metre of the projection
const size = () => [canvas.clientWidth, canvas.clientHeight];
const screen = (x, y) => {
  const [width, height] = size();
  return [width / 2 + (x - view.x) * view.scale, height / 2 - (y - view.y) * view.scale];
};

function fit(points) {
  if (!points.length) return;
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of points) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [low, high] = [Math.min(low, y), Math.max(high, y)];
  }
  const [width, height] = size();
  [view.x, view.y] = [(left + right) / 2, (low + high) / 2];
  const least = 120; // metres: one spot is no map
  view.scale = 0.82 * Math.min(width / Math.max(right - left, least), height / Math.max(high - low, least));
  draw();
}

function fitAll() {
  const points = answers.filter((one) => one.at && shown[one.status]).map((one) => [one.x, one.y]);
  if (!points.length) for (let i = 0; i < dots.length; i += 2) points.push([dots[i], dots[i + 1]]);
  fit(points);
}

function zoom(factor, px, py) {
  const [width, height] = size();
  const [dx, dy] = [(px ?? width / 2) - width / 2, (py ?? height / 2) - height / 2];
  const before = view.scale;
  view.scale = Math.max(1e-5, Math.min(40, view.scale * factor));
  view.x += dx * (1 / before - 1 / view.scale);
  view.y -= dy * (1 / before - 1 / view.scale);
  draw();
}

let waiting = false;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    paint();
  });
}

function paint() {
  const [width, height] = size();
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = "#a9a9a9";
  const dot = view.scale > 1 ? 4 : 2;
  // One dot a pixel is enough: an index has a hundred thousand of them.
  const taken = new Uint8Array(Math.ceil(width) * Math.ceil(height));
  for (let i = 0; i < dots.length; i += 2) {
    const x = Math.floor(width / 2 + (dots[i] - view.x) * view.scale);
    const y = Math.floor(height / 2 - (dots[i + 1] - view.y) * view.scale);
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const place = y * Math.ceil(width) + x;
    if (taken[place]) continue;
    taken[place] = 1;
    pen.fillRect(x - dot / 2, y - dot / 2, dot, dot);
  }
  const order = ["unknown", "guess", "known"];
  for (const status of order) {
    if (!shown[status]) continue;
    for (const one of placed) if (one.status === status && one.radius) circle(one);
  }
  if (chosen?.at) lines(chosen);
  for (const status of order) {
    if (!shown[status]) continue;
    for (const one of placed) if (one.status === status && one !== chosen) mark(one, 6);
  }
  if (chosen?.at && shown[chosen.status]) mark(chosen, 10);
  scale(width);
}

function circle(one) {
  const [x, y] = screen(one.x, one.y);
  // A metre is longer on the map the farther from the equator.
  const radius = (one.radius / Math.cos(latitude(one.y))) * view.scale;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = `${colours[one.status]}22`;
  pen.strokeStyle = `${colours[one.status]}aa`;
  pen.lineWidth = one === chosen ? 2 : 1;
  pen.fill();
  pen.stroke();
}

function mark(one, r) {
  const [x, y] = screen(one.x, one.y);
  pen.beginPath();
  if (one.status === "known") pen.arc(x, y, r, 0, 2 * Math.PI);
  else if (one.status === "guess") {
    pen.moveTo(x, y - r - 1);
    for (const [dx, dy] of [[r + 1, 0], [0, r + 1], [-r - 1, 0]]) pen.lineTo(x + dx, y + dy);
    pen.closePath();
  } else {
    for (const d of [1, -1]) {
      pen.moveTo(x - 0.8 * r, y - 0.8 * d * r);
      pen.lineTo(x + 0.8 * r, y + 0.8 * d * r);
    }
    for (const [width, stroke] of [[5, colours.paper], [2.5, colours.unknown]]) {
      pen.lineWidth = width;
      pen.strokeStyle = stroke;
      pen.stroke();
    }
    return;
  }
  pen.fillStyle = colours[one.status];
  pen.strokeStyle = one === chosen ? colours.ink : colours.paper;
  pen.lineWidth = 2;
  pen.fill();
  pen.stroke();
}

function lines(one) {
  const from = screen(one.x, one.y);
  one.matches.forEach((match, number) => {
    if (!match.at) return;
    const [x, y] = screen(match.x, match.y);
    const stroke = { it: colours.known, rival: colours.guess, neither: colours.unknown }[match.for];
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(x, y);
    pen.strokeStyle = `${stroke}88`;
    pen.lineWidth = 1.5;
    pen.stroke();
    label(x, y, String(number + 1), stroke);
  });
  if (one.own) label(...screen(one.ownX, one.ownY), "★", colours.ink);
}

function label(x, y, text, fill) {
  pen.fillStyle = fill;
  pen.beginPath();
  pen.arc(x, y, 8, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = colours.paper;
  pen.font = "bold 11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x, y + 0.5);
}

function scale(width) {
  const metre = view.scale / Math.cos(latitude(view.y)); // pixels
  const power = 10 ** Math.floor(Math.log10((0.2 * width) / metre));
  const length = [5, 2, 1].map((times) => times * power).find((long) => long * metre <= 0.2 * width) ?? power;
  document.querySelector(".scale i").style.width = `${length * metre}px`;
  document.querySelector(".scale span").textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
}

const make = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
};

function picture(number, label) {
  if (number === null) return make("div", "no picture", "gone");
  const [data, width, height] = pictures[number];
  const made = make("img");
  Object.assign(made, { src: data, width, height, alt: label });
  return made;
}

function choose(one, move) {
  chosen = one;
  for (const button of document.querySelectorAll("#list button")) {
    button.setAttribute("aria-pressed", button.answer === one);
    if (button.answer === one) button.scrollIntoView({ block: "nearest" });
  }
  const panel = document.getElementById("one");
  panel.replaceChildren();
  if (one) {
    const title = make("h2", one.name);
    title.title = one.path;
    panel.append(title, picture(one.picture, `the query ${one.name}`));
    one.words.forEach((line, number) => panel.append(make("p", line, number ? "" : `mark ${one.status}`)));
    panel.append(make("p", one.path, "note"));
    const matches = make("div", "", "matches");
    one.matches.forEach((match, number) => {
      const figure = make("figure", "", match.for);
      const caption = make("figcaption", `${number + 1}. ${match.name}`);
      caption.title = match.path;
      caption.append(...[match.far, match.like].filter(Boolean).map((line) => make("span", line)));
      figure.append(picture(match.picture, `match ${match.name}`), caption);
      matches.append(figure);
    });
    panel.append(matches);
    panel.scrollTop = 0;
    if (move && one.at) {
      const near = one.matches.filter((match) => match.at && match.for === "it").map((match) => [match.x, match.y]);
      const reach = (one.radius ?? 0) / Math.cos(latitude(one.y));
      fit([...near, [one.x - reach, one.y - reach], [one.x + reach, one.y + reach]]);
    }
  }
  draw();
}

function list() {
  const marks = { known: "●", guess: "◆", unknown: "✕" };
  const items = answers
    .filter((one) => shown[one.status])
    .map((one) => {
      const button = make("button", "");
      button.type = "button";
      button.answer = one;
      button.setAttribute("aria-pressed", one === chosen);
      button.append(make("span", marks[one.status], `mark ${one.status}`), ` ${one.path}`);
      if (!one.at) button.append(make("span", " (not on the map)", "note"));
      button.addEventListener("click", () => choose(one, true));
      const item = make("li");
      item.append(button);
      return item;
    });
  document.getElementById("list").replaceChildren(...items);
}

for (const box of document.querySelectorAll("input[data-status]")) {
  box.checked = true;
  box.addEventListener("change", () => {
    shown[box.dataset.status] = box.checked;
    list();
    draw();
  });
}

// One finger or the mouse moves the map, two fingers zoom it; what does not move is a click.
const fingers = new Map();
let moved = 0;
const at = (event) => [event.offsetX, event.offsetY];
const apart = () => {
  const [[ax, ay], [bx, by]] = [...fingers.values()];
  return [Math.hypot(ax - bx, ay - by), (ax + bx) / 2, (ay + by) / 2];
};
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, at(event));
  if (fingers.size === 1) moved = 0;
  canvas.classList.add("moving");
});
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const far = fingers.size === 2 ? apart()[0] : 0;
  const [x, y] = at(event);
  fingers.set(event.pointerId, [x, y]);
  moved += Math.hypot(x - before[0], y - before[1]);
  if (fingers.size === 2) {
    const [now, px, py] = apart();
    zoom(now / Math.max(far, 1), px, py);
  } else {
    view.x -= (x - before[0]) / view.scale;
    view.y += (y - before[1]) / view.scale;
    draw();
  }
});
const lift = (event) => {
  const single = fingers.size === 1 && fingers.has(event.pointerId);
  fingers.delete(event.pointerId);
  canvas.classList.remove("moving");
  if (event.type === "pointerup" && single && moved < 5) {
    const [px, py] = at(event);
    let [best, least] = [null, 14];
    for (const one of placed) {
      if (!shown[one.status]) continue;
      const [x, y] = screen(one.x, one.y);
      const far = Math.hypot(x - px, y - py);
      if (far < least) [best, least] = [one, far];
    }
    choose(best, false);
  }
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...at(event));
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const step = 60 / view.scale;
  const steps = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (event.key in steps) {
    view.x += steps[event.key][0];
    view.y += steps[event.key][1];
    draw();
  } else if (event.key === "+" || event.key === "=") zoom(1.5);
  else if (event.key === "-") zoom(1 / 1.5);
  else return;
  event.preventDefault();
});
document.getElementById("in").addEventListener("click", () => zoom(1.6));
document.getElementById("out").addEventListener("click", () => zoom(1 / 1.6));
document.getElementById("fit").addEventListener("click", fitAll);
new ResizeObserver(draw).observe(canvas);
list();
fitAll();
