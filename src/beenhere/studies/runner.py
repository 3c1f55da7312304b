"""Trains the rows that a study still lacks, and says how it goes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beenhere.errors import ConfigError, TrainingError
from beenhere.studies.folder import RowFolder, StudyFolder
from beenhere.studies.launchers import Job, Launcher
from beenhere.studies.plan import Plan, Training
from beenhere.training.run_folder import epoch_line
from beenhere.wording import duration

POLL = 0.2
"""Seconds between two looks at what goes on."""

Say = Callable[[str], None]


@dataclass
class _Progress:
    """Of a training that has been started; how many of its epochs have been told."""

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
        say: is called with each line, as it comes.

    Returns:
        Whether all of them are done now.
    """
    waiting = [
        (number, one) for number, one in enumerate(trainings, 1) if not folder.row(one).is_done(one)
    ]
    done, count = len(trainings) - len(waiting), len(trainings)
    if done:
        say(f"{done} of {count} trainings are done already")
    going: list[_Progress] = []
    seconds: list[float] = []
    failed = 0
    while waiting or going:
        while waiting and launcher.has_room():
            number, training = waiting.pop(0)
            started = _start(number, count, training, folder.row(training), launcher, say)
            if started is None:
                failed += 1
            else:
                going.append(started)
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
) -> _Progress | None:
    head = f"[{number}/{count}] {training.name}"
    epochs = len(row.run.read_results().get("epochs", []))
    try:
        row.prepare(training)
        job = launcher.start(row, training)
    except TrainingError as error:
        say(f"{head}: {error}; left to it")
        return None
    say(f"{head}: goes on after epoch {epochs}" if epochs else head)
    return _Progress(training, row, job, number, epochs, time.monotonic())


def _say_epochs(one: _Progress, say: Say) -> None:
    """The lines of epochs that have finished since the last look."""
    epochs = one.folder.run.read_results().get("epochs", [])
    for record in epochs[one.epochs :]:
        say(f"  {one.training.name}: {epoch_line(record, one.training.config.fit.epochs)}")
    one.epochs = max(one.epochs, len(epochs))


def _ended(one: _Progress, problem: str, count: int, took: float, say: Say) -> bool:
    if problem:
        one.folder.update(state="failed", error=problem)
    head = f"[{one.number}/{count}] {one.training.name}"
    record = one.folder.read()
    if record["state"] != "finished":
        say(f"{head}: {record['state'].upper()}: {record.get('error') or 'see log.txt'}")
        return False
    tests = one.folder.run.read_results()["tests"]
    found = "  ".join(f"{name} R@1 {test['recalls']['R@1']:.1f}" for name, test in tests.items())
    say(f"{head}: done in {duration(took)}  {found}")
    return True


def _say_rest(seconds: list[float], waiting: int, going: int, say: Say) -> None:
    if waiting:
        mean = sum(seconds) / len(seconds)
        rounds = waiting / max(1, going + 1)
        say(f"  {waiting} to go, about {duration(mean * rounds)}")
