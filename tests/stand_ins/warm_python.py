"""Commands in processes that are forked from one which has already imported what takes seconds.

A program in :class:`WarmPython`'s folder hands its arguments, working directory, environment and
standard streams to the warm process by a Unix socket, and ends as its fork ends; a killed program
takes its fork with it. A fork is safe as long as no other thread of the warm process holds a lock:
there is one, of polars, which sleeps until data is spilled to the disk. For Linux.
"""

import atexit
import ctypes
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Self

COMMAND = Path(sys.executable).parent / "beenhere"
HEAVY = (
    "cv2",
    "cyclopts",
    "faiss",
    "matplotlib.figure",
    "polars",
    "pydantic",
    "pyproj",
    "rich.console",
    "scipy.stats",
    "timm",
    "torch",
    "torch.utils.data",
    "torch.utils.tensorboard",
    "torchvision.transforms.v2",
    "yaml",
)
SLEEPING = "polars-ooc-clea"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT_BYTES = -1, -3, 1 << 28
CLIENT = """\
#!/bin/sh
exec '{python}' -IS '{client}' '{socket}' {program} "$@"
"""


class WarmPython:
    """The warm process, as long as it is needed."""

    def __init__(self, folder: Path) -> None:
        """Start it, with the programs ``beenhere`` and ``python`` in a folder."""
        self.folder = folder
        address = folder / "socket"
        for name, program in (("beenhere", f"'{COMMAND}'"), ("python", "")):
            script = CLIENT.format(
                python=sys.executable, client=__file__, socket=address, program=program
            )
            (folder / name).write_text(script, encoding="utf-8")
            (folder / name).chmod(0o755)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ
            | {"_RJEM_MALLOC_CONF": "background_thread:false"}  # of polars
            | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},  # a fifth of the page faults
        )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            assert said.readline() == b"warm\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def ask(address: str, arguments: list[str]) -> int:
    """Have a program run by the warm process; its exit status, as of ``subprocess``."""
    if arguments[0].startswith("-") and arguments[0] not in ("-c", "-m"):
        os.execv(sys.executable, [sys.executable, *arguments])
    passed_on = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # until it is known to whom
    umask = os.umask(0)
    os.umask(umask)
    wanted = {"argv": arguments, "cwd": str(Path.cwd()), "env": dict(os.environ), "umask": umask}
    with socket.socket(socket.AF_UNIX) as warm:
        warm.connect(address)
        socket.send_fds(warm, [b"."], [0, 1, 2])
        warm.sendall(json.dumps(wanted).encode() + b"\n")
        with warm.makefile("r") as answers:
            pid = int(answers.readline())
            for number in passed_on:
                signal.signal(number, lambda number, _: os.kill(pid, number))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
            return int(answers.readline())


def keep_freed_memory() -> None:
    """Have this process, and its forks, keep the memory that they free, for what comes next.

    Else each layer of a network asks the system for new pages, whose zeroing takes a fifth of the
    time of a short command. For glibc; another library of C has its own ways.
    """
    with suppress(AttributeError):
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(parameter, KEPT_BYTES)


def serve(address: str) -> dict[str, Any]:
    """Fork for each that asks, until standard input ends; returns in the forks, with their task."""
    keep_freed_memory()
    for name in HEAVY:
        import_module(name)
    import beenhere

    for module in walk_packages(beenhere.__path__, "beenhere."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    threads = {file.read_text().strip() for file in Path("/proc/self/task").glob("[0-9]*/comm")}
    others = threads - {SLEEPING, Path("/proc/self/comm").read_text().strip()}
    assert not others, f"a process of several threads must not fork: {others}"
    gc.collect()
    gc.freeze()  # a collection of what was imported takes a fork a second, and copies its pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b"warm\n")
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            asker, _ = listener.accept()
            with asker:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listener.close()
                    return _receive(asker)
    os._exit(0)


def _receive(asker: socket.socket) -> dict[str, Any]:
    """Fork once more: this process waits and tells, the other returns with its task."""
    _, streams, _, _ = socket.recv_fds(asker, 1, 3)
    with asker.makefile("rb") as asked:
        task: dict[str, Any] = json.loads(asked.readline())
    pid = os.fork()
    if pid == 0:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        return task
    for stream in streams:
        os.close(stream)
    asker.sendall(f"{pid}\n".encode())
    if asker.fileno() in select.select([asker.fileno(), os.pidfd_open(pid)], [], [])[0]:
        os.kill(pid, signal.SIGKILL)  # as who asked was
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):
        asker.sendall(f"{ended}\n".encode())
    os._exit(0)


def become(task: dict[str, Any], python: Path) -> None:
    """Run a program in this process, as Python would have from the start.

    The end is as always too, but that modules are not taken down one by one, which takes seconds
    for those that were imported before the fork.
    """
    import multiprocessing.process
    import runpy
    from types import ModuleType

    os.chdir(task["cwd"])
    os.umask(task["umask"])
    os.environ.clear()
    os.environ.update(task["env"])
    _open_streams()
    multiprocessing.process.ORIGINAL_DIR = task["cwd"]
    sys.executable = str(python)
    program, *rest = task["argv"]
    if program == "-c":
        code, *rest = rest
        sys.argv = [program, *rest]
        sys.path[0] = ""
        sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), vars(sys.modules["__main__"]))
    elif program == "-m":
        sys.argv = rest
        sys.path[0] = task["cwd"]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [program, *rest]
        sys.path[0] = str(Path(program).parent)
        runpy.run_path(program, run_name="__main__")


def _open_streams() -> None:
    """The standard streams anew: those of the warm process know what they were opened on."""
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = open(  # noqa: SIM115 - as long as the process
            number,
            "w" if number else "r",
            encoding=encoding or None,
            errors="backslashreplace" if number == 2 else errors or None,
            closefd=False,
        )
        if number == 2:
            stream.reconfigure(line_buffering=True)
        if number and os.environ.get("PYTHONUNBUFFERED"):
            stream.reconfigure(write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    where, *words = sys.argv[1:]
    if words:
        status = ask(where, words)
        if status < 0:
            if -status != signal.SIGKILL:
                signal.signal(-status, signal.SIG_DFL)
            os.kill(os.getpid(), -status)
        sys.exit(status)
    status = 1
    atexit.register(_leave)  # the first that is registered is the last to be called
    task = serve(where)
    try:
        become(task, Path(where).parent / "python")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
