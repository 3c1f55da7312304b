"""A training set from own photos, in words: what came out, and how far it can be trusted."""

from collections import Counter
from textwrap import wrap

import numpy as np

from beenhere.report.photo_set import places_of
from beenhere.tools.places import BuiltPlaces
from beenhere.tools.places.choice import FEW
from beenhere.tools.places.split import SplitPart
from beenhere.wording import count

OTHERS = 4
"""Other ways to form places that are shown."""
FEW_QUERIES = 100
"""With fewer, Recall@1 is known to no better than about ten points either way."""

_WIDTH = 100
"""Characters of a line, at most."""

_WAYS = {
    "folders": "queries are from other folders than the database, but not from other days",
    "photos": "queries are single photos of the same walks as the database: neighbours are easy to "
    "find, and the recall is too good; photos of another day would tell more",
}


def places_text(built: BuiltPlaces) -> str:
    """Lines for a person: places, parts with their shares, what is left out and why, cautions."""
    total, number = len(built.photos), len(np.unique(built.planes.area))
    areas = "one area" if number == 1 else f"{number:,} areas more than 1 km apart"
    lines = [_row("photos", f"{total:,} with a position, in {areas}"), *_places(built)]
    lines.append(_row("train", _share(len(built.train), total)))
    for name, part in built.evaluation.items():
        database, queries = len(part.database), len(part.queries)
        sides = f"database {database:,}, queries {queries:,}, by {part.sides.way}"
        lines.append(_row(name, f"{_share(database + queries, total)}: {sides}"))
    if built.evaluation:
        gap = built.chosen.config.split.gap
        lines.append(_row("gap", f"{gap:g} m between photos of two parts, at least"))
    if built.left_out:
        lines.append(_row("left out", f"{len(built.left_out):,}"))
        reasons = Counter(reason for _, reason in built.left_out)
        lines += [f"    {photos:,}: {reason}" for reason, photos in reasons.most_common()]
    lines += _others(built)
    return "\n".join([*lines, *(_row("caution", text) for text in _cautions(built))])


def _row(label: str, text: str) -> str:
    start = f"  {label:<11}"
    return "\n".join(wrap(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start)))


def _places(built: BuiltPlaces) -> list[str]:
    config = built.chosen.config
    counts = built.train.frame.group_by("place").len()["len"].sort().to_list()
    lines = [_row("places", places_of(counts))]
    how = "by position and heading" if built.by_heading else "by position alone"
    if not built.by_heading:
        headed = int(built.photos.frame["heading"].is_not_null().sum())
        how += f" ({headed:,} of {len(built.photos):,} photos have a heading)"
    if config.method == "cells":
        what = f"cells of {config.cells.size:g} m {how}"
        if built.chosen.grouped:
            what += f", in {count(built.train.frame['city'].n_unique(), 'group')}"
    else:
        clusters = config.clusters
        what = f"clusters of {clusters.radius:g} m {how}, {clusters.apart:g} m apart"
    return [*lines, _row("", what)]


def _share(part: int, whole: int) -> str:
    return f"{part:,} photos ({100 * part / whole:.0f}%)"


def _others(built: BuiltPlaces) -> list[str]:
    """What other ways to form places would give."""
    table = [
        (each.command, f"{each.places:,}", _share(each.photos, len(built.photos)))
        for each in built.others[:OTHERS]
    ]
    if not table:
        return []
    wide, narrow = (max(len(row[column]) for row in table) for column in (0, 1))
    lines = (f"    {a:<{wide}}  {b:>{narrow}} places, {c}" for a, b, c in table)
    return ["  other ways to form places, by options of this command:", *lines]


def _cautions(built: BuiltPlaces) -> list[str]:
    found = []
    places = built.chosen.places
    if places < FEW:
        found.append(
            f"{places} places teach little; hundreds are a start, and thousands make a model. "
            "Photos of another day, or of more streets, make more of them"
        )
        # A line of its own, so that the command is not wrapped.
        found.append("until then, search without: beenhere index build PHOTOS -o NAME.index")
    for way, text in _WAYS.items():
        named = [name for name, part in built.evaluation.items() if part.sides.way == way]
        if named:
            found.append(f"{' and '.join(named)}: {text}")
    few = {name: len(part.queries) for name, part in built.evaluation.items()}
    few = {name: queries for name, queries in few.items() if queries < FEW_QUERIES}
    if few:
        found.append(f"{' and '.join(few)}: {_rough(list(few.values()))}")
    lost = int((built.part == SplitPart.GAP).sum())
    if lost > 0.25 * len(built.photos):
        found.append(
            f"{lost:,} photos fell into the gap; --split.pieces 1 or a lower --split.gap keep more"
        )
    return found


def _rough(queries: list[int]) -> str:
    if len(queries) == 1:
        gives = "gives" if queries == [1] else "give"
        return f"{count(queries[0], 'query', 'queries')} {gives} a rough figure; mind its interval"
    numbers = " and ".join(map(str, queries)) + " queries"
    if len(set(queries)) == 1:
        numbers = f"{count(queries[0], 'query', 'queries')} each"
    return f"{numbers} give rough figures; mind their intervals"
