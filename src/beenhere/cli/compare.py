"""``beenhere compare``: where two models differ, query by query."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beenhere.cli.output import (
    check_output_folder,
    console,
    distinct_names,
    evaluation_folder,
    figures_table,
    tell,
)
from beenhere.cli.parameters import (
    ADVANCED,
    NO_PHOTOS,
    Distance,
    EvaluationPhotos,
    Out,
    Parts,
    Positive,
    Whole,
)
from beenhere.config.evaluation import ExtractConfig
from beenhere.config.own_parts import name_parts

if TYPE_CHECKING:
    from rich.table import Table

    from beenhere.evaluation.compare_runs import Contender
    from beenhere.evaluation.differences import Differences
    from beenhere.report.compared_queries import ComparedQuery


def compare(
    a: str,
    b: str,
    /,
    *,
    on: EvaluationPhotos = NO_PHOTOS,
    at: Positive = 1,
    within: Distance | None = None,
    count: Whole = 4,
    maps: Annotated[bool, Parameter(negative_bool="no-")] = True,
    out: Out | None = None,
    json: bool = False,
    seed: Annotated[Whole, ADVANCED] = 0,
    extract: Annotated[ExtractConfig, ADVANCED] = ExtractConfig(),
    parts: Parts = (),
) -> None:
    """The queries that one model gets right and another wrong, counted and drawn.

    Without photos, the test sets are compared that both runs have in `tests/`. With photos, both
    models are evaluated on them as `beenhere eval` does, in the same folders: what was computed
    there is found again.

    Args:
        a: a model by name, such as `megaloc`, a run folder, a checkpoint, or the folder of an
            evaluation.
        b: the one to compare with, given in the same ways.
        on: the photos.
        at: N; a query is right if one of the first N photos found is.
        within: metres within which a photo is right [default: that of A's evaluation]; sets
            that list what is right have none.
        count: queries to draw of those that A alone gets right, of those that B alone does, and of
            those that both get wrong.
        maps: draw what the models look at.
        out: folder for the results [default: comparisons/A-B].
        json: print compare.json instead of a table.
        seed: chooses the queries to draw.
        extract: how descriptors are computed.
    """
    from beenhere.evaluation.compare_runs import Contender
    from beenhere.evaluation.compare_runs import compare as compare_runs
    from beenhere.report import compare_folder

    name_parts(parts)
    sides = Contender.find(a), Contender.find(b)
    new = on != NO_PHOTOS
    names = distinct_names(*(Path(side.known_model if new else side.name) for side in sides))
    folder = out or Path("comparisons") / "-".join([*names, *([on.name] if new else [])])
    check_output_folder(out, "--json prints the comparison, for a file as > compare.json")
    compare_folder.check_free(folder)
    if new:
        folders = [evaluation_folder(name, on.name) for name in names]
        for side, target in zip(sides, folders, strict=True):
            _evaluate(side, on, target, at, within, extract)
        found = compare_runs(*folders, at=at, threshold=within)
    else:
        found = compare_runs(*sides, at=at, threshold=within)
    device = extract.device if maps and count else None
    shown = [_choose(one, sides, count, seed, device) for one in found]
    pictures = compare_folder.write_comparison(folder, (a, b), list(zip(found, shown, strict=True)))
    if json:
        print((folder / compare_folder.RECORD).read_text(encoding="utf-8"), end="")
    else:
        _print(found, sides, shown, folder, pictures, maps)


def _evaluate(
    side: "Contender",
    on: EvaluationPhotos,
    folder: Path,
    at: int,
    within: float | None,
    extract: ExtractConfig,
) -> None:
    """Evaluate a model; an evaluation that is there is done again with its own options."""
    from beenhere.config import config_yaml
    from beenhere.config.evaluation import EvalConfig
    from beenhere.evaluation.evaluate import evaluate
    from beenhere.evaluation.evaluation_results import SavedEvaluation

    options = config_yaml.plain(EvalConfig())
    if within is not None:
        options["thresholds"] = [within]
    if (folder / "results.json").exists():
        options |= SavedEvaluation.read(folder).results["config"]
    options["recall_at"] = sorted({*options["recall_at"], at})
    options["extract"] = config_yaml.plain(extract)
    evaluate(side.known_model, **vars(on), out=folder, **options)


def _choose(
    found: "Differences", sides: "Sequence[Contender]", count: int, seed: int, device: str | None
) -> "list[ComparedQuery]":
    """Queries to draw; with similarity maps, computed on the device, unless it is None."""
    from beenhere.devices import choose_device
    from beenhere.report.compared_queries import compared_queries

    models = None
    if device is not None and not (found.right_a & found.right_b).all():
        where = choose_device(device)
        models = sides[0].load(found.a, where), sides[1].load(found.b, where)
    names = sides[0].name, sides[1].name
    return compared_queries(found, names, models, count, seed, both_wrong=True)


def _print(
    found: "list[Differences]",
    sides: "Sequence[Contender]",
    shown: "list[list[ComparedQuery]]",
    folder: Path,
    pictures: list[Path],
    maps: bool,
) -> None:
    from beenhere.evaluation.protocol import rule_in_words
    from beenhere.report.compare_folder import RECORD

    tell(f"A: {sides[0].name}", f"B: {sides[1].name}", "")
    for one in found:
        sought = f"{one.a.queries.height} queries in {one.a.results['database']} photos"
        tell(f"{one.name}: {sought}, {rule_in_words(one.threshold, one.a.by)}")
        console().print(_table(one), end="\n\n")
    tell(*_notes(found, shown, maps))
    tell("", f"In {folder}: {', '.join([RECORD, *(p.name for p in pictures)])}")
    for picture in pictures:
        tell(f"Look at {picture}")


def _table(found: "Differences") -> "Table":
    every, *conditions = found.by_condition()
    # The one condition of all queries says nothing more than all queries do.
    if len(conditions) != 1 or conditions[0].comparison.queries != every.comparison.queries:
        conditions = [every, *conditions]
    recalls = [f"R@{found.at} {side}" for side in "AB"]
    figures = ["", "both", "only A", "only B", "neither", *recalls, "A - B", "p"]
    rows = []
    for one in conditions:
        pair = one.comparison
        counts = (pair.queries, one.both, pair.only_a, pair.only_b, one.neither)
        percents = (f"{one.recall_a:.1f}", f"{one.recall_b:.1f}")
        difference = f"{pair.difference:+.1f} [{pair.low:+.1f}, {pair.high:+.1f}]"
        p = "< 0.001" if pair.p_value < 0.001 else f"{pair.p_value:.3f}"
        rows.append([one.condition or "all", *map(str, counts), *percents, difference, p])
    return figures_table(["queries"], figures, rows, edge=True)


def _notes(
    found: "list[Differences]", shown: "list[list[ComparedQuery]]", maps: bool
) -> Iterator[str]:
    confidence = found[0].a.results["config"]["confidence"]
    yield (
        "both, only A, only B, neither: how many queries each gets right; R@N in percent; A - B in "
        f"points, [{100 * confidence:g}% bootstrap interval]; p: of McNemar's exact test, not "
        "corrected for the number of rows"
    )
    every = list(chain.from_iterable(shown))
    answers = [side for query in every for side in (query.a, query.b) if side.predictions]
    for name in dict.fromkeys(side.name for side in answers if maps and side.overlays is None):
        yield (
            f"{name} has no similarity maps: a wrapped network does not say which of its layers "
            "gives feature maps"
        )
    if not any(shown):
        yield "there is no query to draw: both get every query right, or --count is 0"
    paths = []
    for query in every:
        paths += [query.query, *(p.path for p in (*query.a.predictions, *query.b.predictions))]
    gone = [path for path in dict.fromkeys(paths) if not Path(path).is_file()]
    if gone:
        yield (
            f"photos that are not there any more, so their places are empty: {len(gone)}, such as "
            f"{gone[0]} (a path without a leading / starts in the folder of the evaluation)"
        )
