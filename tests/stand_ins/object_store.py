"""An S3 server on this machine, and a wire to it that breaks and stalls."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer


@contextmanager
def s3_server(bucket: str) -> Iterator[int]:
    """The port of a server with an empty bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        urlopen(Request(f"http://127.0.0.1:{port}/{bucket}", method="PUT")).close()
        yield port
    finally:
        server.stop()


class BadWire:
    """Passes connections on to a server, and misbehaves when it is told to.

    Attributes:
        cut_every: connections break after so many bytes from the server; None: never.
        stall_at: the connection that brings this byte, counted from when it was set, says nothing
            more, once; None: none does.
        refusals: that many of the server's answers are replaced by ``refusal``, and the connection
            is closed.
        cuts, stalls: how often.
        passed: bytes from the server.
    """

    def __init__(self, port: int) -> None:
        self.server = port
        self.cut_every: int | None = None
        self.stall_at: int | None = None
        self.cuts = self.stalls = self.passed = self.refusals = 0
        self.refusal = b""
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Break all connections."""
        for one in [self._listening, *self._open]:
            _shut(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self.server))
            except OSError:
                return
            self._open += [client, server]
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(1 << 16):
                server.sendall(data)
        except OSError:
            pass
        _shut(server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        count = 0
        try:
            while data := server.recv(1 << 14):
                if self.refusals:
                    self.refusals -= 1
                    client.sendall(self.refusal)
                    break
                if self.stall_at is not None and self.passed + len(data) > self.stall_at:
                    self.stall_at = None
                    self.stalls += 1
                    return  # both ends stay open, and nothing comes
                if self.cut_every is not None and count + len(data) > self.cut_every:
                    client.sendall(data[: self.cut_every - count])
                    self.cuts += 1
                    break
                client.sendall(data)
                count += len(data)
                self.passed += len(data)
        except OSError:
            pass
        _shut(client)
        _shut(server)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
