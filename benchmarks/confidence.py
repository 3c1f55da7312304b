"""Whether what a calibration says comes true: of few queries, and of frames along a path.

    python benchmarks/confidence.py [--seeds 51 52 53] [--photos 600] [--queries 240]
        [--splits 10] [--streets 4] [--keep FOLDER] [--real FOLDER]

Cities of some seeds are rendered, each with ten streets. The queries of some streets calibrate,
those of all others are judged, in many splits. Along each street two paths of six frames are
walked, 8 m from frame to frame, and along streets that the map does not have, too. Every figure is
of streets that had no part in the calibration. ``--keep`` keeps photos and answers for the next
time.

``--real`` without ``--seeds``: with FOLDER/corridor, one half of a walk calibrates, the other half
is judged, both ways; a frame counts 10 m.

Shares in percent; intervals, at 95%, draw streets (Field and Welsh, 2007), and paths.
"""

import argparse
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import simplejpeg
from rich.console import Console

from beenhere import geo
from beenhere.city.camera import Camera, draw_lens
from beenhere.city.city_plan import QUERY_CONDITIONS, Roll, Shot, Site, plan_city
from beenhere.city.light import draw_moment
from beenhere.city.noise import generator, pick
from beenhere.city.render import render_view
from beenhere.city.scene import Scene
from beenhere.city.street import Street
from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.config.tools import CityConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration.calibration import fit_calibration
from beenhere.evaluation.calibration.calibration_queries import CalibrationQueries
from beenhere.evaluation.calibration.labelled_evidence import LabelledEvidence, mix_weights
from beenhere.evaluation.calibration.probability_scores import error_if_perfect, reliability
from beenhere.files.atomic import write_file
from beenhere.photos.formats import read_photos
from beenhere.photos.photo_input import photo_input
from beenhere.photos.reference import REFERENCES
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.answer import Candidates
from beenhere.retrieval.locate.candidates import find_candidates
from beenhere.retrieval.locate.confidence import Confidence
from beenhere.retrieval.locate.sequence import MOST_PLACES, path_states
from beenhere.retrieval.verify import Verifier

FRAMES, STEP, PATHS, SIZE = 6, 8.0, 2, 320
"""Of a path: frames, metres between two; paths along a street; pixels of a side."""
FRAME = 10.0
"""Metres that a frame of the corridor counts."""
OUTSIDE = 10
"""Streets outside the map with a path each."""
CONFIG = CalibrateConfig(resamples=200)


class Walk(NamedTuple):
    """Frames along a street of the map, by its number; -1: the map does not have it.

    ``reach``: metres that may lie between two.
    """

    street: int
    found: list[Candidates]
    truth: geo.Positions
    reach: float = 2 * STEP


class Answers(NamedTuple):
    """What a city's index answered: queries, the street of each, and walks."""

    labelled: LabelledEvidence
    street: np.ndarray
    walks: list[Walk]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--queries", type=int, default=240)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--streets", type=int, default=4)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    console = Console(highlight=False, width=120)
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        cities = [gather(seed, options, root) for seed in options.seeds]
        real = None if options.real is None else corridor(options.real, root)
    for way in ("plain", "verified"):
        counted: dict[str, Shares] = {}
        for seed, city in zip(options.seeds, cities, strict=True):
            for split in range(options.splits):
                rng = np.random.default_rng([seed, split])
                streets = rng.permutation(city[way].street.max() + 1)
                judge(city[way], seed, streets[: options.streets], counted)
        _show(console, f"cities, {way}", counted)
        if real is None:
            continue
        for half in (0, 1):
            counted = {}
            judge(real[way], 0, np.array([half]), counted)
            _show(console, f"corridor, {way}, calibrated on half {half + 1}", counted)


def _show(console: Console, title: str, counted: dict[str, "Shares"]) -> None:
    if counted:
        console.print(title)
    for name, shares in counted.items():
        console.print(f"  {name:<60}{shares}")


