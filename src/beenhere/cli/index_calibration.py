"""What an index's calibration is, in lines for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beenhere.retrieval.index.manifest import Manifest

_WAYS = ("plain", "verified")


def calibration_lines(
    manifest: "Manifest", values: Mapping[str, Any] | None, index: Path
) -> list[str]:
    """For which answers it was fitted, when, and on what; its notes; whether photos have changed.

    Args:
        manifest: of the index. values: of its calibration, which may lack any of them.
        index: folder, as a person calls it.
    """
    if manifest.calibration is None or values is None:
        return [f"none; fit one: beenhere calibrate {index} --queries PHOTOS"]
    given = {way: values[way] for way in _WAYS if isinstance(values.get(way), Mapping)}
    how = _mapping(values, "fitted")
    line = " and ".join(given) or "of another program"
    if list(given) == ["plain"]:
        line = "plain only"
    facts = [_mapping(confidence, "fitted") for confidence in given.values()]
    date = str(how.get("at", "")).partition("T")[0]
    inside, outside = (_each(facts, kind, ",") for kind in ("inside", "outside"))
    line += f", fitted {date}".rstrip() if date or inside else ""
    if inside and outside:
        line += f" on {inside} queries inside and {outside} outside"
    threshold = _each(list(given.values()), "threshold", ".2f")
    line += f"; threshold {threshold}" if threshold else ""
    lines = [line]
    fitted = manifest.calibration.photos
    if fitted != manifest.photos:
        now = f"where now are {manifest.photos:,}: fit it again"
        lines.append(f"fitted with {fitted:,} photos, {now}")
    told: dict[str, list[str]] = {}
    for way, notes in _mapping(how, "notes").items():
        for note in notes:
            told.setdefault(note, []).append(way)
    for note, ways in told.items():
        apart = f" ({' and '.join(ways)})" if len(ways) < len(given) else ""
        lines.append(f"note{apart}: {note}")
    return lines


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _each(facts: list[Mapping[str, Any]], name: str, form: str) -> str:
    """A number of each way, such as ``0.64 / 0.85``; once where they are the same."""
    numbers = [f"{fact[name]:{form}}" for fact in facts if isinstance(fact.get(name), int | float)]
    return " / ".join(dict.fromkeys(numbers))
