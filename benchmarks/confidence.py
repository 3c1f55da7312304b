"""Whether what a calibration says comes true: of few queries, and of frames along a path.

    python benchmarks/confidence.py [--seeds 51 52 53] [--photos 360] [--queries 100]
        [--parts 6] [--keep FOLDER] [--real FOLDER]

Cities of some seeds are rendered, by day and by night, each with six streets. The streets are
judged in parts, each by a calibration on the queries of the others. Along each street two paths of
six frames are walked, 8 m from frame to frame, and along streets that the map does not have, too.
``--keep`` keeps photos and answers for the next time.

Why are probabilities off? Queries are judged by fits on other streets of their city; on as many
queries of all its streets; on all other cities and those streets; and by that one through isotonic
regression. What the first loses to the second is a shift between streets, to the third the noise
of few queries, the third to the fourth the form.

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
from sklearn.isotonic import IsotonicRegression

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
from beenhere.evaluation.calibration.calibration_queries import CalibrationQueries
from beenhere.evaluation.calibration.confidence_fit import fit_confidence, fit_model
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
from beenhere.retrieval.locate.confidence import Confidence, sigmoid
from beenhere.retrieval.locate.sequence import MOST_PLACES, path_states
from beenhere.retrieval.verify import Verifier

FRAMES, STEP, PATHS, SIZE = 6, 8.0, 2, 256
"""Of a path: frames, metres between two; paths along a street; pixels of a side."""
FRAME = 10.0
"""Metres that a frame of the corridor counts."""
OUTSIDE = 4
"""Streets outside the map with a path each."""
LIGHTS = {"day": 1, "night": 2}
"""Evaluation sets of a city; by day 8 photos in 100 are of the night, 26 of dusk or bad weather."""
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
    """What a city's index answered: evidence, street and number of each query, and walks."""

    labelled: LabelledEvidence
    street: np.ndarray
    query: np.ndarray
    walks: list[Walk]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--photos", type=int, default=360)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--parts", type=int, default=6)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    console = Console(highlight=False, width=120)
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        cities = {
            light: [gather(seed, light, options, root) for seed in options.seeds]
            for light in LIGHTS
        }
        real = None if options.real is None else corridor(options.real, root)
    for way in ("plain", "verified"):
        for light, asked in cities.items():
            counted: dict[str, Shares] = {}
            for seed, city in zip(options.seeds, asked, strict=True):
                for judged in parts_of(city[way], seed, options.parts):
                    others = np.setdiff1d(city[way].street, judged)
                    judge(city[way], seed, others, counted)
            _show(console, f"cities by {light}, {way}", counted)
        if len(options.seeds) > 1:
            both = [city[way] for asked in cities.values() for city in asked]
            console.print(f"queries judged by several fits, {way}")
            for line in compare_fits(both, options.parts):
                console.print(f"  {line}")
        if real is not None:
            for half in (0, 1):
                counted = {}
                judge(real[way], 0, np.array([half]), counted)
                _show(console, f"corridor, {way}, calibrated on half {half + 1}", counted)


def parts_of(city: Answers, seed: int, parts: int) -> list[np.ndarray]:
    """The streets of a city in parts, by chance."""
    streets = np.random.default_rng(seed).permutation(np.unique(city.street))
    return np.array_split(streets, parts)


