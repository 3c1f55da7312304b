"""Own photos become a training set: split by ground, places to train on, sides to measure on."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.tools import PlacesConfig
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.tools.places.choice import LEAST_PLACES, Formed, choose
from beenhere.tools.places.planes import Planes, lay_out
from beenhere.tools.places.split import POSITIVE, Sides, SplitPart, choose_sides, split_ground
from beenhere.wording import count

LeftOut = list[tuple[str, str]]
"""``(path, reason)`` of photos in no table."""


@dataclass(frozen=True)
class EvaluationPart:
    """Validation or test.

    Attributes:
        database, queries: photos, without places.
        sides: how they were chosen; its rows are those of the part.
    """

    database: PhotoTable
    queries: PhotoTable
    sides: Sides


@dataclass(frozen=True)
class BuiltPlaces:
    """A training set, before it is written.

    Attributes:
        photos: all with a position that a plane can hold, by path.
        planes: where they lie.
        part: ``(photos,)`` what each is for, a :class:`SplitPart`.
        train: those to train on, each with its place. Where ``chosen.grouped`` the column ``city``
            holds the group, since a batch can be kept within a city.
        evaluation: ``"val"`` and ``"test"``, those with a share.
        by_heading: whether places are told apart by heading.
        chosen: how places are formed.
        others: other ways that were tried, the one with most places first.
    """

    photos: PhotoTable
    planes: Planes
    part: NDArray[np.int64]
    train: PhotoTable
    evaluation: dict[str, EvaluationPart]
    left_out: LeftOut
    by_heading: bool
    chosen: Formed
    others: list[Formed]


def build_places(table: PhotoTable, config: PlacesConfig) -> BuiltPlaces:
    """Places, split and sides; the same for the same photos, whatever their order.

    Raises:
        DataError: too few positions, too little ground, too few places or no queries; says what
            would help.
    """
    left_out = list(table.unusable)
    photos = _on_the_grid(table, left_out)
    planes = lay_out(photos.positions)
    part = split_ground(planes, photos.positions, config.split)
    gap = part == SplitPart.GAP
    reason = f"within {config.split.gap:g} m of another part's photo"
    left_out += [(path, reason) for path in photos.frame.filter(pl.Series(gap))["path"]]
    rows = np.flatnonzero(part == SplitPart.TRAIN)
    most = 2 * photos.frame["heading"].count() >= len(photos)
    by_heading = config.headings == "use" or (config.headings == "auto" and most)
    train, chosen, others = _train(photos.rows(rows), planes[rows], by_heading, config, left_out)
    evaluation = {
        name: _evaluation(photos, np.flatnonzero(part == kind), name, config, left_out)
        for name, kind, share in (
            ("val", SplitPart.VAL, config.split.val),
            ("test", SplitPart.TEST, config.split.test),
        )
        if share > 0
    }
    return BuiltPlaces(
        photos, planes, part, train, evaluation, sorted(left_out), by_heading, chosen, others
    )


def _on_the_grid(table: PhotoTable, left_out: LeftOut) -> PhotoTable:
    """Photos on the UTM grid, by path."""
    known, zoned = table.positions.known, table.positions.zone != 0
    notes = table.without_fix
    for path in table.frame.filter(pl.Series(~known))["path"]:
        left_out.append((path, f"no position ({notes[path]})" if path in notes else "no position"))
    beyond = table.frame.filter(pl.Series(known & ~zoned))["path"]
    left_out += [(path, "beyond 84 N or 80 S, where the UTM grid ends") for path in beyond]
    frame = table.frame.filter(pl.Series(known & zoned)).sort("path")
    if frame.height == 0:
        raise DataError(
            f"none of {len(table):,} photos has a position, and places are formed by position; "
            "phones write it into photos when the camera may use the location, a table may hold "
            "it, and `beenhere data track` takes it from a GPS track"
        )
    return PhotoTable(frame, source=table.source)


def _train(
    photos: PhotoTable, planes: Planes, by_heading: bool, config: PlacesConfig, left_out: LeftOut
) -> tuple[PhotoTable, Formed, list[Formed]]:
    """Those in a place, labelled, and how places are formed; the others go to ``left_out``."""
    if by_heading:
        known = photos.frame["heading"].is_not_null().to_numpy()
        without = photos.frame.filter(pl.Series(~known))["path"]
        left_out += [(path, "no heading (--headings ignore goes without)") for path in without]
        photos, planes = photos.rows(np.flatnonzero(known)), planes[known]
    chosen, *others = choose(photos, planes, by_heading, config)
    if chosen.places < LEAST_PLACES:
        raise DataError(_too_few_places(photos, planes, by_heading, config, [chosen, *others]))
    labels, kept = chosen.labels, chosen.kept
    why = np.where(labels.place >= 0, "the only place of its group", labels.why)
    left_out += zip(photos.frame["path"].filter(~kept), why[~kept].tolist(), strict=True)
    place = labels.place[kept]
    names = {"place": [f"{number:06d}" for number in place]}
    if chosen.grouped:
        names["city"] = [f"group-{number:02d}" for number in labels.group[place]]
    columns = [pl.Series(name, texts, pl.String) for name, texts in names.items()]
    frame = photos.frame.filter(pl.Series(kept)).with_columns(columns)
    return PhotoTable(frame, source=photos.source), chosen, others


def _too_few_places(
    photos: PhotoTable, planes: Planes, by_heading: bool, config: PlacesConfig, tried: list[Formed]
) -> str:
    """Says what other options would give."""
    found = {}
    for option, change in (
        ("--min-images 2", {"min_images": 2}),
        ("--headings ignore", {"headings": "ignore"}),
    ):
        changed = config.model_copy(update=change)
        still = by_heading and changed.headings != "ignore"
        found[option] = choose(photos, planes, still, changed)[0].places
    found |= {each.command: each.places for each in tried[1:]}
    more = [f"{option} gives {n}" for option, n in found.items() if n > tried[0].places]
    hint = f"; {', '.join(more)}" if more else ""
    return (
        f"{len(photos):,} photos to train on form {count(tried[0].places, 'place')} of "
        f"{config.min_images} photos or more, and training needs {LEAST_PLACES} at the least and "
        f"hundreds to be of use{hint}; or take more photos of each place, on other days"
    )


def _evaluation(
    photos: PhotoTable, rows: NDArray[np.intp], name: str, config: PlacesConfig, left_out: LeftOut
) -> EvaluationPart:
    part = photos.rows(rows)
    sides = choose_sides(part, config.split.queries, config.split.seed)
    if len(sides.queries) == 0:
        raise DataError(
            f"no photo of the {len(part):,} for {name} has another within {POSITIVE:g} m, so there "
            f"is nothing to ask for; set --split.{name} higher, or to 0 to go without, or another "
            "--split.seed"
        )
    paths = part.frame["path"]
    kind = {"days": "day", "folders": "folder", "photos": ""}[sides.way]
    unanswered = f"in {name}, no photo of another {kind} within {POSITIVE:g} m"
    left_out += [(path, unanswered) for path in paths[sides.unanswered]]
    left_out += [(path, f"in {name}, its {kind} is not known") for path in paths[sides.undated]]
    none = pl.lit(None, pl.String).alias("place")
    database, queries = (
        PhotoTable(part.rows(side).frame.with_columns(none), source=photos.source)
        for side in (sides.database, sides.queries)
    )
    return EvaluationPart(database, queries, sides)
