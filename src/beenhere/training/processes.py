"""One process for each device. They come and go together."""

import os
import signal
import socket
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

from beenhere.devices import leave_with_parent
from beenhere.errors import BeenhereError, TrainingError


def run_on_devices(count: int, function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in ``count`` processes, as torch.distributed wants them, and wait.

    Where one fails, or the person interrupts, the others are killed; what they leave must bear
    that. Where this process is killed, they leave too.

    Args:
        count: processes, each with its number in ``LOCAL_RANK``.
        function: at the top of a module; it and its arguments are pickled.
        arguments: of the function.

    Raises:
        BeenhereError: what one of them raised.
        TrainingError: one ended otherwise than by its own error; its output says why.
    """
    context = get_context("spawn")
    errors = context.SimpleQueue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        context.Process(target=_work, args=(rank, count, port, errors, function, arguments))
        for rank in range(count)
    ]
    try:
        for process in processes:
            process.start()
        _wait(processes)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
            if process.pid is not None:
                process.join()
    if not errors.empty():
        raise errors.get()
    codes = [process.exitcode for process in processes]
    if any(codes):
        raise TrainingError(
            f"the processes of the {count} devices ended with exit codes {codes}; what is printed "
            "above says why, or the system had too little memory"
        )


def _wait(processes: Sequence[BaseProcess]) -> None:
    """Until all have ended well, or one has not."""
    running = {process.sentinel: process for process in processes}
    while running:
        for sentinel in wait(list(running)):
            process = running.pop(cast(int, sentinel))
            process.join()
            if process.exitcode:
                return


def _work(
    rank: int,
    count: int,
    port: int,
    errors: Any,
    function: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process gets it too, and kills us
    leave_with_parent()
    os.environ |= {
        "LOCAL_RANK": str(rank),
        "NODE_RANK": "0",
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    try:
        function(*arguments)
    except BeenhereError as error:
        errors.put(error)
        os._exit(error.exit_code)  # without waiting for the other processes at a clean shutdown
