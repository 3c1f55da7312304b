"""The processes that serve: one that holds the models, and its forks that answer.

The first one loads models with a single thread and computes nothing after; its forks share that
memory. It starts another fork where one has died, and ends when it is told to, after them.
"""

import gc
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import torch
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from beenhere.config.serve import ServeConfig
from beenhere.devices import choose_device, cores
from beenhere.errors import BeenhereError, ConfigError
from beenhere.files.regular import named
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.manifest import read_manifest

if TYPE_CHECKING:
    from beenhere.serve.service import Service

TOKEN_VARIABLE = "BEENHERE_TOKEN"

LEAST_TOKEN = 16
"""Characters."""

FORKS = sys.platform == "linux"
"""Elsewhere libraries of the system do not outlive a fork: there is one process."""

TICK = 0.5
"""Seconds between looks at how long a connection takes."""

MOST_CONNECTIONS = 1000
"""Of a process at once."""

_DIES_AT_ONCE, _MOST_DEATHS = 5.0, 5


def serve(paths: Sequence[Path], config: ServeConfig) -> None:
    """Serve indexes until SIGTERM or Ctrl-C, which lets running requests end.

    Raises:
        ConfigError: options that do not go together, a port that is taken, no token where one is
            needed.
        DataError, ModelError: an index, its model or a base map that cannot be read.
    """
    token = read_token(config)
    for name in ("keep", "write"):
        folder = getattr(config, name)
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"--{name} is {folder}; expected a folder that is there")
    # The client of Milvus has threads, which a fork would lack.
    forks = FORKS and all(read_manifest(named(path)).store is None for path in paths)
    if config.workers > 1 and not forks:
        raise ConfigError(
            f"--workers is {config.workers}, but an index in Milvus, and one on another system "
            "than Linux, is served by one process; leave it out"
        )
    listener = _bind(config)
    metrics = None
    if config.workers > 1:
        # Before prometheus_client is imported: counters of all processes lie in this folder.
        metrics = tempfile.mkdtemp(prefix="beenhere-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
    try:
        threads = _torch_threads(config)
        torch.set_num_threads(1)  # no thread of this process may be in the way of a fork
        from beenhere.serve.served import Served
        from beenhere.serve.service import Service
        from beenhere.serve.tiles import open_tiles

        indexes = {name: Index.open(path) for name, path in _names(paths).items()}
        if forks and choose_device(config.device).type == "cpu":
            for index in indexes.values():
                index.prepare(config.device)
        served = {name: Served(name, index, config) for name, index in indexes.items()}
        service = Service(served, config, token, open_tiles(config))
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"serving {', '.join(served)} at http://{shown}:{port} (Ctrl-C ends it)", flush=True)
        if forks:
            _supervise(service, listener, threads)
        else:
            _work(service, listener, threads)
    finally:
        listener.close()
        if metrics is not None:
            shutil.rmtree(metrics, ignore_errors=True)