def compare_fits(cities: list[Answers], parts: int) -> list[str]:
    """How true probabilities are by fits on several sets of queries, a line each."""
    names = ("other streets", "as many, all streets", "other cities too", "isotonic")
    said: dict[str, list[np.ndarray]] = {name: [] for name in names}
    right, weight, street = [], [], []
    for number, city in enumerate(cities):
        all_of, rng = city.labelled, np.random.default_rng(number)
        elsewhere = [other.labelled for other in cities if other is not city]
        for judged in parts_of(city, number, parts):
            out = np.isin(city.street, judged)
            own, held = all_of[~out], all_of[out]
            many = _joined([own, *elsewhere])
            model = fit_model(many, CONFIG.outside_share).probability
            logit = model.logit(held.features)
            form = IsotonicRegression(y_min=0.01, y_max=0.99, out_of_bounds="clip")
            form.fit(model.logit(many.features), many.right, sample_weight=_weights(many))
            few = fit_model(own, CONFIG.outside_share).probability
            said[names[0]].append(sigmoid(few.logit(held.features)))
            said[names[1]].append(_by_halves(city, out, rng))
            said[names[2]].append(sigmoid(logit))
            said[names[3]].append(form.predict(logit))
            right.append(held.right)
            weight.append(_weights(held))
            street.append(100 * number + city.street[out])
    truth, counts, group = map(np.concatenate, (right, weight, street))
    lines, first = [], np.zeros(0)
    for name, each in said.items():
        p = np.clip(np.concatenate(each), 1e-6, 1 - 1e-6)
        loss = -np.log(np.where(truth, p, 1 - p))
        first = loss if name == names[0] else first
        error = reliability(p, truth, counts, CONFIG.bins).error
        chance = error_if_perfect(p, counts, CONFIG.bins, 200, 0).mean()
        gain = Shares()
        gain.add(0, group, first - loss, counts)
        better, low, high = gain.interval()
        lines.append(
            f"{name:<22}log loss {np.average(loss, weights=counts):.3f}, better by {better:+.3f} "
            f"[{low:+.3f}, {high:+.3f}]; calibration error {error:.3f} ({chance:.3f} by chance)"
        )
    return lines


