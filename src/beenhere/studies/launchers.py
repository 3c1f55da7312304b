"""Where the trainings of a study run: processes of this machine, or tasks of a Ray cluster."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from beenhere.devices import cores
from beenhere.errors import ConfigError
from beenhere.studies.folder import RowFolder
from beenhere.studies.plan import Training

PATIENCE = 20.0
"""Seconds for a process to write down what it has, after an interrupt."""


class Job(Protocol):
    """A training that has been started."""

    def ended(self) -> str | None:
        """None while it goes on; else what went wrong outside of it, or an empty text."""


class Launcher(Protocol):
    """Starts trainings, and ends them all when a person interrupts."""

    def has_room(self) -> bool:
        """Whether another one may start now."""

    def start(self, folder: RowFolder, training: Training) -> Job:
        """Start one; its folder is prepared.

        Raises:
            TrainingError: another process trains it.
        """

    def stop(self) -> None:
        """Interrupt all that go on, and wait until they have ended."""


def spawn(
    folder: RowFolder, environment: dict[str, str], patience: float = 0
) -> subprocess.Popen[bytes]:
    """A process that trains what a folder says; it ends when this one does, however this ends.

    Args:
        folder: prepared.
        environment: variables to add.
        patience: seconds to wait for another process that trains it.

    Raises:
        TrainingError: another process trains it.
    """
    with folder.claimed(patience) as lock, folder.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "beenhere.studies.work", str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            pass_fds=() if os.name == "nt" else (lock.fileno(),),
            start_new_session=True,  # Ctrl-C reaches it through us, once
        )


def why_ended(code: int, folder: RowFolder) -> str:
    """What an exit code says, in words; empty where all was well."""
    if code == 0:
        return ""
    if code < 0:
        name = signal.Signals(-code).name
        hint = "; perhaps memory ran out" if -code == signal.SIGKILL else ""
        return f"its process was ended by {name}{hint}; {folder.log} has what it said"
    return f"its process ended with exit code {code}; {folder.log} has what it said"


class LocalJob:
    """A process of this machine, in a slot."""

    def __init__(self, process: subprocess.Popen[bytes], folder: RowFolder, slot: int) -> None:
        self.process, self.folder, self.slot = process, folder, slot

    def ended(self) -> str | None:
        """See :class:`Job`."""
        code = self.process.poll()
        if code is None:
            return None
        assert self.process.stdin is not None
        self.process.stdin.close()
        return why_ended(code, self.folder)


class LocalLauncher:
    """A number of processes at once, each with GPUs of its own or its part of the cores.

    Args:
        at_once: how many; None: as many as there are GPUs for, one where there are none.
        devices: GPUs that one training takes.

    Raises:
        ConfigError: more at once than there are GPUs for.
    """

    def __init__(self, at_once: int | None, devices: int) -> None:
        self._slots = _slots(at_once, devices)
        self._jobs: list[LocalJob] = []

    def has_room(self) -> bool:
        """See :class:`Launcher`."""
        self._jobs = [job for job in self._jobs if job.ended() is None]
        return len(self._jobs) < len(self._slots)

    def start(self, folder: RowFolder, training: Training) -> LocalJob:
        """See :class:`Launcher`."""
        taken = {job.slot for job in self._jobs}
        slot = next(slot for slot in range(len(self._slots)) if slot not in taken)
        job = LocalJob(spawn(folder, self._slots[slot]), folder, slot)
        self._jobs.append(job)
        return job

    def stop(self) -> None:
        """See :class:`Launcher`."""
        for job in self._jobs:
            job.process.send_signal(signal.SIGINT)
        for job in self._jobs:
            try:
                job.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                job.process.kill()
                job.process.wait()
            job.ended()


def _slots(at_once: int | None, devices: int) -> list[dict[str, str]]:
    """Environment variables of each process that may run at once."""
    import torch

    count = torch.cuda.device_count()
    if count == 0:
        number = at_once or 1
        threads = {"OMP_NUM_THREADS": str(max(1, cores() // number))} if number > 1 else {}
        return [threads] * number
    if (at_once or 1) * devices > count:
        raise ConfigError(
            f"{at_once or 1} trainings at once, each on {devices} GPUs, and torch sees {count}; "
            "give a lower --parallel, or set fit.devices lower"
        )
    named = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    names = named.split(",")
    return [
        {"CUDA_VISIBLE_DEVICES": ",".join(names[i * devices : (i + 1) * devices])}
        for i in range(at_once or count // devices)
    ]


@contextmanager
def ending(launcher: Launcher) -> Iterator[Launcher]:
    """See that nothing goes on when the block is left."""
    try:
        yield launcher
    finally:
        launcher.stop()
