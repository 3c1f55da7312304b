"""Trainings as tasks of a Ray cluster, for when one machine is not enough."""

import logging
import os
import socket
from pathlib import Path
from typing import Any

from beenhere.errors import ConfigError, TrainingError
from beenhere.studies.folder import RowFolder
from beenhere.studies.launchers import spawn, why_ended
from beenhere.studies.plan import Training
from beenhere.wording import one_line

RETRIES = 3
"""Times that a training whose process or node died is taken up again."""


class ProcessDied(Exception):
    """The process of a training was killed; Ray starts the task again."""


def _train(folder: str, working_directory: str) -> str:
    """On a node: train what a folder says; returns what went wrong outside of it."""
    if not Path(working_directory).is_dir():
        return f"{working_directory} is not there on node {os.uname().nodename}{_SHARE}"
    os.chdir(working_directory)  # photos and runs are named from there
    row = RowFolder(Path(folder))
    if not row.options.exists():
        return f"{row.options} is not there on node {os.uname().nodename}{_SHARE}"
    try:
        # What the task's last try started may need a moment to end.
        with spawn(row, {}, patience=30) as process:
            code = process.wait()
    except TrainingError as error:
        return str(error)
    if code < 0:
        raise ProcessDied(why_ended(code, row))
    return why_ended(code, row)


_SHARE = "; start the study in a folder that all nodes of the cluster share"


def _check_reachable(address: str | None) -> None:
    """Raise OSError where nobody listens; Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


class RayJob:
    """A task."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self.reference = ray, reference

    def ended(self) -> str | None:
        """See :class:`beenhere.studies.launchers.Job`."""
        done, _ = self._ray.wait([self.reference], timeout=0)
        if not done:
            return None
        try:
            return str(self._ray.get(self.reference))
        except self._ray.exceptions.RayError as error:
            return f"given up after {RETRIES} more tries: {one_line(error, 300)}"


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
            reason = one_line(error, None)
            raise ConfigError(f"no Ray cluster at {address!r}: {reason[:200]}") from error
        self._task = self._ray.remote(_train)
        self._jobs: list[RayJob] = []

    def has_room(self) -> bool:
        """Ray queues what has no room."""
        return True

    def start(self, folder: RowFolder, training: Training) -> RayJob:
        """See :class:`beenhere.studies.launchers.Launcher`."""
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

    def stop(self) -> None:
        """Cancel what goes on, and leave the cluster (or end it, if it is ours)."""
        for job in self._jobs:
            self._ray.cancel(job.reference, force=True)
        self._ray.shutdown()
