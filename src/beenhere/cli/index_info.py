"""``beenhere index info``: what an index holds, and what each way to search it costs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beenhere.cli.index_calibration import calibration_lines
from beenhere.wording import file_size

if TYPE_CHECKING:
    from beenhere.retrieval.index.manifest import Manifest
    from beenhere.retrieval.index.recall import Recall
    from beenhere.retrieval.index.snapshot import Snapshot


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
    from beenhere.errors import DataError
    from beenhere.retrieval.index.snapshot import Snapshot

    state = Snapshot.open(index)
    manifest = state.manifest
    if recall and manifest.store is not None:
        raise DataError(f"{index}: recall is not measured for photos in Milvus; leave out --recall")
    photos, facts = _photos(state) if manifest.store is None else _photos_in_milvus(index)
    measured = None
    if recall:
        from beenhere.retrieval.index.recall import measure_recall

        measured = measure_recall(state)
    if json:
        found = {
            "index": str(index),
            "bytes": manifest.bytes,
            "left_out_photos": state.left_out,
            **config_yaml.plain(manifest),
            **facts,
        }
        if manifest.calibration is not None:
            found["calibration"]["values"] = state.calibration
        if measured is not None:
            found["recall"] = asdict(measured)
        print(dumps(found, indent=1, ensure_ascii=False))
        return
    model = manifest.model
    name = model.name or model.provenance.get("model") or "a model"
    each = f", {manifest.bytes / manifest.photos:,.0f} bytes a photo" if manifest.photos else ""
    if manifest.store is not None:
        each = " in the folder; photos and descriptors are elsewhere"
    lines = {
        "photos": photos,
        "removed": f"{manifest.removed:,}" + (", see compact" if manifest.removed else ""),
        "unreadable": f"{manifest.unreadable:,}" + (", see --json" if manifest.unreadable else ""),
        "model": f"{name} ({model.fingerprint[:16]}), in the precision {model.precision}",
        "descriptors": f"{manifest.dim} numbers in {manifest.dtype}{_whitened(manifest)}",
        "search": search_line(manifest),
        "calibration": calibration_lines(manifest, state.calibration, index),
        "size": f"{file_size(manifest.bytes)}{each}",
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


def _photos(state: "Snapshot") -> tuple[str, dict[str, Any]]:
    """What an index knows of its photos, in words and in numbers."""
    from beenhere.datasets.summary import summarise

    held = summarise(state.photos.rows(state.allowed.nonzero()[0]))
    text = f"{state.manifest.photos:,}, {held.with_position:,} with a position"
    if held.first is not None:
        text += f", taken {held.first} to {held.last}"
    numbers = {"positioned": held.with_position, "dated": held.with_date}
    return text, numbers | {"first": held.first, "last": held.last}


def _photos_in_milvus(index: Path) -> tuple[str, dict[str, Any]]:
    from beenhere.retrieval.index import Index

    count = len(Index.open(index))
    return f"{count:,}", {"photos": count}


def search_line(manifest: "Manifest") -> str:
    """How an index is searched, and why."""
    from beenhere.retrieval.search.choice import choose
    from beenhere.wording import count

    if manifest.store is not None:
        kind = "hnsw" if manifest.search.kind == "hnsw" else "exact"
        return f"{kind}: by Milvus, {manifest.store.address}/{manifest.store.collection}"
    structure = manifest.structure
    if structure is None:
        kind, reason = choose(manifest.rows, manifest.dim, manifest.search)
        if kind != "exact":
            return f"exact: {reason}; {kind} is due: see train"
        if manifest.photos == 0:
            return "exact: there is no photo to search"
        _, reason = choose(manifest.photos, manifest.dim, manifest.search)  # no removed ones
        return f"exact: {reason}"
    later = manifest.rows - structure.rows
    came = f"{count(later, 'photo')} came later, and {'is' if later == 1 else 'are'}"
    rest = f"; {came} searched exactly" if later else ""
    return f"{structure.kind}: {structure.reason}{rest}"


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
