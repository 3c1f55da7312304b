"""How commands say what they did, and where they put it."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from beenhere.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

NAMED = 3
"""Files that are named in a line."""

LISTED = 5
"""Files that are listed a line each, unless all are asked for."""

UNBOUND = 250
"""Columns where there is no terminal: a table in a file or a pipe is not to be folded."""


def say(text: str) -> None:
    """Tell a person something on standard error, where it is in the way of no result."""
    print(f"beenhere: {text}", file=sys.stderr)


def leave_interrupted(how_to_go_on: str) -> NoReturn:
    """End after Ctrl-C, saying how the work goes on."""
    print(f"\ninterrupted; {how_to_go_on}", file=sys.stderr)
    sys.exit(INTERRUPTED)


def console() -> "Console":
    """Standard output, as wide as the terminal; texts are not coloured, nor lines broken."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else UNBOUND
    return Console(highlight=False, soft_wrap=True, width=width)


def figures_table(
    texts: Sequence[str], figures: Sequence[str], rows: Iterable[Sequence[str]], edge: bool = False
) -> "Table":
    """A table for :func:`console`; what its cells hold is no markup.

    Args:
        texts: headings of the first columns.
        figures: headings of the others, which are aligned to the right.
        rows: a cell for each column.
        edge: whether to leave a line free before and after it.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=edge, pad_edge=False)
    for heading in texts:
        table.add_column(Text(heading))
    for heading in figures:
        table.add_column(Text(heading), justify="right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def tally(counts: Mapping[str, int]) -> str:
    """Such as ``"1,200 new, 3 moved"``: those of which there are any."""
    return ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)


def few(items: Sequence[str | tuple[str, str]], rest: str = "") -> str:
    """How many, and the first, such as ``"4: a.jpg (cut off), b.jpg (cut off), c.jpg, ..."``.

    Args:
        items: paths, or paths with reasons.
        rest: where all of them are, for a person.
    """
    named = [each if isinstance(each, str) else f"{each[0]} ({each[1]})" for each in items[:NAMED]]
    return f"{len(items):,}: {', '.join(named)}{f', ...{rest}' if len(items) > NAMED else ''}"


def note_lines(notes: Iterable[tuple[str, str]], rest: str = "") -> Iterator[str]:
    """What a reader left out or did not believe, a line for each reason.

    Args:
        notes: ``(path, what)``, as a table of photos has them.
        rest: see :func:`few`.
    """
    from beenhere.photos.formats.listing import LEFT_OUT

    reasons: dict[str, list[str]] = {}
    for path, note in notes:
        reasons.setdefault(note, []).append(path)
    for note, paths in reasons.items():
        if note.startswith(LEFT_OUT):
            yield f"{paths[0]}: {note}"
        else:
            yield f"{note}: {few(paths, rest)}"


def list_files(what: str, files: Sequence[tuple[str, str]], every: bool) -> None:
    """Print files of a kind with reasons, each on its line: the first, or every one."""
    if not files:
        return
    print(f"  {what}: {len(files):,}")
    shown = files if every else files[:LISTED]
    for path, reason in shown:
        print(f"    {path}{': ' if reason else ''}{reason}")
    if len(shown) < len(files):
        print(f"    ... and {len(files) - len(shown):,} more (--list)")


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Name the file where it cannot be written; for what is written whole by itself.

    Raises:
        DataError: the disk is full, say; what was there before is as it was.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{file} cannot be written ({reason}); mend that, or give another place"
        ) from error


@contextmanager
def output_file(file: Path) -> Iterator[Path]:
    """:func:`beenhere.files.atomic.replacing`, with the errors of :func:`writing`."""
    from beenhere.files.atomic import replacing

    with writing(file), replacing(file) as new:
        yield new


def check_output_file(file: Path, what: str = "a file") -> None:
    """See that a file can be made, before the work of an hour goes into it.

    Raises:
        DataError: it is a folder, or there is none to make it in.
    """
    if file.is_dir():
        raise DataError(f"{file}: is a folder; expected the name of {what}")
    check_parent(file)


def check_parent(path: Path) -> None:
    """Raise DataError where there is no folder to make a file or folder in."""
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it first")


def evaluation_folder(model: str, data: str) -> Path:
    """Where a model's evaluation on some photos lies, both given by a short name."""
    return Path("evaluations") / f"{model}-{data}"


def short_name(path: Path) -> str:
    """A short name of a folder, with its parent's where it is called as many are."""
    parts = [part for part in path.resolve().parts if part not in ("checkpoints", "/")]
    many = {"best", "last", "train", "val", "test", "photos", "images", "database", "queries"}
    return "-".join(parts[-2:] if parts[-1] in many else parts[-1:])


def distinct_names(one: Path, other: Path) -> tuple[str, str]:
    """Short names of two folders, as long as it takes to tell them apart; equal for equal ones."""
    names = short_name(one), short_name(other)
    parts = [path.resolve().parts[1:] for path in (one, other)]
    length = 2
    while names[0] == names[1] and parts[0] != parts[1]:
        names = "-".join(parts[0][-length:]), "-".join(parts[1][-length:])
        length += 1
    return names