class Shares:
    """A share of many, by the street of each; its interval draws streets."""

    def __init__(self) -> None:
        self.sums: dict[tuple[int, int], np.ndarray] = {}

    def add(self, seed: int, street: np.ndarray, hits: np.ndarray, of: np.ndarray) -> None:
        """Count the ``hits`` among those ``of`` them, ``(n,)`` bool or numbers."""
        for one in np.unique(street):
            here = street == one
            both = np.array([(hits * of)[here].sum(), of[here].sum()], float)
            self.sums[seed, int(one)] = self.sums.get((seed, int(one)), np.zeros(2)) + both

    def __str__(self) -> str:
        sums = np.array(list(self.sums.values()))
        if not sums[:, 1].sum():
            return "none"
        draws = np.random.default_rng(0).multinomial(len(sums), [1 / len(sums)] * len(sums), 2000)
        drawn = draws @ sums
        low, high = np.nanquantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
        share = sums[:, 0].sum() / sums[:, 1].sum()
        return f"{100 * share:.1f}% [{100 * low:.1f}, {100 * high:.1f}] of {sums[:, 1].sum():.0f}"


def judge(answers: Answers, seed: int, calibrating: np.ndarray, counted: dict[str, Shares]) -> None:
    """Calibrate on the queries of some streets, and count what comes true on all others."""
    seen = np.isin(answers.street, calibrating)
    try:
        fitted = fit_calibration(answers.labelled[seen], CONFIG)
    except DataError:
        return
    confidence = fitted.confidence

    def count(name: str, street: np.ndarray, hits: np.ndarray, of: np.ndarray) -> None:
        counted.setdefault(name, Shares()).add(seed, street, hits, of)

    judged, street = answers.labelled[~seen], answers.street[~seen]
    p, inside, right = confidence.probability(judged.features), ~judged.outside, judged.right
    weight = mix_weights(judged.outside, CONFIG.outside_share)
    known = p >= confidence.threshold
    count(
        "queries for calibration",
        street[:1],
        (~answers.labelled.outside & seen).sum()[None],
        np.ones(1),
    )
    count("located", street, right, inside)
    error = reliability(p, right, weight, CONFIG.bins).error
    chance = error_if_perfect(p, weight, CONFIG.bins, 100, seed).mean()
    said = fitted.held_out
    for name, value in (
        ("calibration error, judged", error),
        ("calibration error, judged, by chance", chance),
        ("calibration error, as held out", said.expected_calibration_error),
        ("calibration error, as held out, by chance", said.error_if_perfect),
    ):
        count(name, street[:1], np.array([value]), np.ones(1))
    count("inside, answered", street, known, inside)
    count("of these, right", street, right, inside & known)
    count("outside, accepted", street, known, judged.outside)
    count("of answers of the mix, right", street, right, known * weight)
    count("of answers of the mix, announced", street, p, known * weight)
    for least in (0.9, 0.95):
        count(f"announced {least:.0%} or more: right", street, right, (p >= least) * weight)
        count(f"announced {least:.0%} or more: mean", street, p, (p >= least) * weight)
        count(f"announced {least:.0%} or more: of inside", street, p >= least, inside)
    curve = said.curve
    best = np.flatnonzero(curve.precision >= 0.95)
    least = curve.threshold[best[-1]] if len(best) else 2.0
    count("chosen for 95%: right", street, right, (p >= least) * weight)
    count("chosen for 95%: of inside", street, p >= least, inside)
    for number, walk in enumerate(answers.walks):
        if walk.street in calibrating:
            continue
        _judge_walk(walk, number, confidence, count)


