"""``beenhere compare``: where two models differ, query by query."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beenhere.cli.options import ADVANCED, Distance, Positive, Whole
from beenhere.cli.output import console, data_name, distinct_names, evaluation_folder
from beenhere.config.evaluation import ExtractConfig

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
    data: Path | None = None,
    protocol: str | None = None,
    database: Path | None = None,
    queries: Path | None = None,
    photos: Path | None = None,
    at: Positive = 1,
    threshold: Distance | None = None,
    count: Whole = 4,
    maps: Annotated[bool, Parameter(negative_bool="no-")] = True,
    out: Path | None = None,
    json: bool = False,
    seed: Annotated[Whole, ADVANCED] = 0,
    extract: Annotated[ExtractConfig, ADVANCED] = ExtractConfig(),
) -> None:
    """The queries that one model gets right and another wrong, counted and drawn.

    Without photos, the test sets are compared that both runs have in `tests/`. With photos, both
    models are evaluated on them as `beenhere eval` does, in the same folders: what was computed
    there is found again.

    Args:
        a: a run folder, a checkpoint, `offline-lite0`, or the folder of an evaluation.
        b: the one to compare with, given in the same ways.
        data: a folder with `database/` and `queries/`, or a published set as it comes.
        protocol: of a published set that has several [default: its first].
        database: photos that can be found; goes with `--queries`.
        queries: photos to find.
        photos: one folder of photos, each searched in the rest.
        at: N; a query is right if one of the first N photos found is.
        threshold: metres within which a photo is right [default: that of A's evaluation]; sets
            that list what is right have none.
        count: queries to draw of those that A alone gets right, and of those that B alone does.
        maps: draw what the models look at.
        out: folder for the results [default: comparisons/A-B].
        json: print compare.json instead of a table.
        seed: chooses the queries to draw.
        extract: how descriptors are computed.
    """
    from beenhere.evaluation.compare_runs import Contender
    from beenhere.evaluation.compare_runs import compare as compare_runs
    from beenhere.report import compare_folder

    sides = Contender.find(a), Contender.find(b)
    given = {"data": data, "database": database, "queries": queries, "photos": photos}
    new = any(given.values())
    names = distinct_names(*(Path(side.known_model if new else side.name) for side in sides))
    where = [data_name(data, database, queries, photos, protocol)] if new else []
    folder = out or Path("comparisons") / "-".join([*names, *where])
    compare_folder.check_free(folder)
    if new:
        folders = [evaluation_folder(name, *where) for name in names]
        for side, target in zip(sides, folders, strict=True):
            _evaluate(side, given, protocol, target, at, threshold, extract)
        found = compare_runs(*folders, at=at, threshold=threshold)
    else:
        found = compare_runs(*sides, at=at, threshold=threshold)
    device = extract.device if maps else None
    shown = [_choose(one, sides, count, seed, device) for one in found]
    pictures = compare_folder.write_comparison(folder, (a, b), list(zip(found, shown, strict=True)))
    if json:
        print((folder / compare_folder.RECORD).read_text(encoding="utf-8"), end="")
    else:
        _print(found, sides, shown, folder, pictures)


def _evaluate(
    side: "Contender",
    photos: dict[str, Path | None],
    protocol: str | None,
    folder: Path,
    at: int,
    threshold: float | None,
    extract: ExtractConfig,
) -> None:
    """Evaluate a model; an evaluation that is there is done again with its own options."""
    import json

    from beenhere.config import config_yaml
    from beenhere.config.evaluation import EvalConfig
    from beenhere.evaluation.evaluate import evaluate

    options = config_yaml.plain(EvalConfig())
    if threshold is not None:
        options["thresholds"] = [threshold]
    if (folder / "results.json").exists():
        options |= json.loads((folder / "results.json").read_text(encoding="utf-8"))["config"]
    options["recall_at"] = sorted({*options["recall_at"], at})
    options["extract"] = config_yaml.plain(extract)
    evaluate(side.known_model, **photos, protocol=protocol, out=folder, **options)


def _choose(
    found: "Differences",
    sides: "tuple[Contender, Contender]",
    count: int,
    seed: int,
    device: str | None,
) -> "list[ComparedQuery]":
    """Queries to draw; with similarity maps, computed on the device, unless it is None."""
    from beenhere.devices import choose_device
    from beenhere.report.compared_queries import compared_queries

    models = None
    if device is not None and count and (found.only_a | found.only_b).any():
        where = choose_device(device)
        models = sides[0].load(found.a, where), sides[1].load(found.b, where)
    return compared_queries(found, (sides[0].name, sides[1].name), models, count, seed)


def _print(
    found: "list[Differences]",
    sides: "tuple[Contender, Contender]",
    shown: "list[list[ComparedQuery]]",
    folder: Path,
    pictures: list[Path],
) -> None:
    from beenhere.evaluation.protocol import rule_in_words
    from beenhere.report.compare_folder import RECORD

    output = console()
    output.print(f"A: {sides[0].name}\nB: {sides[1].name}\n", markup=False)
    for one in found:
        sought = f"{one.a.queries.height} queries in {one.a.results['database']} photos"
        output.print(f"{one.name}: {sought}, {rule_in_words(one.threshold)}", markup=False)
        output.print(_table(one))
        output.print()
    for line in _notes(found, shown):
        output.print(line, markup=False)
    output.print(f"\nIn {folder}: {', '.join([RECORD, *(p.name for p in pictures)])}", markup=False)
    for picture in pictures:
        output.print(f"Look at {picture}", markup=False)


def _table(found: "Differences") -> "Table":
    from rich import box
    from rich.table import Table

    rows = found.by_condition()
    if len(rows) == 2 and rows[1].comparison.queries == rows[0].comparison.queries:
        rows = rows[1:]  # the one condition of all queries says nothing more
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("queries")
    measure = f"R@{found.at}"
    for heading in ("", "both", "only A", "only B", "neither", f"{measure} A", f"{measure} B"):
        table.add_column(heading, justify="right")
    table.add_column("A - B", justify="right")
    table.add_column("p", justify="right")
    for row in rows:
        pair = row.comparison
        counts = (pair.queries, row.both, pair.only_a, pair.only_b, row.neither)
        recalls = (f"{row.recall_a:.1f}", f"{row.recall_b:.1f}")
        difference = f"{pair.difference:+.1f} [{pair.low:+.1f}, {pair.high:+.1f}]"
        p = "< 0.001" if pair.p_value < 0.001 else f"{pair.p_value:.3f}"
        table.add_row(row.condition or "all", *map(str, counts), *recalls, difference, p)
    return table


def _notes(found: "list[Differences]", shown: "list[list[ComparedQuery]]") -> Iterator[str]:
    confidence = found[0].a.results["config"]["confidence"]
    yield (
        "both, only A, only B, neither: how many queries each gets right; R@N in percent; A - B in "
        f"points, [{100 * confidence:g}% bootstrap interval]; p: of McNemar's exact test, not "
        "corrected for the number of rows"
    )
    if not any(shown):
        yield "there is no query to draw: none is right by one model alone, or --count is 0"
    paths = [
        path
        for query in (query for queries in shown for query in queries)
        for path in (
            query.query,
            *(p.path for side in (query.a, query.b) for p in side.predictions),
        )
    ]
    gone = [path for path in dict.fromkeys(paths) if not Path(path).is_file()]
    if gone:
        yield (
            f"photos that are not there any more, so their places are empty: {len(gone)}, such as "
            f"{gone[0]} (a path without a leading / starts in the folder of the evaluation)"
        )
