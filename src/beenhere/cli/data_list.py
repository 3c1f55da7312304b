"""``beenhere data list``: the published sets that are known by name."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.cli.output import console

if TYPE_CHECKING:
    from rich.table import Table

    from beenhere.datasets.catalog import NamedProtocol, NamedSet

COMMERCIAL = {"allowed": "yes", "forbidden": "no", "unknown": "not known"}

_WIDE = 150
"""Columns from which on the licences fit the table."""
_TEXT = 100
"""Columns of running text at most."""


def list_sets(name: str | None = None, /, *, to: Path = Path("data")) -> None:
    """The published sets that are known by name: what for, how big, which licence, how to get them.

    With a name: everything about that set: its protocols (how it is measured on), its paper, and
    what to do to get it.

    Args:
        name: such as `msls`; without one, all sets in a table.
        to: the folder that sets lie in; says which are here already.
    """
    from beenhere.datasets.catalog import named_set, named_sets

    if name is not None:
        print("\n".join(_everything(named_set(name), to)))
        return
    out = console()
    out.print(_table(named_sets(), to, out.width >= _WIDE))
    out.print(
        "\nfetch: beenhere data get NAME. by hand: beenhere data list NAME says what to do,\n"
        "and how the set is measured on; then beenhere data import NAME DIR.\n"
        "~: roughly; +: and those to train on; ?: not known here."
    )


def _table(sets: "list[NamedSet]", to: Path, wide: bool) -> "Table":
    from rich.table import Table

    from beenhere.files.atomic import holds_something

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("set", no_wrap=True)
    table.add_column("what for", no_wrap=True)
    table.add_column("photos", justify="right", no_wrap=True)
    table.add_column("on disk", justify="right", no_wrap=True)
    table.add_column("commercial use", no_wrap=True)
    table.add_column("how", no_wrap=True)
    table.add_column("here", no_wrap=True)
    if wide:
        table.add_column("licence")  # folds before anything else is cut
    for one in sets:
        row = [
            one.name,
            " ".join(one.purpose),
            _photos(one),
            _size(one),
            COMMERCIAL[one.commercial],
            "fetch" if one.files else "by hand",
            "yes" if holds_something(to.expanduser() / one.name) else "-",
        ]
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
        "commercial": COMMERCIAL[one.commercial],
        "paper": one.paper,
        "page": one.page or "?",
        "here": f"{here} ({folder})",
    }
    lines = [f"{one.title} ({one.name})", *_wrapped(one.about, width), ""]
    for what, text in facts.items():
        lines += _wrapped(text, width, first=f"{what:<12}", indent=12)
    if one.protocols:
        several = "s; the first is the default. Figures of two cannot be compared."
        lines += ["", f"Protocol{several if len(one.protocols) > 1 else ''}"]
        for name, protocol in one.protocols.items():
            lines += _protocol(one, name, protocol, folder, width)
    else:
        train = folder / one.training_folder
        lines += ["", f"Train on it: beenhere train mixvpr --set data.train={train}"]
    return [*lines, "", "How to get it", *_wrapped(one.steps, width, first="  ", indent=2)]


def _protocol(
    one: "NamedSet", name: str, protocol: "NamedProtocol", folder: Path, width: int
) -> list[str]:
    right = "by lists" if protocol.threshold is None else f"within {protocol.threshold:g} m"
    counts = f"database {_count(protocol.database)}, queries {_count(protocol.queries)}"
    by_folder = f"{protocol.split}/queries" in one.layouts[0] and not _has_query_folders(one)
    which = "" if name == next(iter(one.protocols)) else f" --protocol {name}"
    use = f"{folder / protocol.split}" if by_folder else f"{folder}{which}"
    return [
        f"  {name}: {counts}; right {right}",
        *_wrapped(protocol.about, width, first="    ", indent=4),
        f"    beenhere eval MODEL --data {use}",
    ]


def _has_query_folders(one: "NamedSet") -> bool:
    return any("queries_" in path or path.startswith("images/") for path in one.layouts[0])


def _wrapped(text: str, width: int, first: str = "", indent: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


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


def _count(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _size(one: "NamedSet") -> str:
    size = one.disk_bytes or one.disk_about
    if size is None:
        return "?"
    unit, name = next((n, w) for n, w in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")) if size >= n)
    return f"{'' if one.disk_bytes else '~'}{size / unit:.3g} {name}"