def _judge_walk(
    walk: Walk, number: int, confidence: Confidence, count: Callable[..., None]
) -> None:
    """What frames say alone, and along the path."""
    alone = [
        None if one.evidence is None else float(confidence.probability(one.evidence[None])[0])
        for one in walk.found
    ]
    states = path_states(walk.found, alone, [walk.reach] * (len(walk.found) - 1), 25.0)
    street = np.full(len(alone), number)
    errors = np.array([_errors(one, walk.truth, t) for t, one in enumerate(walk.found)])
    inside = np.full(len(alone), walk.street >= 0)
    # Paths from outside are fewer: together they weigh as much as those from inside.
    weight = np.where(inside, 1.0, 2.0)
    on_path = np.array([state[:-1].argmax() for state in states])
    for way, place, p in (
        ("frame alone", np.zeros(len(alone), int), np.array(alone)),
        ("path", on_path, np.array([state[:-1].max() for state in states])),
    ):
        right = (errors[np.arange(len(place)), place] <= REFERENCES["position"].radius) & inside
        known = p >= confidence.threshold
        count(f"{way}: located", street, right, inside)
        count(f"{way}: known, inside", street, known, inside)
        count(f"{way}: known, inside: right", street, right, known & inside)
        count(f"{way}: known, inside: announced", street, p, known & inside)
        count(f"{way}: known, outside", street, known, ~inside)
        count(f"{way}: known of the mix: right", street, right, known * weight)
        for least in (0.5, 0.9, 0.95):
            sure, name = (p >= least) * weight, f"{way}: announced {least:.0%} or more"
            count(f"{name}: right", street, right, sure)
            count(f"{name}: mean", street, p, sure)
        radius = confidence.radius_at(p)
        held = errors[np.arange(len(place)), place] <= radius
        count(f"{way}: radius holds, known", street, held, known & inside)
        count(f"{way}: radius holds", street, held, inside)


def _errors(found: Candidates, truth: geo.Positions, frame: int) -> np.ndarray:
    """Metres from each place, infinite where there is none, ``(MOST_PLACES,)``."""
    metres = np.full(MOST_PLACES, np.inf)
    if found.places:
        where = [(place.lat, place.lon) for place in found.places]
        at = geo.positions(*np.array(where, float).T)
        metres[: len(at)] = geo.distance(at, truth[np.full(len(at), frame)])
    return metres


