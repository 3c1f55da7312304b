"""``beenhere study``: tables of trainings or of models, from one command."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from beenhere.cli.output import console, figures_table, leave_interrupted, say, tell
from beenhere.cli.parameters import ADVANCED, Assignments, Parts, Positive
from beenhere.errors import ConfigError, TrainingError
from beenhere.wording import count

if TYPE_CHECKING:
    from rich.table import Table

    from beenhere.report.study_figures import RowFigures, TableFigures
    from beenhere.studies.folder import StudyFolder
    from beenhere.studies.plan import Plan, Training
    from beenhere.studies.results import Row, StudyResults

OUT = Path("beenhere-studies")

Several = Annotated[Sequence[str], Parameter(consume_multiple=True)]

NS = (1, 5)
"""Each N that the tables show; the report has all."""


def run(
    study: str,
    /,
    *,
    data: str | None = None,
    only: Several = (),
    models: Several = ("here",),
    sets: Several = ("here",),
    seeds: Positive | None = None,
    out: Path = OUT,
    yes: bool = False,
    set_: Assignments = (),
    parallel: Annotated[Positive | None, ADVANCED] = None,
    launcher: Annotated[Literal["local", "ray"], ADVANCED] = "local",
    ray_address: Annotated[str | None, ADVANCED] = None,
) -> None:
    """Train and test the rows of a study that are not done yet, and write its report.

    A study is tables whose rows are trainings that differ in an option or two; a data profile says
    on which photos. What is done is never done again, and a row that fails is reported while the
    others go on. Interrupted by Ctrl-C or a kill, the same command goes on. Rows that are the same
    training, in whatever table or study, share it. At the end: OUT/DATA/STUDY/report.html.

    The study `published` trains nothing: its rows are models as they are, with a table for each
    published set. What others published of them stands beside.

    Args:
        study: one that ships (paper, thresholds, growth, larger, published), a YAML file, or a
            folder with study.yaml.
        data: data profile: one that ships (demo, gsv-xs, gsv-cities) or a YAML file [default: the
            study's]; of `published` the folder that sets lie in [default: data].
        only: rows or tables to do now, by the names that `beenhere study status` shows.
        models: of `published`: names or paths; `here` stands for the built-in models and the
            published ones whose weights are on this machine.
        sets: of `published`: names or folders; `here` stands for all sets in `--data`.
        seeds: trainings of each row [default: the study's].
        out: folder of all studies.
        yes: train rows again that have changed, without asking.
        set_: an option for every row, such as `fit.workers=4` (of `published`, which only
            measures, `extract.batch_size=16`); may be repeated.
        parallel: trainings at once on this machine [default: one for each GPU, or one].
        launcher: local, on this machine; ray, as tasks of a Ray cluster.
        ray_address: address of the cluster [default: RAY_ADDRESS, or a cluster of this machine].
    """
    if study == "published":
        if only or seeds or parallel or launcher != "local":
            raise ConfigError(
                "--only, --seeds, --parallel and --launcher are for studies that train; published "
                "has --models and --sets"
            )
        _measure(models, sets, Path(data or "data").expanduser(), out, set_)
        return
    if (*models, *sets) != ("here", "here"):
        raise ConfigError("--models and --sets are for the study published; others have --only")
    if launcher == "ray" and parallel is not None:
        raise ConfigError("--parallel is for --launcher local; Ray decides itself how many fit")
    if launcher == "local" and ray_address is not None:
        raise ConfigError("--ray-address is for --launcher ray")
    from beenhere.config.own_parts import name_parts
    from beenhere.studies import runner
    from beenhere.studies.folder import StudyFolder

    plan = _plan(study, data, seeds, set_)
    for training in plan.trainings:
        name_parts(training.config.model.own_modules)  # as the study's own file does
    folder = StudyFolder(out, plan.data, plan.study.name)
    trainings = runner.select(plan, only)
    if not yes:
        _ask_about(folder.changed(plan), folder)
    folder.write(plan, _again(study, data, seeds, set_))
    rows = sum(len(table.rows) for table in plan.tables)
    tell(
        f"{plan.study.file.title or plan.study.name}, on {plan.profile.title}: "
        f"{count(len(plan.tables), 'table')}, {count(rows, 'row')}, "
        f"{count(len(plan.trainings), 'different training')}",
    )
    work = partial(_train, plan, folder, trainings, launcher, parallel, ray_address)
    _carry_out(work, folder)


def _measure(
    models: Sequence[str], sets: Sequence[str], data: Path, out: Path, assignments: Sequence[str]
) -> None:
    """Run the study ``published``."""
    from beenhere.config import config_yaml
    from beenhere.studies import published
    from beenhere.studies.folder import StudyFolder

    config = config_yaml.assign(published.DEFAULTS, assignments)
    rows, tables = published.models_of(models), published.sets_of(sets, data)
    folder = StudyFolder(out, data.resolve().name, published.NAME)
    tell(f"{count(len(rows), 'model')} on {'; '.join(one.title for one in tables)}")
    if published.HERE in models:
        tell("Others' weights are not here: beenhere model list, then beenhere model get NAME")
    if published.HERE in sets:
        tell(f"More sets: beenhere data list, then beenhere data get NAME --to {data}")
    command, say_it = shlex.join(["beenhere", *sys.argv[1:]]), partial(print, flush=True)
    work = partial(published.measure, rows, tables, config, folder, command, say_it)
    _carry_out(work, folder)


def _carry_out(work: Callable[[], bool], folder: "StudyFolder") -> None:
    command = shlex.join(["beenhere", *sys.argv[1:]])  # as it was given
    try:
        done = work()
    except KeyboardInterrupt:
        leave_interrupted(f"go on with: {command}")
    results = folder.results()
    _print_study(results)
    _write_report(results, folder)
    if not done:
        raise TrainingError(
            "not every row is done, see above; when that is mended, the same command does the "
            f"others: {command}"
        )


def status(study: str, /, *, data: str | None = None, out: Path = OUT) -> None:
    """How far each row of a study is, and its figures so far.

    Args:
        study: the study, as it was given to `beenhere study run`.
        data: its data profile [default: the only one that it was run with].
        out: folder of all studies.
    """
    folder = _folder(study, data, out)
    _print_study(folder.results())
    _say_if_old(folder)


def report(study: str, /, *, data: str | None = None, out: Path = OUT, parts: Parts = ()) -> None:
    """Write the report of a study: a page to open, and its tables as CSV, Markdown and LaTeX.

    They are written to OUT/DATA/STUDY/: report.html, and tables/ with three files a table.

    Args:
        study: the study, as it was given to `beenhere study run`.
        data: its data profile [default: the only one that it was run with].
        out: folder of all studies.
    """
    from beenhere.config.own_parts import name_parts

    name_parts(parts)
    folder = _folder(study, data, out)
    _write_report(folder.results(), folder)
    _say_if_old(folder)


def _plan(study: str, data: str | None, seeds: int | None, assignments: Sequence[str]) -> "Plan":
    from beenhere.studies.plan import make_plan
    from beenhere.studies.study import read_profile, read_study

    read = read_study(study)
    wanted = data or read.file.data
    if wanted is None:
        raise ConfigError(
            f"{read.path} does not say what to train on; give --data demo, --data gsv-xs, or a "
            "YAML file"
        )
    name, profile = read_profile(wanted)
    if profile.city is not None:
        from beenhere.city import write_city

        write_city(profile.city_folder, profile.city, what="photos of the city")
    return make_plan(read, name, profile, seeds, assignments)


def _train(
    plan: "Plan",
    folder: "StudyFolder",
    trainings: list["Training"],
    kind: str,
    parallel: int | None,
    ray_address: str | None,
) -> bool:
    from beenhere.studies import runner
    from beenhere.studies.launchers import Launcher, LocalLauncher, RayLauncher

    launcher: Launcher
    if kind == "ray":
        launcher = RayLauncher(ray_address)
    else:
        launcher = LocalLauncher(parallel, max(one.config.fit.devices for one in trainings))
    with closing(launcher):
        return runner.run(trainings, folder, launcher, partial(print, flush=True))


def _ask_about(changed: list[str], folder: "StudyFolder") -> None:
    """Rows whose options are others than when they were trained."""
    if not changed:
        return
    these, have = ("this row", "has") if len(changed) == 1 else ("these rows", "have")
    tell(
        f"{count(len(changed), 'row')} {have} changed:",
        *(f"  {row}" for row in changed),
        file=sys.stderr,
    )
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{these} {have} changed since the last training; add --yes to train again (what was "
            f"trained stays in {folder.runs}), or change it back"
        )
    answer = input(f"Train again? What was trained stays in {folder.runs}. [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        sys.exit(0)


def _folder(study: str, data: str | None, out: Path) -> "StudyFolder":
    """Where a study is, on the data named or the only ones it was run with."""
    from beenhere.studies.folder import StudyFolder
    from beenhere.studies.study import read_profile, read_study

    name = study if study == "published" else read_study(study).name
    if data is not None:
        here = Path(data).resolve().name if study == "published" else read_profile(data)[0]
        folder = StudyFolder(out, here, name)
        if not folder.description.exists():
            raise ConfigError(
                f"study {study!r} was not run with --data {data} (in {out}); start it with: "
                f"{_again(study, data)}"
            )
        return folder
    found = sorted(path.parent.parent.name for path in out.glob(f"*/{name}/study.json"))
    if len(found) != 1:
        which = f"was run with {', '.join(found)}: say which by --data" if found else "was not run"
        raise ConfigError(f"study {study!r} {which} (in {out}); start it with: {_again(study)}")
    return StudyFolder(out, found[0], name)


def _again(
    study: str, data: str | None = None, seeds: int | None = None, assignments: Sequence[str] = ()
) -> str:
    """The command that runs all of a study."""
    options = [("--data", data), ("--seeds", seeds), *(("--set", text) for text in assignments)]
    given = [str(part) for name, value in options if value is not None for part in (name, value)]
    return shlex.join(["beenhere", "study", "run", study, *given])


def _say_if_old(folder: "StudyFolder") -> None:
    if folder.is_older_than_files():
        say(
            "the study's file has changed since it was run; this is what was run. "
            "'beenhere study run' takes up the change"
        )


def _write_report(results: "StudyResults", folder: "StudyFolder") -> None:
    from beenhere.report.compared_queries import compared_rows
    from beenhere.report.study_page import write_page
    from beenhere.report.study_tables import write_tables

    tables = write_tables(results, folder.path)
    page = write_page(results, folder.path, compared_rows(results))
    tell(f"Look at {page}")
    tell(f"Tables  {tables[0].parent}: CSV, Markdown, LaTeX")


def _print_study(results: "StudyResults") -> None:
    """Every table, and a legend of its figures."""
    from beenhere.report.study_figures import all_figures

    output = console()
    tell("", f"{results.title}, on {results.data_title}")
    for figures in all_figures(results):
        print()
        output.print(_table(results, figures))
        for name in figures.facts(texts=True):
            said = ((row.name, row.row.facts.get(name)) for row in figures.rows)
            tell(*(f"{model}: {name}: {text}" for model, text in said if text))
    tell(*_legend(results))
    if results.caveat:
        output.print(f"\n{results.caveat}", markup=False, soft_wrap=False)
    for line in _problems(results):
        tell(line)


def _legend(results: "StudyResults") -> Iterator[str]:
    yield ""
    yield (
        f"R@N: percent of all queries with a photo {results.right_in_words} among the "
        f"first N found [{100 * results.confidence:g}% bootstrap interval]"
    )
    yield "* cannot be told from the best of the table (paired test on the same queries, Holm)"
    if any(len(row.runs) > 1 for row in results.rows):
        yield "±: standard deviation over seeds"
    if any(row.facts for row in results.rows):
        yield "published R@1: by its own protocol, not measured here; MB: of the weights"
    if any(row.published for row in results.rows):
        yield "in brackets: what was published"


def _table(results: "StudyResults", figures: "TableFigures") -> "Table":
    title = f"{figures.table.title} ({figures.table.name})"
    from beenhere.report.study_tables import fact_text

    tests, ns = list(results.tests), list(NS)
    if of_models := any(row.row.facts for row in figures.rows):  # of one set each
        tests, ns = [figures.table.name], list(results.recall_at)
    named = ("" if of_models else f"{test} " for test in tests)
    headings = [f"{name if n == ns[0] else ''}R@{n}" for name in named for n in ns]
    facts, rows = figures.facts(texts=False), []
    for row in figures.rows:
        cells = [_recall(row, test, n) for test in tests for n in ns]
        known = [fact_text(row.row.facts.get(name)) or "-" for name in facts]
        rows.append([row.name, *cells, *known, _state(row.row)])
    return figures_table([title], [*headings, *facts, "state"], rows)


def _recall(row: "RowFigures", test: str, n: int) -> str:
    """Such as ``51.7* [48.5, 54.8] (51.7)``; the interval and the mark of R@1 alone."""
    found = row.measured.get(test, {}).get(n)
    published = row.published.get(test, {}).get(n)
    parts = ["-" if found is None else f"{found.percent:.1f}"]
    if found is not None and n == NS[0]:
        mark = "*" if found.among_best else " "
        spread = "" if found.sd is None else f" ± {found.sd:.1f}"
        parts = [f"{found.percent:.1f}{mark} [{found.low:.1f}, {found.high:.1f}]{spread}"]
    if published is not None:
        parts.append(f"({published.percent:.1f})")
    return " ".join(parts)


def _state(row: "Row") -> str:
    """Such as ``finished``, ``2 of 3 finished``, ``running, epoch 4 of 10``."""
    states = [run.state for run in row.runs]
    if row.facts:
        return states[0]
    if len(set(states)) > 1:
        return f"{states.count('finished')} of {len(states)} finished"
    first = row.runs[0]
    if len(states) == 1 and states[0] in ("running", "interrupted"):
        return f"{states[0]}, epoch {len(first.epochs)} of {first.options['fit']['epochs']}"
    return states[0]


def _problems(results: "StudyResults") -> Iterator[str]:
    """Rows that failed, and why; a training that rows share is named once."""
    seen = set()
    for row in results.rows:
        for run in row.runs:
            if run.state == "failed" and run.folder not in seen:
                seen.add(run.folder)
                yield from ("", f"{row.name} failed: {run.error}")