def read_token(config: ServeConfig) -> str | None:
    """The token that requests must bring; None: this machine alone is served, and none is given.

    Raises:
        ConfigError: none is given where it is needed, or a short one.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if config.token_file is not None:
        try:
            token = config.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{config.token_file}: cannot be read as a token") from error
    if token is not None and (len(token) < LEAST_TOKEN or not token.isascii()):
        raise ConfigError(
            f"the token has {len(token)} characters; expected {LEAST_TOKEN} or more of ASCII, such "
            f"as {secrets.token_urlsafe(24)}"
        )
    if token is None and not config.loopback:
        raise ConfigError(
            f"--host is {config.host}, which other machines reach, and there is no token; give "
            f"--token-file FILE, or set {TOKEN_VARIABLE}"
        )
    return token


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """Names of indexes: those of their folders, without ``.index``; numbered where they repeat."""
    named: dict[str, Path] = {}
    for path in paths:
        stem = path.resolve().name.removesuffix(".index") or "index"
        name, number = stem, 2
        while name in named:
            name, number = f"{stem}-{number}", number + 1
        named[name] = path
    return named


def _bind(config: ServeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # By its number: asyncio sends small answers at once on sockets that say that they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{config.host}:{config.port} cannot be listened on ({(error.strerror or '').lower()});"
            " give another --port, or --port 0 for any that is free"
        ) from error
    listener.setblocking(False)
    return listener


def _torch_threads(config: ServeConfig) -> int:
    """Of each photo that is worked on: the cores, shared out."""
    at_once = config.workers * (config.threads or max(1, cores() // config.workers))
    return max(1, cores() // at_once)


def _work(service: "Service", listener: socket.socket, threads: int) -> None:
    """Answer in this process until it is told to end."""
    from beenhere.serve.app import create_app

    config = service.config
    at_once = config.threads or max(1, cores() // config.workers)
    service.begin(at_once, lambda: torch.set_num_threads(threads))
    settings = uvicorn.Config(
        create_app(service),
        http=Impatient,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=max(1, int(config.headers_within)),
        timeout_graceful_shutdown=max(1, int(config.deadline)),
        backlog=1024,
    )
    Impatient.limits = config
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # not each request that is none
    uvicorn.Server(settings).run(sockets=[listener])


class Impatient(H11Protocol):
    """A connection with a deadline for each of its parts: head, body, and taking the answer.

    However slowly bytes come or go, the parts have to end in time.
    """

    limits: ServeConfig

    def connection_made(self, transport: Any) -> None:
        """Begin to count."""
        super().connection_made(transport)
        self._since, self._part = self.loop.time(), self._part_now()
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._tick = self.loop.call_later(TICK, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count no more."""
        if hasattr(self, "_tick"):
            self._tick.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong as all other errors are said."""
        from beenhere.serve.guard import problem

        body = problem(400, "that is no HTTP request, or one with a head of more than 64 kB")
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _part_now(self) -> tuple[str, int]:
        """What is awaited, and of which request of the connection."""
        number = id(self.cycle)
        if self.cycle is None or self.cycle.response_complete:
            return "headers", number
        if self.conn.their_state is h11.SEND_BODY and not self.cycle.response_started:
            return "body", number
        return "answer", number

    def _look(self) -> None:
        part, now = self._part_now(), self.loop.time()
        if part != self._part:
            self._since, self._part = now, part
        limits = self.limits
        most = {
            "headers": limits.headers_within,
            "body": limits.body_within,
            "answer": limits.deadline + limits.body_within,
        }[part[0]]
        if now - self._since > most:
            self.transport.abort()
            return
        self._tick = self.loop.call_later(TICK, self._look)


# --- processes -----------------------------------------------------------------------------------


def _supervise(service: "Service", listener: socket.socket, threads: int) -> None:
    """Keep as many forks as there are to be, until a signal says that it is enough."""
    watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    alive, tell_alive = os.pipe()
    gc.freeze()  # else the first collection of each fork would copy what they share
    workers: dict[int, float] = {}
    deaths = 0
    try:
        for _ in range(service.config.workers):
            workers[_fork(service, listener, threads, watched, alive, tell_alive)] = (
                time.monotonic()
            )
        while True:
            number = signal.sigwait(watched)
            if number != signal.SIGCHLD:
                return
            for pid in _ended(workers):
                lived = time.monotonic() - workers.pop(pid)
                if service.config.workers > 1:
                    from prometheus_client import multiprocess

                    multiprocess.mark_process_dead(pid)
                deaths = deaths + 1 if lived < _DIES_AT_ONCE else 1
                if deaths > _MOST_DEATHS:
                    raise BeenhereError(
                        "processes that answer die as soon as they start; see above why, and mend "
                        "it or give fewer --workers"
                    )
                print(
                    f"beenhere: worker {pid} died; another is started", file=sys.stderr, flush=True
                )
                new = _fork(service, listener, threads, watched, alive, tell_alive)
                workers[new] = time.monotonic()
    finally:
        listener.close()
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        for pid in workers:
            os.waitpid(pid, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        gc.unfreeze()


def _ended(workers: dict[int, float]) -> list[int]:
    """Those of the forks that are no more."""
    return [pid for pid in workers if os.waitpid(pid, os.WNOHANG)[0] == pid]


def _fork(
    service: "Service",
    listener: socket.socket,
    threads: int,
    watched: set[signal.Signals],
    alive: int,
    tell_alive: int,
) -> int:
    """Start a process that answers; returns its id in the first one, and never in the other."""
    with warnings.catch_warnings():
        # Of threads: polars has one, which sleeps until data is spilled to the disk.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.close(tell_alive)
        threading.Thread(target=_leave_with, args=(alive,), daemon=True).start()
        _work(service, listener, threads)
        status = 0
    except KeyboardInterrupt:
        status = 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _leave_with(alive: int) -> None:
    """End this process as soon as nobody holds the other end of a pipe any more."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)
