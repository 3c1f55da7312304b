"use strict";

// The page is whole without this script; it sorts, filters and changes the theme.

for (const table of document.querySelectorAll("table.sortable")) {
  const head = table.tHead.rows[table.tHead.rows.length - 1];
  const body = table.tBodies[0];
  const original = [...body.rows];
  [...head.cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const numbers = cell.dataset.sort === "number";
      const before = cell.getAttribute("aria-sort");
      // Figures start with the highest, names with the first; a third click brings back the order
      // of the study.
      const [first, second] = numbers ? ["descending", "ascending"] : ["ascending", "descending"];
      const now = before === first ? second : before === second ? null : first;
      for (const other of head.cells) other.removeAttribute("aria-sort");
      if (now) cell.setAttribute("aria-sort", now);
      body.append(...(now ? sorted(original, column, numbers, now === "descending") : original));
    });
  });
}

function sorted(rows, column, numbers, descending) {
  const value = (row) => {
    const cell = row.cells[column];
    if (!numbers) return cell.querySelector(".name").textContent;
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  };
  const compare = numbers ? (a, b) => a - b : (a, b) => a.localeCompare(b, "en", { numeric: true });
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null); // the empty ones last
    return descending ? compare(b, a) : compare(a, b);
  });
}

for (const form of document.querySelectorAll("form.filters")) {
  const figures = [...form.parentElement.querySelectorAll(".failure")];
  const selects = [...form.querySelectorAll("select")];
  const filter = () => {
    for (const figure of figures) {
      figure.hidden = !selects.every(({ value, dataset }) => {
        if (value === "best") return "best" in figure.dataset;
        return value === "" || figure.dataset[dataset.filter] === value;
      });
    }
    const shown = figures.filter((figure) => !figure.hidden).length;
    form.querySelector("output").textContent = shown
      ? `${shown} of ${figures.length} shown`
      : `None of the ${figures.length} is like that; choose “all” in one of the boxes.`;
  };
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.reset();
  form.hidden = false;
  filter();
}

{
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  // Where a browser keeps nothing for files, the choice lasts until the page is closed.
  const stored = (use) => {
    try {
      return use(localStorage);
    } catch {
      return null;
    }
  };
  const chosen = stored((store) => store.getItem("beenhere-theme"));
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  const name = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} theme`);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    stored((store) => store.setItem("beenhere-theme", root.dataset.theme));
    name();
  });
  system.addEventListener("change", name);
  button.hidden = false;
  name();
}
