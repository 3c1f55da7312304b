"""``beenhere data get``: a named set, from its servers to a folder that can be used."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beenhere.errors import ConfigError, DataError

if TYPE_CHECKING:
    from beenhere.datasets.catalog import NamedSet

INTERRUPTED = 130

_COMMERCIAL = {
    "allowed": "allowed",
    "forbidden": "FORBIDDEN",
    "unknown": "not known: ask its authors",
}


def get(
    name: str,
    /,
    *,
    to: Path = Path("data"),
    accept_licence: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Download a named set, check it, and lay it out in a folder of its name.

    What it is and its licence are shown first. Interrupted, the same command goes on where it
    was. A set is there whole or not there.

    Args:
        name: of a set, such as `sf_xs`; see `beenhere data list`.
        to: the folder of all sets; the set gets a folder of its name in it.
        accept_licence: agree to a licence that forbids commercial use, without being asked.
    """
    from beenhere.datasets.acquire.get_set import by_hand, get_set
    from beenhere.datasets.catalog import named_set
    from beenhere.files.atomic import holds_something

    entry, to = named_set(name), to.expanduser()
    folder = to / entry.name
    print(*_facts(entry, folder), sep="\n", flush=True)
    if not holds_something(folder):
        if not entry.files:
            raise DataError(by_hand(entry, to))
        if entry.commercial == "forbidden" and not accept_licence:
            _ask(entry)
    try:
        new = get_set(entry, to)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where it was", file=sys.stderr)
        sys.exit(INTERRUPTED)
    print(f"{folder}: ready" if new else f"{folder}: is there already, with the right counts")
    print(*_next_steps(entry, folder), sep="\n")


def _facts(entry: "NamedSet", folder: Path) -> Iterator[str]:
    from beenhere.wording import file_size

    packed = sum(file.bytes or 0 for file in entry.files)
    facts = {
        "for": ", ".join(entry.purpose),
        "photos": f"{entry.photos:,}" if entry.photos else "",
        "download": file_size(packed) if packed else "",
        "on disk": file_size(entry.disk_bytes) if entry.disk_bytes else "",
        "licence": entry.licence,
        "commercial use": _COMMERCIAL[entry.commercial],
        "paper": entry.paper,
        "page": entry.page or "",
        "folder": str(folder),
    }
    yield f"{entry.title}: {entry.about}"
    yield from (f"  {name:<15} {' '.join(text.split())}" for name, text in facts.items() if text)


def _ask(entry: "NamedSet") -> None:
    """Have a person agree to a licence that forbids commercial use.

    Raises:
        ConfigError: there is nobody to ask.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            f"{entry.name} must not be used commercially ({entry.licence}); to agree, add "
            "--accept-licence"
        )
    try:
        input("Press Enter to agree to this licence and download, Ctrl-C to leave. ")
    except EOFError as error:  # Ctrl-D
        raise KeyboardInterrupt from error


def _next_steps(entry: "NamedSet", folder: Path) -> Iterator[str]:
    yield f"Have a look: beenhere data show {folder}"
    if entry.has_places:
        train = folder / entry.training_folder
        yield f"Train on it: beenhere train mixvpr --set data.train={train}"
    for name, protocol in list(entry.protocols.items())[:1]:
        tree = folder / protocol.split
        if (tree / "database").is_dir():
            yield f"Measure on it: beenhere eval offline-lite0 --data {tree}"
        else:
            yield f"Measure on it: beenhere eval offline-lite0 --data {folder} --protocol {name}"
