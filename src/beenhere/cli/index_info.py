"""``beenhere index info``: what an index holds, and what each way to search it costs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beenhere.cli.index_calibration import calibration_lines

if TYPE_CHECKING:
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.index.manifest import Manifest
    from beenhere.retrieval.index.recall import Recall


def info(
    index: Path,
    /,
    *,
    recall: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """What an index holds: photos, model, search, size.

    Args:
        index: folder of the index.
        recall: measure, on photos of the index, what each way to search costs and misses; takes a
            minute or more.
        json: print everything as JSON, with every photo that could not be read.
    """
    from dataclasses import asdict
    from json import dumps

    from beenhere import config_yaml
    from beenhere.retrieval.index import Index

    opened = Index.open(index)
    manifest = opened.manifest
    measured = opened.recall() if recall else None
    photos, facts = _photos(opened)
    if json:
        found = {
            "index": str(index),
            "bytes": manifest.bytes,
            "left_out_photos": opened.unreadable,
            **config_yaml.plain(manifest),
            **facts,
        }
        if manifest.calibration is not None:
            found["calibration"]["values"] = opened.calibration
        if measured is not None:
            found["recall"] = asdict(measured)
        print(dumps(found, indent=1, ensure_ascii=False))
        return
    model = manifest.model
    name = model.name or model.provenance.get("model") or "a model"
    lines = {
        "photos": photos,
        "removed": f"{manifest.removed:,}" + (", see compact" if manifest.removed else ""),
        "unreadable": f"{manifest.unreadable:,}" + (", see --json" if manifest.unreadable else ""),
        "model": f"{name} ({model.fingerprint[:16]}), in the precision {model.precision}",
        "descriptors": f"{manifest.dim} numbers in {manifest.dtype}{_whitened(manifest)}",
        "search": opened.store.search_line(),
        "calibration": calibration_lines(manifest, opened.calibration, index),
        "size": opened.store.size_line(),
        "written": f"{manifest.written} by beenhere {manifest.beenhere}",
    }
    print(index)
    for what, value in lines.items():
        first, *more = [value] if isinstance(value, str) else value
        print(f"  {what:<12}{first}")
        for line in more:
            print(f"  {'':<12}{line}")
    if measured is not None:
        _print_recall(measured)


def _photos(index: "Index") -> tuple[str, dict[str, Any]]:
    """The photos of an index, in words and in numbers."""
    held, number = index.store.summary(), len(index)
    if held is None:
        return f"{number:,}", {"photos": number}
    text = f"{number:,}, {held.positioned:,} with a position"
    if held.first is not None:
        text += f", taken {held.first} to {held.last}"
    numbers = {"positioned": held.positioned, "dated": held.dated}
    return text, numbers | {"first": held.first, "last": held.last}


def _whitened(manifest: "Manifest") -> str:
    if manifest.whitening is None:
        return ""
    return f", whitened from {manifest.model.dim} on {manifest.whitening.photos:,} photos"


def _print_recall(measured: "Recall") -> None:
    first, *_ = measured.table
    print(f"measured with {measured.queries:,} of its photos as queries, none its own match:")
    columns = [f"first {k} kept" if k > 1 else "first kept" for k in first.kept]
    print("  ".join(["  search        ", *columns, "bytes a photo", "ms a query", "alone"]))
    for row in measured.table:
        kept = [
            f"{share:>{len(column)}.2%}"
            for share, column in zip(row.kept.values(), columns, strict=True)
        ]
        mark = "*" if row.kind == measured.in_force else " "
        times = f"{row.together_ms:10.2f}", f"{row.alone_ms:5.1f}"
        print("  ".join([f"{mark} {row.kind:<14}", *kept, f"{row.photo_bytes:13,.0f}", *times]))
    print("  * in force; bytes of a structure come on top of those of exact search")
