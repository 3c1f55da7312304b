"""Where the trainings of a study run: processes of this machine, or tasks of a Ray cluster."""

import logging
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from beenhere.devices import cores
from beenhere.errors import ConfigError, TrainingError
from beenhere.studies.folder import RowFolder
from beenhere.studies.plan import Training
from beenhere.wording import one_line

STOP_SECONDS = 20.0
"""For a process to write down what it has, after an interrupt."""

RETRIES = 3
"""Times that a training whose process or node died is taken up again by Ray."""

_SHARE = "; start the study in a folder that all nodes of the cluster share"


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

    def close(self) -> None:
        """Interrupt all that go on, and wait until they have ended."""


class TrainingProcess:
    """A process of this machine that trains one row; it ends when this one does, however it does.

    Args:
        folder: prepared.
        environment: variables to add.
        wait: seconds to wait for another process that trains it.

    Raises:
        TrainingError: another process trains it.
    """

    def __init__(self, folder: RowFolder, environment: dict[str, str], wait: float = 0) -> None:
        self.folder, self.environment = folder, environment
        with ExitStack() as stack:
            # Held here, not by the process: who is refused has started nothing. Where this one is
            # killed, the other end of its standard input closes, and the process ends at once.
            stack.enter_context(folder.lock(wait))
            log = stack.enter_context(folder.log.open("ab"))
            self.process = subprocess.Popen(
                [sys.executable, "-m", "beenhere.studies.work", str(folder.path)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                start_new_session=True,  # Ctrl-C reaches it through us, once
            )
            self._resources = stack.pop_all()

    def ended(self) -> str | None:
        """See :class:`Job`."""
        code = self.process.poll()
        if code is None:
            return None
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._resources.close()
        if code == 0:
            return ""
        how = f"ended with exit code {code}"
        if code < 0:
            hint = "; perhaps memory ran out" if -code == signal.SIGKILL else ""
            how = f"was ended by {signal.Signals(-code).name}{hint}"
        return f"its process {how}; {self.folder.log} has what it said"

    def wait(self, most: float | None = None) -> None:
        """Wait until it has ended; it is killed after so many seconds."""
        try:
            self.process.wait(most)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.ended()


class LocalLauncher:
    """A number of processes at once, each with GPUs of its own or its part of the cores.

    Args:
        at_once: how many; None: as many as there are GPUs for, one where there are none.
        devices: GPUs that one training takes.

    Raises:
        ConfigError: more at once than there are GPUs for.
    """

    def __init__(self, at_once: int | None, devices: int) -> None:
        self._free = _environments(at_once, devices)
        self._jobs: list[TrainingProcess] = []

    def has_room(self) -> bool:
        """See :class:`Launcher`."""
        for job in list(self._jobs):
            if job.ended() is not None:
                self._jobs.remove(job)
                self._free.append(job.environment)
        return bool(self._free)

    def start(self, folder: RowFolder, training: Training) -> TrainingProcess:
        """See :class:`Launcher`."""
        job = TrainingProcess(folder, self._free[0])
        self._free.pop(0)
        self._jobs.append(job)
        return job

    def close(self) -> None:
        """See :class:`Launcher`."""
        for job in self._jobs:
            job.process.send_signal(signal.SIGINT)  # it writes down what it has, and ends
        for job in self._jobs:
            job.wait(STOP_SECONDS)


def _environments(at_once: int | None, devices: int) -> list[dict[str, str]]:
    """Variables of each process that may run at once."""
    import torch

    count = torch.cuda.device_count()
    number = at_once or 1
    if count == 0:
        threads = {"OMP_NUM_THREADS": str(max(1, cores() // number))} if number > 1 else {}
        return [threads] * number
    if number * devices > count:
        raise ConfigError(
            f"{number} trainings at once, each on {devices} GPUs, and torch sees {count}; "
            "give a lower --parallel, or set fit.devices lower"
        )
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = named.split(",") if named else list(map(str, range(count)))
    return [
        {"CUDA_VISIBLE_DEVICES": ",".join(names[i * devices : (i + 1) * devices])}
        for i in range(at_once or count // devices)
    ]


class RayLauncher:
    """Every training is a task, which asks for its GPUs; Ray decides when and where it runs.

    A task whose worker or process is killed goes on, elsewhere perhaps, from the last finished
    epoch: the run folder holds all of its state, so it must lie where all nodes see it.

    Args:
        address: of the cluster (``"auto"``, ``"10.0.0.1:6379"``, ``"ray://..."``); None: the one
            that ``RAY_ADDRESS`` names, else one on this machine.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str | None) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise ConfigError(
                "--launcher ray needs Ray, which is not installed; pip install 'beenhere[ray]'"
            ) from error
        self._ray: Any = ray
        try:
            _check_reachable(address)
            self._ray.init(
                address=address,
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(f"no Ray cluster at {address!r}: {one_line(error)}") from error
        self._task = self._ray.remote(_train_on_node)
        self._jobs: list[RayJob] = []

    def has_room(self) -> bool:
        """Ray queues what has no room."""
        return True

    def start(self, folder: RowFolder, training: Training) -> "RayJob":
        """See :class:`Launcher`."""
        fit = training.config.fit
        on_gpu = fit.accelerator != "cpu" and self._ray.cluster_resources().get("GPU", 0) > 0
        task = self._task.options(
            name=training.name,
            num_gpus=fit.devices if on_gpu else 0,
            num_cpus=fit.workers or 1,
            max_retries=RETRIES,
            retry_exceptions=[ProcessDied],
        )
        job = RayJob(self._ray, task.remote(str(folder.path), str(Path.cwd())))
        self._jobs.append(job)
        return job

    def close(self) -> None:
        """Cancel what goes on, and leave the cluster (or end it, if it is ours)."""
        for job in self._jobs:
            self._ray.cancel(job.reference, force=True)
        self._ray.shutdown()


class RayJob:
    """A task of a Ray cluster."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self.reference = ray, reference

    def ended(self) -> str | None:
        """See :class:`Job`."""
        done, _ = self._ray.wait([self.reference], timeout=0)
        if not done:
            return None
        try:
            return str(self._ray.get(self.reference))
        except self._ray.exceptions.RayError as error:
            return f"given up after {RETRIES} more tries: {one_line(error, 300)}"


class ProcessDied(Exception):
    """The process of a training was killed; Ray starts the task again."""


def _train_on_node(folder: str, working_directory: str) -> str:
    """Train what a folder says; returns what went wrong outside of it."""
    if not Path(working_directory).is_dir():
        return f"{working_directory} is not there on node {os.uname().nodename}{_SHARE}"
    os.chdir(working_directory)  # photos and runs are named from there
    row = RowFolder(Path(folder))
    if not row.options.exists():
        return f"{row.options} is not there on node {os.uname().nodename}{_SHARE}"
    try:
        # What the task's last try started may need a moment to end.
        job = TrainingProcess(row, {}, wait=30)
    except TrainingError as error:
        return str(error)
    job.wait()
    problem = job.ended()
    assert problem is not None
    if job.process.returncode < 0:
        raise ProcessDied(problem)
    return problem


def _check_reachable(address: str | None) -> None:
    """Raise OSError where nobody listens; Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
