"""Write a file that is whole or not there, whenever the process is killed."""

from pathlib import Path

PART = ".part"
"""Follows the name of a file that is being written."""


def write_whole(path: Path, content: bytes) -> None:
    """Through a name beside it; what was there before is replaced at once.

    Args:
        path: in a folder that is there. No two threads write the same one.
    """
    part = path.with_name(path.name + PART)
    part.write_bytes(content)
    part.replace(path)
