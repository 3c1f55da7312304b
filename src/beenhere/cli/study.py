"""``beenhere study``: tables of trainings, from one command."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from beenhere.cli.study_tables import print_study
from beenhere.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from beenhere.studies.folder import StudyFolder
    from beenhere.studies.plan import Plan, Training
    from beenhere.studies.results import StudyResults

INTERRUPTED = 130
OUT = Path("beenhere-studies")


def run(
    study: str,
    /,
    *,
    data: str | None = None,
    only: Annotated[
        list[str], Parameter(negative="", consume_multiple=True, show_default=False)
    ] = [],  # noqa: B006
    seeds: int | None = None,
    set_: Annotated[list[str], Parameter(name="--set", negative="", show_default=False)] = [],  # noqa: B006
    parallel: int | None = None,
    launcher: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    out: Path = OUT,
    yes: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> None:
    """Train and test the rows of a study that are not done yet, and write its report.

    A study is tables whose rows are trainings that differ in an option or two; a data profile says
    on which photos. What is done is never done again, and a row that fails is reported while the
    others go on. Interrupted by Ctrl-C or a kill, the same command goes on. Rows that are the same
    training, in whatever table or study, share it. At the end: OUT/DATA/STUDY/report.html.

    Args:
        study: one that ships (paper, thresholds, growth, larger), a YAML file, or a folder with
            study.yaml.
        data: data profile: one that ships (demo, gsv-xs, gsv-cities) or a YAML file [default: the
            study's].
        only: rows or tables to do now, by the names that `beenhere study status` shows.
        seeds: trainings of each row [default: the study's].
        set_: an option for every row, such as `fit.workers=4`; may be repeated.
        parallel: trainings at once on this machine [default: one for each GPU, or one].
        launcher: local, on this machine; ray, as tasks of a Ray cluster.
        ray_address: of the cluster [default: RAY_ADDRESS, or a cluster of this machine].
        out: folder of all studies.
        yes: train rows again that have changed, without asking.
    """
    if seeds is not None and seeds < 1:
        raise ConfigError(f"--seeds is {seeds}; expected 1 or more")
    if parallel is not None and parallel < 1:
        raise ConfigError(f"--parallel is {parallel}; expected 1 or more")
    if launcher == "ray" and parallel is not None:
        raise ConfigError("--parallel is for --launcher local; Ray decides itself how many fit")
    if launcher == "local" and ray_address is not None:
        raise ConfigError("--ray-address is for --launcher ray")
    from beenhere.studies import runner
    from beenhere.studies.folder import StudyFolder

    plan = _plan(study, data, seeds, set_)
    folder = StudyFolder(out, plan.data, plan.study.name)
    trainings = runner.select(plan, only)
    _ask_about(folder.changed(plan), folder, yes)
    folder.write(plan, _again(study, data, seeds, set_))
    rows = sum(len(table.rows) for table in plan.tables)
    _say(
        f"{plan.study.file.title or plan.study.name}, on {plan.profile.title}: {len(plan.tables)} "
        f"table{'s' if len(plan.tables) > 1 else ''}, {rows} rows, {len(plan.trainings)} different "
        "trainings"
    )
    command = shlex.join(["beenhere", *sys.argv[1:]])  # as it was given
    try:
        done = _train(plan, folder, trainings, launcher, parallel, ray_address)
    except KeyboardInterrupt:
        print(f"\ninterrupted; go on with: {command}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    results = folder.results()
    print_study(results)
    _write_report(results, folder)
    if not done:
        raise TrainingError(
            "not every row is done, see above; when that is mended, the same command does the "
            f"others: {command}"
        )


def status(study: str, /, *, data: str | None = None, out: Path = OUT) -> None:
    """How far each row of a study is, and what was found.

    Args:
        study: as for `beenhere study run`.
        data: as for `beenhere study run` [default: the one that the study was run with].
        out: folder of all studies.
    """
    folder = _folder(study, data, out)
    print_study(folder.results())
    _say_if_old(folder)


def report(study: str, /, *, data: str | None = None, out: Path = OUT) -> None:
    """Write the report of a study: a page to open, and its tables as CSV, Markdown and LaTeX.

    They are written to OUT/DATA/STUDY/: report.html, and tables/ with three files a table.

    Args:
        study: as for `beenhere study run`.
        data: as for `beenhere study run` [default: the one that the study was run with].
        out: folder of all studies.
    """
    folder = _folder(study, data, out)
    _write_report(folder.results(), folder)
    _say_if_old(folder)


def _plan(study: str, data: str | None, seeds: int | None, assignments: list[str]) -> "Plan":
    from beenhere.studies.data_profile import read_profile
    from beenhere.studies.photos import StudyPhotos
    from beenhere.studies.plan import make_plan
    from beenhere.studies.study import read_study

    read = read_study(study)
    wanted = data or read.file.data
    if wanted is None:
        raise ConfigError(
            f"{read.path} does not say what to train on; give --data demo, --data gsv-xs, or a "
            "YAML file"
        )
    name, profile = read_profile(wanted)
    if profile.city is not None:
        from beenhere.datasets.city import write_city

        write_city(profile.city_folder, profile.city, what="photos of the city")
    return make_plan(read, name, profile, StudyPhotos(), seeds, assignments)


def _train(
    plan: "Plan",
    folder: "StudyFolder",
    trainings: list["Training"],
    kind: str,
    parallel: int | None,
    ray_address: str | None,
) -> bool:
    from beenhere.studies import runner
    from beenhere.studies.launchers import Launcher, LocalLauncher, ending

    launcher: Launcher
    if kind == "ray":
        from beenhere.studies.ray_launcher import RayLauncher

        launcher = RayLauncher(ray_address)
    else:
        launcher = LocalLauncher(parallel, max(one.config.fit.devices for one in trainings))
    with ending(launcher):
        return runner.run(trainings, folder, launcher, _say)


def _ask_about(changed: list[str], folder: "StudyFolder", yes: bool) -> None:
    """Rows whose options are others than when they were trained."""
    if not changed or yes:
        return
    many = len(changed) > 1
    print(
        f"{len(changed)} row{'s have' if many else ' has'} changed:",
        *changed,
        sep="\n  ",
        file=sys.stderr,
    )
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{'these rows have' if many else 'this row has'} changed since the last training; add "
            f"--yes to train again (what was trained stays in {folder.runs}), or change it back"
        )
    answer = input(f"Train again? What was trained stays in {folder.runs}. [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        sys.exit(0)


def _folder(study: str, data: str | None, out: Path) -> "StudyFolder":
    """Where a study is, on the data named or the only ones it was run with."""
    from beenhere.studies.data_profile import read_profile
    from beenhere.studies.folder import StudyFolder
    from beenhere.studies.study import read_study

    name = read_study(study).name
    if data is not None:
        folder = StudyFolder(out, read_profile(data)[0], name)
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
        print(
            "The study's file has changed since it was run; this is what was run. "
            "`beenhere study run` takes up the change.",
            file=sys.stderr,
        )


def _write_report(results: "StudyResults", folder: "StudyFolder") -> None:
    from beenhere.report.compared_queries import compared_rows
    from beenhere.report.study_page import write_page
    from beenhere.report.study_tables import write_tables

    tables = write_tables(results, folder.path)
    page = write_page(results, folder.path, compared_rows(results))
    _say(f"Look at {page}")
    _say(f"Tables  {tables[0].parent}: CSV, Markdown, LaTeX")


def _say(text: str) -> None:
    print(text, flush=True)