def gather(seed: int, options: argparse.Namespace, root: Path) -> dict[str, Answers]:
    """Render a city, and ask its index all there is to ask: by similarity alone, and verified."""
    kept = root / f"{seed}.pickle"
    if kept.is_file():
        answers: dict[str, Answers] = pickle.loads(kept.read_bytes())  # written by this program
        return answers
    plan = plan_city(
        CityConfig(seed=seed, places=1, database=options.photos, queries=options.queries, size=SIZE)
    )
    *rolls, lost = plan.evaluation[1].rolls
    sites = [roll.site for roll in rolls for _ in range(PATHS)]
    sites += [roll.site for roll in plan.evaluation[0].rolls[:OUTSIDE]]
    walks = [_walk(site, number) for number, site in enumerate(sites)]
    everything = [*rolls, lost, *walks]
    folder = root / str(seed)
    with progress(f"streets of city {seed}", len(everything)) as advance:
        for roll in everything:
            _render(folder, roll)
            advance(1)
    index = Index.build(folder / "sf_xs/test/database", "offline-lite0", root / f"{seed}.index")
    queries = read_photos(folder / "sf_xs/test/queries")
    east, north = np.array([roll.site.locate(roll.shots[0].camera) for roll in rolls]).T
    where = queries.positions
    off = np.hypot(where.easting[:, None] - east, where.northing[:, None] - north)
    tables = [_table(folder, walk) for walk in walks]
    numbers = [n // PATHS if n < PATHS * len(rolls) else -1 for n in range(len(walks))]
    answers = ask(index, queries, off.argmin(axis=1), tables, numbers, CONFIG, 2 * STEP)
    kept.write_bytes(pickle.dumps(answers))
    return answers


def _walk(site: Site, number: int) -> Roll:
    """Frames from one camera at one time of a day, looking one way, along a surveyed street."""
    rng = generator(site.seed, "walk", number)
    moment = draw_moment(rng, pick(rng, QUERY_CONDITIONS), int(rng.integers(2019, 2024)))
    lens, fov = draw_lens(rng, moment.condition), float(np.radians(rng.uniform(62, 84)))
    y, facing = rng.uniform(-2, 2), rng.uniform(0, 2 * np.pi)
    start = rng.uniform(10, site.length - 20 - FRAMES * STEP)
    shots = [
        Shot(
            PurePosixPath(f"walks/{number:03}-{frame}.jpg"),
            Camera(
                x=start + STEP * frame + rng.normal(0, 1),
                y=y + rng.normal(0, 0.3),
                height=1.7,
                yaw=facing + rng.normal(0, 0.1),
                pitch=rng.normal(0.09, 0.03),
                fov=fov,
            ),
            moment,
            lens,
        )
        for frame in range(FRAMES)
    ]
    return Roll(site, tuple(shots))


def _render(folder: Path, roll: Roll) -> None:
    site, scene = roll.site, None
    for shot in roll.shots:
        if (folder / shot.path).is_file():
            continue
        scene = scene or Scene(Street(site.city.style, site.seed, site.length, site.bearing))
        image = render_view(scene, shot.camera, shot.moment, shot.lens, SIZE, site.south)
        jpeg = simplejpeg.encode_jpeg(image, quality=shot.lens.quality, colorsubsampling="420")
        (folder / shot.path).parent.mkdir(parents=True, exist_ok=True)
        write_file(folder / shot.path, jpeg)


def _table(folder: Path, walk: Roll) -> PhotoTable:
    east, north = np.array([walk.site.locate(shot.camera) for shot in walk.shots]).T
    paths = [str(folder / shot.path) for shot in walk.shots]
    zone = [walk.site.city.zone] * len(paths)
    return PhotoTable.from_columns(
        {"path": paths, "easting": east, "northing": north, "zone": zone}
    )


def corridor(real: Path, root: Path) -> dict[str, Answers]:
    """A real walk along a corridor, asked with another one; a frame counts 10 m. Two halves."""
    tables = []
    for side in ("ref", "query"):
        paths = sorted(str(path) for path in (real / "corridor" / side).glob("*.jpg"))
        north = [5_000_000 + FRAME * number for number in range(len(paths))]
        columns = {"path": paths, "northing": north}
        columns |= {"easting": [500_060.0] * len(paths), "zone": ["32T"] * len(paths)}
        tables.append(PhotoTable.from_columns(columns))
    reference, queries = tables
    index = Index.build(reference, "offline-lite0", root / "corridor.index")
    half = (np.arange(len(queries)) >= len(queries) // 2).astype(int)
    walks = [queries.rows(np.flatnonzero(half == side)) for side in (0, 1)]
    # A street is what is cut every 125 m: with the default of 500 m there would be one.
    config = CONFIG.model_copy(update={"gap": 12.5})
    return ask(index, queries, half, walks, [0, 1], config, 2 * FRAME)


def ask(
    index: Index,
    queries: PhotoTable,
    street: np.ndarray,
    walks: list[PhotoTable],
    numbers: list[int],
    config: CalibrateConfig,
    reach: float,
) -> dict[str, Answers]:
    """Ask an index, by similarity alone and verified, for queries and for the frames of walks."""
    asking = CalibrationQueries(index, queries, None, config, LocateConfig())
    again = np.flatnonzero(index.covers(queries.positions, REFERENCES["position"].radius))
    paths = [*queries.paths, *queries.rows(again).paths]
    answers = {}
    for way, verifier in (("plain", None), ("verified", Verifier())):
        asked = asking.ask(verifier)
        left_out = {path for path, _ in asked.left_out}
        used = np.array([path not in left_out for path in paths])
        found = []
        for walk, number in zip(walks, numbers, strict=True):
            vectors = np.asarray(index.describe(walk).vectors, np.float32)
            inputs = [photo_input(path) for path in walk.paths]
            places = find_candidates(
                index, inputs, vectors, None, verifier, LocateConfig(), MOST_PLACES
            )
            found.append(Walk(number, places, walk.positions, reach))
        streets = np.concatenate([street, street[again]])[used]
        answers[way] = Answers(asked.labelled, streets, found)
    return answers


if __name__ == "__main__":
    main()
