"""Errors that a person can act on.

A message is one line: what was got, what was expected, what to do. The command line prints it
without a traceback and leaves with :attr:`BeenhereError.exit_code`.
"""

from typing import ClassVar


class BeenhereError(Exception):
    """Something the person who called can put right; every error of the project derives from it.

    >>> try:
    ...     beenhere.read_photos("nowhere")
    ... except beenhere.BeenhereError as error:
    ...     print(error)
    nowhere: no such file or folder
    """

    exit_code: ClassVar[int] = 2


class ConfigError(BeenhereError):
    """An option has an unknown name, a wrong type, or a value out of its range."""


class DataError(BeenhereError):
    """A folder, table or file name does not hold what it should."""


class PhotoError(DataError):
    """One photo cannot be used; ``reason`` is short enough to stand in a list beside its path."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["PhotoError"], tuple[str, str]]:
        # Exceptions cross process borders by their args; ours are two, not the joined message.
        return PhotoError, (self.path, self.reason)


class ModelError(BeenhereError):
    """A checkpoint, backbone or input size that the model code cannot take."""


class TrainingError(BeenhereError):
    """A training run that cannot start or go on."""
