"""How commands say what they did, and where they put it."""

import codecs
import io
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from beenhere.errors import ConfigError, DataError
from beenhere.wording import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from beenhere.retrieval.index import Index
    from beenhere.retrieval.search.filters import Filter

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

NAMED = 3
"""Files that are named in a line."""

LISTED = 5
"""Files that are listed a line each, unless all are asked for."""

OF_FILES = {".json", ".csv", ".txt", ".md", ".html", ".geojson", ".kml", ".gpx", ".jpg", ".png"}
"""Ends of names that are no folder's."""

LONGEST_MESSAGE = 4000
"""Characters: what is named may be as long as who made it wished."""

UNBOUND = 250
"""Columns where there is no terminal: a table in a file or a pipe is not to be folded."""


class PlainStream:
    """A stream for people, in which no name of a file does anything to a terminal.

    Control characters, and in ASCII all that it lacks, are written as such as ``\\u001b``.
    """

    def __init__(self, inner: TextIO) -> None:
        self.inner = self.rich_proxied_file = inner  # rich writes its own colours, to what it wraps
        if isinstance(inner, io.TextIOWrapper):
            with suppress(OSError):  # of a stream whose file was exchanged below it
                inner.reconfigure(errors=_AS_JSON)

    def write(self, text: str) -> int:
        """Write what is harmless of a text; the number of its characters."""
        # A return that ends no line would let a name overwrite what stands before it.
        self.inner.write(re.sub("\r(?!\n)", r"\\u000d", printable(text, but="\n\t\r")))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _as_json(error: UnicodeError) -> tuple[str, int]:
    """What an encoding lacks as JSON writes it, where characters beyond 16 bits are two."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


_AS_JSON = "beenhere.as_json"
codecs.register_error(_AS_JSON, _as_json)


def say(text: str) -> None:
    """Tell a person something on standard error, where it is in the way of no result."""
    more = "..." if len(text) > LONGEST_MESSAGE else ""
    print(f"beenhere: {printable(text[:LONGEST_MESSAGE])}{more}", file=sys.stderr)


def warn_of_near(index: "Index", where: "Filter | None") -> None:
    """Say where `--near` asks for positions and the photos of the index have none."""
    held = index.store.summary() if where is not None and where.near is not None else None
    if held is not None and not held.with_position:
        say("--near asks for positions, and no photo of the index has one: none is searched")


def tell(*lines: str, file: TextIO | None = None) -> None:
    """Print lines for a person; what is in a name ends none of them. By default on standard output.

    Whatever holds the name of a file is printed by this, or :func:`say`, and not by ``print``.
    """
    print(*map(printable, lines), sep="\n", file=file, flush=True)


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
        table.add_column(Text(printable(heading)))
    for heading in figures:
        table.add_column(Text(printable(heading)), justify="right")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def wrapped(text: str, width: int, first: str = "", indent: int = 0) -> list[str]:
    """A text in lines of so many characters; words are left whole.

    Args:
        first: begins the first line.
        indent: blanks before the others.
    """
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def agreed(question: str, otherwise: str) -> None:
    """Have a person agree by Enter; Ctrl-C or Ctrl-D leaves.

    Raises:
        ConfigError: there is nobody to ask; ``otherwise`` says what to do then.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(otherwise)
    try:
        input(question)
    except EOFError as error:
        raise KeyboardInterrupt from error


def tally(counts: Mapping[str, int]) -> str:
    """Such as ``"1,200 new, 3 moved"``: those of which there are any."""
    return ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)


def either(names: Sequence[str]) -> str:
    """Such as ``".csv, .json or .kml"``."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def few(items: Sequence[str | tuple[str, str]], rest: str = "") -> str:
    """How many, and the first, such as ``"4: a.jpg (cut off), b.jpg (cut off), c.jpg, ..."``.

    Args:
        items: paths, or paths with reasons.
        rest: where all of them are, for a person.
    """
    named = [each if isinstance(each, str) else f"{each[0]} ({each[1]})" for each in items[:NAMED]]
    more = f", ...{rest}" if len(items) > NAMED else ""
    return f"{len(items):,}: {printable(', '.join(named))}{more}"


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
    tell(f"  {what}: {len(files):,}")
    shown = files if every else files[:LISTED]
    for path, reason in shown:
        tell(f"    {path}{': ' if reason else ''}{reason}")
    if len(shown) < len(files):
        tell(f"    ... and {len(files) - len(shown):,} more (--list)")


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


def form_of(
    file: Path | None, forms: Sequence[str], asked: str | None = None, option: str = "--out"
) -> str | None:
    """The form to write in: that of the file's name, or the one asked for of a pipe or a screen.

    Args:
        file: None: standard output.
        forms: such as ``"json"``; a name ends in one of them.
        asked: by an option, such as ``--json``; None: by none.
        option: that gives the file.

    Raises:
        ConfigError: the name ends otherwise, or in another form than the one asked for.
        DataError: no file can be made there.
    """
    if file is None:
        return asked
    from beenhere.files.atomic import is_stream

    check_output_file(file)
    suffix = file.suffix.lower().removeprefix(".")
    if is_stream(file) and asked is not None and suffix not in forms:
        return asked
    if suffix not in forms or asked not in (None, suffix):
        given = "" if asked is None else f"--{asked} is given, and "
        expected = [f".{each}" for each in forms if asked in (None, each)]
        raise ConfigError(
            f"{given}{option} is {file}; expected a name that ends in {either(expected)}"
        )
    return suffix


def check_output_file(file: Path, what: str = "a file") -> None:
    """See that a file can be made, before the work of an hour goes into it.

    Raises:
        DataError: it is a folder, or there is none to make it in.
    """
    if file.is_dir():
        raise DataError(f"{file}: is a folder; expected the name of {what}")
    check_parent(file)


def check_output_folder(folder: Path | None, printed: str) -> None:
    """See that a folder can be filled, and that no file of a form was meant, before any work.

    Args:
        folder: as it was given; None: none was.
        printed: what to do to have the results in a form instead.

    Raises:
        ConfigError: the name is one of a file.
        DataError: a file is there.
    """
    if folder is None or folder.is_dir():
        return
    if folder.suffix.lower() in OF_FILES:
        raise ConfigError(
            f"--out is {folder}; expected a folder, and no name that ends in {folder.suffix}; "
            f"{printed}"
        )
    if folder.exists():
        raise DataError(f"{folder}: is a file; expected a folder, or the name of a new one")


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
