"""Trains what a study still lacks, and says how it goes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beenhere.errors import ConfigError, TrainingError
from beenhere.studies.folder import RowFolder, StudyFolder
from beenhere.studies.launchers import Job, Launcher
from beenhere.studies.plan import Plan, Training
from beenhere.training.run_folder import epoch_line

POLL = 0.2
"""Seconds between two looks at what goes on."""

Say = Callable[[str], None]


@dataclass
class _Going:
    training: Training
    folder: RowFolder
    job: Job
    number: int
    epochs: int
    start: float


def select(plan: Plan, only: Sequence[str]) -> list[Training]:
    """The trainings of some rows, in the plan's order; all of them where none is named.

    Args:
        plan: of the study.
        only: names of rows, or of tables, whose rows are then all meant; capitals do not matter.

    Raises:
        ConfigError: a name that is neither; says which there are.
    """
    if not only:
        return list(plan.trainings)
    wanted: set[str] = set()
    for name in only:
        found = {
            one.fingerprint
            for table in plan.tables
            for row in table.rows
            if name.casefold() in (row.name.casefold(), table.table.name, table.title.casefold())
            for one in row.trainings
        }
        if not found:
            rows = "; ".join(
                f"{table.table.name}: {', '.join(repr(row.name) for row in table.rows)}"
                for table in plan.tables
            )
            raise ConfigError(f"--only {name!r} is no row and no table; there are {rows}")
        wanted |= found
    return [one for one in plan.trainings if one.fingerprint in wanted]


def run(trainings: Sequence[Training], folder: StudyFolder, launcher: Launcher, say: Say) -> bool:
    """Train and test what is not done yet, and go on after what fails.

    Args:
        trainings: of a plan.
        folder: of the study.
        launcher: where they run; it is not stopped here.
        say: is told each line, as it comes.

    Returns:
        Whether all of them are done now.
    """
    waiting = [
        (number, one) for number, one in enumerate(trainings, 1) if not folder.row(one).is_done(one)
    ]
    done, count = len(trainings) - len(waiting), len(trainings)
    if done:
        say(f"{done} of {count} trainings are done already")
    going: list[_Going] = []
    seconds: list[float] = []
    failed = 0
    while waiting or going:
        while waiting and launcher.has_room():
            number, training = waiting.pop(0)
            going_on = _start(number, count, training, folder.row(training), launcher, say)
            if going_on is None:
                failed += 1
            else:
                going.append(going_on)
        for one in list(going):
            problem = one.job.ended()
            _say_epochs(one, say)
            if problem is None:
                continue
            going.remove(one)
            took = time.monotonic() - one.start
            if _ended(one, problem, count, took, say):
                seconds.append(took)
                _say_rest(seconds, len(waiting), len(going), say)
            else:
                failed += 1
        time.sleep(POLL)
    return failed == 0


def _start(
    number: int, count: int, training: Training, row: RowFolder, launcher: Launcher, say: Say
) -> _Going | None:
    head = f"[{number}/{count}] {training.name}"
    epochs = len(row.run.read_results().get("epochs", []))
    row.prepare(training)
    try:
        job = launcher.start(row, training)
    except TrainingError as error:
        say(f"{head}: {error}; left to it")
        return None
    say(f"{head}: goes on after epoch {epochs}" if epochs else head)
    return _Going(training, row, job, number, epochs, time.monotonic())


def _say_epochs(one: _Going, say: Say) -> None:
    """The lines of epochs that have finished since the last look."""
    epochs = one.folder.run.read_results().get("epochs", [])
    for record in epochs[one.epochs :]:
        say(f"  {one.training.name}: {epoch_line(record, one.training.config.fit.epochs)}")
    one.epochs = max(one.epochs, len(epochs))


def _ended(one: _Going, problem: str, count: int, took: float, say: Say) -> bool:
    if problem:
        one.folder.update(state="failed", error=problem)
    head = f"[{one.number}/{count}] {one.training.name}"
    record = one.folder.read()
    if record["state"] != "finished":
        say(f"{head}: {record['state'].upper()}: {record.get('error') or 'see log.txt'}")
        return False
    tests = one.folder.run.read_results()["tests"]
    found = "  ".join(f"{name} R@1 {test['recalls']['R@1']:.1f}" for name, test in tests.items())
    say(f"{head}: done in {minutes(took)}  {found}")
    return True


def _say_rest(seconds: list[float], waiting: int, going: int, say: Say) -> None:
    if waiting:
        mean = sum(seconds) / len(seconds)
        rounds = waiting / max(1, going + 1)
        say(f"  {waiting} to go, about {minutes(mean * rounds)}")


def minutes(seconds: float) -> str:
    """Such as ``41 s``, ``12 min`` or ``3 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 120 else f"{whole // 60} h {whole % 60} min"
