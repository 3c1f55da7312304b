"""``beenhere data``: the published sets: list them, download them, import what was got by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.cli.output import (
    agreed,
    console,
    few,
    leave_interrupted,
    tally,
    tell,
    wrapped,
)
from beenhere.errors import DataError
from beenhere.wording import file_size

if TYPE_CHECKING:
    from rich.table import Table

    from beenhere.photos.catalog import NamedProtocol, NamedSet

_WIDE = 150
"""Columns from which on the licences fit the table."""
_TEXT = 100
"""Columns of running text at most."""

_COMMERCIAL = {"allowed": "yes", "forbidden": "no", "unknown": "not known"}
_BEFORE_DOWNLOAD = {
    "allowed": "allowed",
    "forbidden": "FORBIDDEN",
    "unknown": "not known: ask its authors",
}


def list_sets(name: str | None = None, /, *, to: Path = Path("data")) -> None:
    """The published sets known by name: what for, how big, which licence, how to get them.

    With a name: everything about that set: its protocols (how it is measured on), its paper, and
    what to do to get it.

    Args:
        name: a set's name, such as `msls`; without one, all sets in a table.
        to: the folder that sets lie in; says which are here already.
    """
    from beenhere.photos.catalog import named_set, named_sets

    if name is not None:
        tell(*_everything(named_set(name), to))
        return
    out = console()
    out.print(_table(named_sets(), to, out.width >= _WIDE))
    out.print(
        "\nfetch: beenhere data get NAME. by hand: beenhere data list NAME says what to do,\n"
        "and how the set is measured on; then beenhere data import NAME DIR.\n"
        "~: roughly; +: and those to train on; ?: not known here."
    )


def get(name: str, /, *, to: Path = Path("data"), accept_licence: bool = False) -> None:
    """Download a published set, check it, and lay it out in a folder of its name.

    A description and its licence are shown first. Interrupted, the same command goes on where it
    was. A set is there whole or not there.

    Args:
        name: the set's name, such as `sf_xs`; see `beenhere data list`.
        to: the folder of all sets; the set gets a folder of its name in it.
        accept_licence: agree to a licence that forbids commercial use, without being asked.
    """
    from beenhere.files.atomic import holds_something
    from beenhere.photos.acquire.get_set import by_hand, get_set
    from beenhere.photos.catalog import named_set

    entry, to = named_set(name), to.expanduser()
    folder = to / entry.name
    tell(*_facts(entry, folder))
    if not holds_something(folder):
        if not entry.files:
            raise DataError(by_hand(entry, to))
        if entry.commercial == "forbidden" and not accept_licence:
            _ask(entry)
    try:
        new = get_set(entry, to)
    except KeyboardInterrupt:
        leave_interrupted("the same command goes on where it was")
    tell(f"{folder}: ready" if new else f"{folder}: is there already, with the right counts")
    tell(*_next_steps(entry, folder))


def import_set(name: str, folder: Path, /, *, to: Path = Path("data")) -> None:
    """Check a published set that you got by hand, and lay it out where sets lie.

    Archives in the folder are unpacked. Nothing in it is changed: files get hard links, which take
    no room, or are copied where the disk is another. `beenhere data list NAME` says what a folder
    must hold.

    Args:
        name: the set's name, such as `pitts30k`.
        folder: what you got: the set's folder, one around it, one with archives, or one archive.
        to: the folder that sets lie in; the set goes to a folder of its name there.
    """
    from beenhere.photos.acquire.import_set import import_set as take_over
    from beenhere.photos.catalog import named_set

    entry = named_set(name)
    use = _COMMERCIAL[entry.commercial]
    tell(f"Licence of {entry.title}: {entry.licence}. Commercial use: {use}.")
    done = take_over(entry, folder, to)
    for part, count in done.photos.items():
        tell(f"  {'all' if part == '.' else part}: {count:,} photos")
    if done.unusable:
        tell(f"  files that cannot be used: {few(done.unusable)}")
    how = {
        "files linked (no room taken)": done.linked,
        "files copied": done.copied,
        "archives unpacked": done.unpacked,
    }
    tell(f"{done.folder}: {tally(how)}. {folder} is as it was.")
    tell(f"Have a look: beenhere data show {done.folder}")


def _table(sets: "list[NamedSet]", to: Path, wide: bool) -> "Table":
    from rich.table import Table

    from beenhere.files.atomic import holds_something

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("set", "what for", "photos", "on disk", "commercial use", "how", "here"):
        number = heading in ("photos", "on disk")
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    if wide:
        table.add_column("licence")  # folds before anything else is cut
    for one in sets:
        use, how = _COMMERCIAL[one.commercial], "fetch" if one.files else "by hand"
        here = "yes" if holds_something(to.expanduser() / one.name) else "-"
        row = [one.name, " ".join(one.purpose), _photos(one), _size(one), use, how, here]
        table.add_row(*row, *([one.licence] if wide else []))
    return table


def _everything(one: "NamedSet", to: Path) -> list[str]:
    from beenhere.files.atomic import holds_something

    width = min(console().width, _TEXT)
    folder = to / one.name
    here = "yes" if holds_something(folder.expanduser()) else "no"
    facts = {
        "what for": ", ".join(one.purpose),
        "photos": _photos(one),
        "on disk": _size(one),
        "licence": one.licence,
        "commercial": _COMMERCIAL[one.commercial],
        "paper": one.paper,
        "page": one.page or "?",
        "here": f"{here} ({folder})",
    }
    lines = [f"{one.title} ({one.name})", *wrapped(one.about, width), ""]
    for what, text in facts.items():
        lines += wrapped(text, width, first=f"{what:<12}", indent=12)
    if one.protocols:
        several = "s; the first is the default. Figures of two cannot be compared."
        lines += ["", f"Protocol{several if len(one.protocols) > 1 else ''}"]
        for name, protocol in one.protocols.items():
            lines += _protocol(one, name, protocol, folder, width)
    else:
        train = folder / one.training_folder
        lines += ["", f"Train on it: beenhere train mixvpr --set data.train={train}"]
    return [*lines, "", "How to get it", *wrapped(one.steps, width, first="  ", indent=2)]


def _protocol(
    one: "NamedSet", name: str, protocol: "NamedProtocol", folder: Path, width: int
) -> list[str]:
    right = "by lists" if protocol.threshold is None else f"within {protocol.threshold:g} m"
    photos = {"database": protocol.database, "queries": protocol.queries}
    counts = ", ".join(f"{side} {'?' if n is None else f'{n:,}'}" for side, n in photos.items())
    layout = one.layouts[0]
    several = any("queries_" in path or path.startswith("images/") for path in layout)
    by_folder = f"{protocol.split}/queries" in layout and not several
    which = "" if name == next(iter(one.protocols)) else f" --protocol {name}"
    use = f"{folder / protocol.split}" if by_folder else f"{folder}{which}"
    return [
        f"  {name}: {counts}; right {right}",
        *wrapped(protocol.about, width, first="    ", indent=4),
        f"    beenhere eval MODEL --data {use}",
    ]


def _photos(one: "NamedSet") -> str:
    if one.photos is not None:
        return f"{one.photos:,}"
    if one.photos_about is not None:
        return f"~{one.photos_about:,}"
    databases = {protocol.split: protocol.database for protocol in one.protocols.values()}
    queries = [protocol.queries for protocol in one.protocols.values()]
    if not queries or None in queries or None in databases.values():
        return "?"
    more = "+" if "train" in one.purpose else ""
    return f"{sum(filter(None, [*databases.values(), *queries])):,}{more}"


def _size(one: "NamedSet") -> str:
    size = one.disk_bytes or one.disk_about
    if size is None:
        return "?"
    return f"{'' if one.disk_bytes else '~'}{file_size(size).replace('.0 ', ' ')}"


def _facts(entry: "NamedSet", folder: Path) -> Iterator[str]:
    packed = sum(file.bytes or 0 for file in entry.files)
    facts = {
        "for": ", ".join(entry.purpose),
        "photos": f"{entry.photos:,}" if entry.photos else "",
        "download": file_size(packed) if packed else "",
        "on disk": file_size(entry.disk_bytes) if entry.disk_bytes else "",
        "licence": entry.licence,
        "commercial use": _BEFORE_DOWNLOAD[entry.commercial],
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
    agreed(
        "Press Enter to agree to this licence and download, Ctrl-C to leave. ",
        f"{entry.name} must not be used commercially ({entry.licence}); to agree, add "
        "--accept-licence",
    )


def _next_steps(entry: "NamedSet", folder: Path) -> Iterator[str]:
    yield f"Have a look: beenhere data show {folder}"
    if entry.has_places:
        train = folder / entry.training_folder
        yield f"Train on it: beenhere train mixvpr --set data.train={train}"
    for name, protocol in list(entry.protocols.items())[:1]:
        tree = folder / protocol.split
        where = tree if (tree / "database").is_dir() else f"{folder} --protocol {name}"
        yield f"Measure on it: beenhere eval offline-lite0 --data {where}"