def _by_halves(city: Answers, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Probabilities of the queries of some streets, each half of them by a fit on the other half
    and queries of other streets, in all as many as the other streets have."""
    half = rng.integers(2, size=city.query.max() + 1)[city.query]
    p = np.empty(len(out))
    for side in (0, 1):
        rows = out & (half == side)
        queries = rng.permutation(np.unique(city.query[~rows]))
        fitted = np.isin(city.query, queries[: len(np.unique(city.query[~out]))]) & ~rows
        model = fit_model(city.labelled[fitted], CONFIG.outside_share).probability
        p[rows] = sigmoid(model.logit(city.labelled.features[rows]))
    return np.asarray(p[out])


def _joined(several: list[LabelledEvidence]) -> LabelledEvidence:
    return LabelledEvidence(
        np.concatenate([one.features for one in several]),
        np.concatenate([one.error_m for one in several]),
        np.concatenate([one.outside for one in several]),
        np.concatenate([one.groups for one in several]),
    )


def _weights(labelled: LabelledEvidence) -> np.ndarray:
    return mix_weights(labelled.outside, CONFIG.outside_share)


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

    def interval(self) -> tuple[float, float, float]:
        """The share, and the ends of its interval."""
        sums = np.array(list(self.sums.values()))
        draws = np.random.default_rng(0).multinomial(len(sums), [1 / len(sums)] * len(sums), 2000)
        with np.errstate(invalid="ignore"):
            drawn = (draws @ sums[:, 0]) / (draws @ sums[:, 1])
        low, high = np.nanquantile(drawn, (0.025, 0.975))
        return sums[:, 0].sum() / sums[:, 1].sum(), low, high

    def __str__(self) -> str:
        count = sum(both[1] for both in self.sums.values())
        if not count:
            return "none"
        share, low, high = (100 * end for end in self.interval())
        return f"{share:.1f}% [{low:.1f}, {high:.1f}] of {count:.0f}"


def judge(answers: Answers, seed: int, calibrating: np.ndarray, counted: dict[str, Shares]) -> None:
    """Calibrate on the queries of some streets, and count what comes true on all others."""
    seen = np.isin(answers.street, calibrating)
    confidence = fit_confidence(answers.labelled[seen], CONFIG)

    def count(name: str, street: np.ndarray, hits: np.ndarray, of: np.ndarray) -> None:
        counted.setdefault(name, Shares()).add(seed, street, hits, of)

    judged, street = answers.labelled[~seen], answers.street[~seen]
    p, inside, right = confidence.probability(judged.features), ~judged.outside, judged.right
    weight = _weights(judged)
    known = p >= confidence.threshold
    count("located", street, right, inside)
    count("inside, answered", street, known, inside)
    count("of these, right", street, right, inside & known)
    count("outside, accepted", street, known, judged.outside)
    for least in (confidence.threshold, 0.95):
        name = "0.95" if least == 0.95 else "the threshold"
        count(f"from {name} on: right", street, right, (p >= least) * weight)
        count(f"from {name} on: announced", street, p, (p >= least) * weight)
    for number, walk in enumerate(answers.walks):
        if walk.street not in calibrating:
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
        held = errors[np.arange(len(place)), place] <= confidence.radius_at(p)
        count(f"{way}: radius holds, known", street, held, known & inside)


def _errors(found: Candidates, truth: geo.Positions, frame: int) -> np.ndarray:
    """Metres from each place, infinite where there is none, ``(MOST_PLACES,)``."""
    metres = np.full(MOST_PLACES, np.inf)
    if found.places:
        where = [(place.lat, place.lon) for place in found.places]
        at = geo.positions(*np.array(where, float).T)
        metres[: len(at)] = geo.distance(at, truth[np.full(len(at), frame)])
    return metres


def gather(seed: int, light: str, options: argparse.Namespace, root: Path) -> dict[str, Answers]:
    """Render a city, and ask its index all there is to ask: by similarity alone, and verified."""
    kept = root / f"{seed}-{light}.pickle"
    if kept.is_file():
        answers: dict[str, Answers] = pickle.loads(kept.read_bytes())  # written by this program
        return answers
    plan = plan_city(
        CityConfig(seed=seed, places=1, database=options.photos, queries=options.queries, size=SIZE)
    )
    elsewhere, city = plan.evaluation[LIGHTS[light] - 1], plan.evaluation[LIGHTS[light]]
    *rolls, lost = city.rolls
    sites = [roll.site for roll in rolls for _ in range(PATHS)]
    sites += [roll.site for roll in elsewhere.rolls[:OUTSIDE]]
    walks = [_walk(site, number, light) for number, site in enumerate(sites)]
    everything = [*rolls, lost, *walks]
    folder = root / f"{seed}-{light}"
    with progress(f"streets of city {seed} by {light}", len(everything)) as advance:
        for roll in everything:
            _render(folder, roll)
            advance(1)
    made = folder / city.folder
    index = Index.build(made / "database", "offline-lite0", root / f"{seed}-{light}.index")
    queries = read_photos(made / "queries")
    east, north = np.array([roll.site.locate(roll.shots[0].camera) for roll in rolls]).T
    where = queries.positions
    off = np.hypot(where.easting[:, None] - east, where.northing[:, None] - north)
    tables = [_table(folder, walk) for walk in walks]
    numbers = [n // PATHS if n < PATHS * len(rolls) else -1 for n in range(len(walks))]
    answers = ask(index, queries, off.argmin(axis=1), tables, numbers, CONFIG, 2 * STEP)
    kept.write_bytes(pickle.dumps(answers))
    return answers


def _walk(site: Site, number: int, light: str) -> Roll:
    """Frames from one camera at one time of a day, looking one way, along a surveyed street."""
    rng = generator(site.seed, "walk", number)
    condition = "night" if light == "night" else pick(rng, QUERY_CONDITIONS)
    moment = draw_moment(rng, condition, int(rng.integers(2019, 2024)), site.south)
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
    described = [np.asarray(index.describe(walk).vectors, np.float32) for walk in walks]
    answers = {}
    for way, verifier in (("plain", None), ("verified", Verifier())):
        asked = asking.ask(verifier)
        left_out = {path for path, _ in asked.left_out}
        used = np.array([path not in left_out for path in paths])
        found = []
        for walk, vectors, number in zip(walks, described, numbers, strict=True):
            inputs = [photo_input(path) for path in walk.paths]
            places = find_candidates(
                index, inputs, vectors, None, verifier, LocateConfig(), MOST_PLACES
            )
            found.append(Walk(number, places, walk.positions, reach))
        query = np.concatenate([np.arange(len(street)), again])[used]
        answers[way] = Answers(asked.labelled, street[query], query, found)
    return answers


if __name__ == "__main__":
    main()
