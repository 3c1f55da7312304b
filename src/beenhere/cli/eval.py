"""``beenhere eval``: how good a model is, on a benchmark or on one's own photos."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beenhere.cli.output import (
    check_output_folder,
    console,
    evaluation_folder,
    few,
    figures_table,
    note_lines,
    say,
    short_name,
    tell,
)
from beenhere.cli.parameters import (
    ADVANCED,
    NO_PHOTOS,
    OPTION_OF,
    Assignments,
    EvaluationPhotos,
    Out,
    Parts,
    Whole,
    show_last,
    show_options,
)
from beenhere.config.evaluation import EvalConfig
from beenhere.config.own_parts import name_parts

if TYPE_CHECKING:
    from rich.table import Table

    from beenhere.evaluation.evaluation_results import Evaluation

_ALL = " (all in results.json)"

show_last(EvalConfig, but=("recall_at", "thresholds"))
show_options(EvalConfig, Parameter(consume_multiple=True), "recall_at", "thresholds")
show_options(EvalConfig, Parameter(name=f"--{OPTION_OF['thresholds']}"), "thresholds")


def evaluate(
    model: str,
    /,
    *,
    on: EvaluationPhotos = NO_PHOTOS,
    leave_one_out: bool = False,
    out: Out | None = None,
    panels: Whole = 0,
    json: bool = False,
    batch_check: Annotated[bool, ADVANCED] = False,
    config: Annotated[EvalConfig, Parameter(name="*")] = EvalConfig(),
    set_: Annotated[Assignments, ADVANCED] = (),
    parts: Parts = (),
) -> None:
    """Recall@N of a model on a database and queries, or on one folder of photos.

    Photos are folders (with positions in file names or EXIF), or CSV or Parquet tables; see
    `beenhere data show`. Descriptors are computed once: another N or another distance takes
    seconds, and an interrupted evaluation goes on where it was.

    Args:
        model: one by name, such as `megaloc` (`beenhere model list` has them all) or
            `offline-lite0`, which needs no training; a checkpoint or run folder; or a function of
            your own as `my_module:network`.
        on: the photos.
        leave_one_out: search each photo of `--photos` in the rest; goes with it.
        out: folder for the results [default: evaluations/MODEL-DATA].
        panels: how many queries to draw with what was found for each, wrong ones first.
        json: print results.json instead of a table.
        batch_check: describe some queries alone and in shuffled batches, and say whether it makes a
            difference, as it does with models that look across a batch.
        config: the options of an evaluation.
        set_: an option by name, such as `extract.batch_size=16`; may be repeated.
    """
    from beenhere.config import config_yaml
    from beenhere.errors import ConfigError
    from beenhere.evaluation.evaluate import evaluate as evaluate_paths

    name_parts(parts)
    if leave_one_out != (on.photos is not None):
        raise ConfigError(
            "--photos and --leave-one-out go together (each photo is searched in the rest); "
            "for photos to be found in others give --database and --queries, or --data"
        )
    options = config_yaml.plain(config_yaml.assign(config, set_))
    folder = out or evaluation_folder(short_name(Path(model)), on.name)
    check_output_folder(out, "--json prints the results, for a file as > results.json")
    result = evaluate_paths(model, **vars(on), out=folder, **options)
    pictures = _draw(result, model, folder, panels) if panels else []
    if json:
        print((folder / "results.json").read_text(encoding="utf-8"), end="")
    else:
        _print(result, model, folder, pictures)
    if batch_check:
        say(_batches(model, [*result.query_table["query"]], config))


def _batches(model: str, queries: list[str], config: EvalConfig) -> str:
    from beenhere.devices import choose_device
    from beenhere.evaluation.batch_check import batch_check
    from beenhere.models import load_model

    found = batch_check(load_model(model, choose_device(config.extract.device)), queries)
    same = f"{found.photos} queries alone and in batches (lowest cosine {found.lowest_cosine:.7f}"
    if not found.depends:
        return f"{same}): the same descriptors"
    return (
        f"{same}, {found.photo}): the descriptors depend on what else is in a batch, so recall "
        "depends on the order of the queries and is another one for single photos"
    )


def _draw(result: "Evaluation", model: str, folder: Path, count: int) -> list[Path]:
    from beenhere.evaluation.protocol import rule_in_words
    from beenhere.report import panels

    threshold = result.recalls[0].threshold
    title = (
        f"first photo wrong for {panels.count_wrong(result)} of {result.queries} queries, which "
        f"come first; {rule_in_words(threshold, result.by)}; {result.name}, found by {model}"
    )
    for page in folder.glob("matches-page-[0-9]*.jpg"):
        page.unlink()  # of a picture that had more
    chosen = panels.choose_panels(result, count, wrong_first=True)
    return panels.draw_panels(chosen, folder / "matches.jpg", title)


def _print(result: "Evaluation", model: str, folder: Path, pictures: Sequence[Path]) -> None:
    sought = f"{result.queries} queries in {result.database} photos"
    if result.data["queries"] == result.data["database"]:
        sought = f"each of {result.queries} photos in the rest"
    tell(f"{result.name}: {sought}, by {model}", "")
    for table in _recall_tables(result):
        console().print(table, end="\n\n")
    tell(*_notes(result))
    tell("", f"In {folder}: results.json, predictions.parquet, descriptors")
    for picture in pictures:
        tell(f"Look at {picture}")
    if not pictures:
        print("To look at the matches, add --panels 10")


def _recall_tables(result: "Evaluation") -> Iterator["Table"]:
    """One table with a column a condition; one a condition where there are several thresholds."""
    from beenhere.evaluation.protocol import in_words

    thresholds = list(dict.fromkeys(one.threshold for one in result.recalls))
    conditions = list(dict.fromkeys(one.condition for one in result.recalls))
    if len(conditions) == 2 and _queries(result, conditions[1]) == result.queries:
        conditions = conditions[1:]  # the one condition of all queries says nothing more
    titles = {each: f"{each or 'all'} ({_queries(result, each)})" for each in conditions}
    if len(thresholds) == 1:
        columns = {title: (thresholds[0], each) for each, title in titles.items()}
        yield _table(result, in_words(thresholds[0], result.by), columns)
        return
    for condition, title in titles.items():
        yield _table(result, title, {in_words(t, result.by): (t, condition) for t in thresholds})


def _table(
    result: "Evaluation", title: str, columns: dict[str, tuple[float | None, str | None]]
) -> "Table":
    rows = []
    for n in dict.fromkeys(one.at for one in result.recalls):
        found = [result.measured(n, *column) for column in columns.values()]
        rows.append([f"R@{n}", *(f"{r.percent:.1f} [{r.low:.1f}, {r.high:.1f}]" for r in found)])
    return figures_table([title], list(columns), rows)


def _what(result: "Evaluation") -> str:
    return {"position": "a position", "xy": "x and y", "frame": "a frame number"}.get(result.by, "")


def _queries(result: "Evaluation", condition: str | None) -> int:
    return next(one.queries for one in result.recalls if one.condition == condition)


def _notes(result: "Evaluation") -> Iterator[str]:
    from beenhere.evaluation.protocol import in_words

    confidence = result.config["confidence"]
    yield (
        "R@N: percent of all queries with a right photo among the first N found, "
        f"[{100 * confidence:g}% bootstrap interval]"
    )
    sure = {
        f"{one.percent:.1f} of {one.queries} queries [{one.wilson_low:.1f}, {one.wilson_high:.1f}]"
        for one in result.recalls
        if one.low == one.high
    }
    if sure:
        yield (
            "where all queries are right, or none, the bootstrap sees no doubt; Wilson's interval, "
            f"in results.json: {'; '.join(sorted(sure))}"
        )
    listed = None in result.without_positive
    nowhere = [] if listed else result.without_position
    for threshold, paths in result.without_positive.items():
        far = [path for path in paths if path not in set(nowhere)]
        if far:
            within = in_words(threshold, result.by)
            yield f"without a photo {within}, so never right: {few(far, _ALL)}"
    if listed and result.by == "place":
        yield "photos of a place of the same name are right; --within does not apply"
    elif listed:
        yield "lists say which photos are right here, so --within does not apply"
    if nowhere:
        yield f"queries without {_what(result)}, so never right: {few(nowhere, _ALL)}"
    fates = {
        ("unreadable", "queries"): "queries that cannot be read, counted as not found",
        ("unreadable", "database"): "database photos that cannot be read, left out",
        ("unusable", "queries"): "files among the queries that are no usable photo, left out",
        ("unusable", "database"): "files in the database that are no usable photo, left out",
    }
    for (kind, side), fate in fates.items():
        photos = getattr(result, kind)[side]
        if photos:
            yield f"{fate}: {few(photos, _ALL)}"
    yield from note_lines(dict.fromkeys(chain(*result.notes.values())))
    timing = result.timing
    computed = "all descriptors were there already"
    if (speed := timing.images_per_second) is not None:
        computed = f"{timing.images_computed} photos described, {speed:.0f} a second"
    yield f"{computed}; search {timing.search_milliseconds_per_query:.2g} ms a query"
