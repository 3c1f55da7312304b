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
    head: str
    training: Training
    folder: RowFolder
    job: Job
    epochs: int  # that have been said
    start: float


def select(plan: Plan, only: Sequence[str]) -> list[Training]:
    """The trainings of some rows, in the plan's order; all of them where none is named.

    Args:
        plan: of the study.
        only: names of rows, or of tables, whose rows are then all meant; capitals do not matter.

    Raises:
        ConfigError: a name that is neither; says which there are.
    """
    wanted = set() if only else {one.fingerprint for one in plan.trainings}
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
    count = len(trainings)
    waiting = [
        (f"[{number}/{count}] {one.name}", one)
        for number, one in enumerate(trainings, 1)
        if not folder.row(one).is_done(one)
    ]
    if len(waiting) < count:
        say(f"{count - len(waiting)} of {count} trainings are done already")
    going: list[_Progress] = []
    seconds: list[float] = []
    done = True
    while waiting or going:
        while waiting and launcher.has_room():
            head, training = waiting.pop(0)
            started = _start(head, training, folder.row(training), launcher, say)
            if started is None:
                done = False
            else:
                going.append(started)
        for one in list(going):
            problem = one.job.ended()
            _say_epochs(one, say)
            if problem is None:
                continue
            going.remove(one)
            took = time.monotonic() - one.start
            if not _ended(one, problem, took, say):
                done = False
                continue
            seconds.append(took)
            if waiting:
                left = sum(seconds) / len(seconds) * len(waiting) / (len(going) + 1)
                say(f"  {len(waiting)} to go, about {duration(left)}")
        time.sleep(POLL)
    return done


def _start(
    head: str, training: Training, row: RowFolder, launcher: Launcher, say: Say
) -> _Progress | None:
    epochs = len(row.run.read_results().get("epochs", []))
    try:
        row.prepare(training)
        job = launcher.start(row, training)
    except TrainingError as error:
        say(f"{head}: {error}; left to it")
        return None
    say(f"{head}: goes on after epoch {epochs}" if epochs else head)
    return _Progress(head, training, row, job, epochs, time.monotonic())


def _say_epochs(one: _Progress, say: Say) -> None:
    """The lines of epochs that have finished since the last look."""
    epochs = one.folder.run.read_results().get("epochs", [])
    for record in epochs[one.epochs :]:
        say(f"  {one.training.name}: {epoch_line(record, one.training.config.fit.epochs)}")
    one.epochs = max(one.epochs, len(epochs))


def _ended(one: _Progress, problem: str, took: float, say: Say) -> bool:
    """Whether it is done; if not, why is said."""
    if problem:
        one.folder.update(state="failed", error=problem)
    record = one.folder.read()
    if record["state"] != "finished":
        say(f"{one.head}: {record['state'].upper()}: {record.get('error') or 'see log.txt'}")
        return False
    tests = one.folder.run.read_results()["tests"]
    found = "  ".join(f"{name} R@1 {test['recalls']['R@1']:.1f}" for name, test in tests.items())
    say(f"{one.head}: done in {duration(took)}  {found}")
    return True
