"""What the page of ``beenhere serve`` is tried on: a street, photos to ask about, a base map."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facade import facade, seen_from, write_jpeg
from page_contrast import TEXT_CONTRAST
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from vector_tile import POLYGON, layer, write_mbtiles

from beenhere import geo
from beenhere.retrieval.index import Index

LAT, LON, STEP = 55.7, 13.19, 0.001
"""Of the first photo of the street, and how far north the next one is: 111 m."""

HOSTILE = "<img src=x onerror=alert(1)>.jpg"
"""A file name that would be a script in a page that took it for more than text."""


NO_WEBGL = """
const made = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  if (/webgl|webgpu/.test(kind)) { console.error('WebGL was asked for'); return null; }
  return made.call(this, kind, ...rest);
};
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
"""
"""A browser without WebGL, which counts how far things move by themselves."""


@dataclass(frozen=True)
class Asked:
    """``street`` and ``rooms`` are indexes, ``photos`` what is asked, ``tiles`` a base map."""

    street: Path
    rooms: Path
    photos: Path
    tiles: Path

    def named(self, *names: str) -> list[Path]:
        return [self.photos / name for name in names]


def make_asked(root: Path) -> Asked:
    """Twelve photos of a street by position and by room; four that look like some of them.

    ``near2.jpg`` looks like the third, and says in EXIF that it was taken 22 m north of it;
    ``elsewhere.jpg`` is of another wall, ``notes.txt`` is no photo.
    """
    for folder in ("map", "ask"):
        (root / folder).mkdir()
    rows = ["path,lat,lon,heading,captured,place"]
    for number in range(12):
        path = write_jpeg(root / "map" / f"p{number:02}.jpg", facade(number))
        rows.append(f"{path},{LAT + STEP * number},{LON},90,{2010 + number}-05-01,room {number}")
    (root / "street.csv").write_text("\n".join(row.rpartition(",")[0] for row in rows) + "\n")
    named = [",".join(row.split(",")[i] for i in (0, 5)) for row in rows]
    (root / "rooms.csv").write_text("\n".join(named) + "\n")
    options = {"extract": {"precision": "32"}}
    for name in ("street", "rooms"):
        Index.build(root / f"{name}.csv", "offline-lite0-gem", root / f"{name}.index", **options)
    for number in (2, 5, 8):
        write_jpeg(root / "ask" / f"near{number}.jpg", seen_from(facade(number), 0.2))
    _write_position(root / "ask" / "near2.jpg", LAT + STEP * 2.2, LON)
    write_jpeg(root / "ask" / HOSTILE, seen_from(facade(7), 0.2))
    write_jpeg(root / "ask" / "elsewhere.jpg", facade(1000))
    (root / "ask" / "notes.txt").write_text("milk, bread\n")
    everywhere = [[(-64, -64), (4160, -64), (4160, 4160), (-64, 4160)]]
    tile = layer("water", POLYGON, everywhere, kind="ocean")
    tiles = write_mbtiles(root / "base.mbtiles", LAT, LON, 8, tile)
    return Asked(root / "street.index", root / "rooms.index", root / "ask", tiles)


def _write_position(path: Path, lat: float, lon: float) -> None:
    with Image.open(path) as photo:
        exif = photo.getexif()
        exif[0x8825] = {1: "N", 2: (lat, 0.0, 0.0), 3: "E", 4: (lon, 0.0, 0.0)}
        photo.save(path, quality=95, exif=exif)


@dataclass
class Visit:
    """A page that is open; ``wrong`` collects what it complained of, ``elsewhere`` what left."""

    page: Page
    home: str
    wrong: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self) -> Page:
        self.page.goto(self.home)
        expect(self.page.locator("body[data-ready]")).to_be_attached()
        return self.page

    def give(self, photos: Sequence[Path]) -> None:
        """Choose photos, and wait for all answers."""
        before = self.page.locator(".card").count()
        self.page.set_input_files("#files", list(photos))
        expect(self.page.locator(".card")).to_have_count(before + len(photos))
        self.settled()

    def settled(self) -> None:
        expect(self.page.locator("#progress")).to_be_hidden()

    def card(self, name: str) -> Any:
        return self.page.locator(".card", has=self.page.get_by_text(name, exact=True))

    def kept(self, table: str = "photos") -> list[dict[str, Any]]:
        """The photos as the browser keeps them."""
        found = self.page.evaluate(
            """async (table) => {
              const base = await new Promise((done) => {
                const opening = indexedDB.open('beenhere');
                opening.onsuccess = () => done(opening.result);
              });
              const photos = await new Promise((done) => {
                const asked = base.transaction(table).objectStore(table).getAll();
                asked.onsuccess = () => done(asked.result);
              });
              base.close();
              return JSON.stringify(photos);
            }""",
            table,
        )
        return list(json.loads(found))


@contextmanager
def visiting(browser: Browser, home: str, **options: Any) -> Iterator[Visit]:
    """A page in a browser without WebGL and any other network.

    It may neither complain nor ask elsewhere.
    """
    options = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
    context = browser.new_context(**options)
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)  # as long as other tests may keep the processors
    context.add_init_script(NO_WEBGL)
    visit = Visit(context.new_page(), f"{home}/")

    def leave(route: Route) -> None:
        visit.elsewhere.append(route.request.url)
        route.abort()

    context.route(lambda url: not url.startswith((home, "blob:", "data:")), leave)
    visit.page.on("pageerror", lambda error: visit.wrong.append(str(error)))
    visit.page.on("dialog", lambda dialog: (visit.wrong.append(dialog.message), dialog.dismiss()))
    visit.page.on(
        "console",
        lambda message: message.type == "error" and visit.wrong.append(message.text),
    )
    try:
        yield visit
    finally:
        context.close()
    assert visit.wrong == [] and visit.elsewhere == []


def metres(one: Sequence[float], other: Sequence[float]) -> float:
    places = [geo.positions([lat], [lon]) for lat, lon in (one, other)]
    return float(geo.distance(*places)[0])


def readable(page: Page) -> None:
    """Nothing is wider than the screen, words stand out (AA), and what acts has a name."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert [one for one in page.evaluate(TEXT_CONTRAST) if one[0] < 4.5] == []
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a, [role]')]
          .filter((e) => e.checkVisibility() && !e.closest('[aria-hidden=true], [role=status]')
            && !(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.title
              || e.getAttribute('aria-labelledby') || e.matches('[role=list], [role=listitem]')))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []
