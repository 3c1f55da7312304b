"""What an archive holds, whatever its kind."""

from dataclasses import dataclass
from typing import IO


class NotUnpackable(ValueError):
    """Why an archive is not unpacked, in words that go on from its name."""


@dataclass(frozen=True)
class Member:
    """One file of an archive, to be read before the next member is asked for.

    Attributes:
        name: as the archive has it; to be trusted in nothing.
        size: bytes it is said to have.
        content: its bytes, from the start.
    """

    name: str
    size: int
    content: IO[bytes]
