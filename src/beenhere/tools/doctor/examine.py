"""The whole examination: every check, in the order of a report."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from beenhere.config.tools import CheckConfig
from beenhere.errors import ConfigError
from beenhere.tools.doctor import coordinates, jumps, metadata, splits
from beenhere.tools.doctor.findings import KINDS, Finding
from beenhere.tools.doctor.photo_collection import PhotoCollection

_CHECKS: tuple[Callable[[PhotoCollection, CheckConfig], list[Finding]], ...] = (
    metadata.unused_files,
    splits.shared_streets,
    coordinates.impossible_utm,
    coordinates.disagreeing,
    coordinates.null_island,
    coordinates.missing_positions,
    coordinates.outliers,
    jumps.jumps,
    splits.place_spread,
    splits.small_places,
    splits.queries_without_positive,
    metadata.headings_outside,
    metadata.missing_headings,
    metadata.future_dates,
    metadata.impossible_dates,
)


def examine(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """All findings: those that change a score first, else in the order of :data:`KINDS`.

    Raises:
        ConfigError: a kind to skip that is not known.
    """
    for name in options.skip:
        if name not in KINDS:
            raise ConfigError(f"skip names {name!r}; expected of {', '.join(KINDS)}")
    found = [each for check in _CHECKS for each in check(collection, options)]
    found = _without_explained_jumps(found)
    wanted = [kind for name, kind in KINDS.items() if name not in options.skip]
    if options.pixels and any(kind.pixels for kind in wanted):
        found += _by_pixels(collection, options)
    order = list(KINDS)
    return sorted(
        (finding for finding in found if finding.name not in options.skip),
        key=lambda finding: (finding.severity != "score", order.index(finding.name)),
    )


def _without_explained_jumps(findings: list[Finding]) -> list[Finding]:
    """A photo in the wrong zone jumps, too; once that is found, the jump says nothing more."""
    causes = [each.cases["path"] for each in findings if each.name in coordinates.OUTLIERS]
    explained = pl.concat([pl.Series(dtype=pl.String), *causes]).implode()
    left = ~pl.col("path").is_in(explained)
    kept = [
        replace(each, cases=each.cases.filter(left)) if each.name == "jump" else each
        for each in findings
    ]
    return [each for each in kept if len(each)]


def _by_pixels(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    # What decodes photos imports torch, which the other checks do without.
    from beenhere.tools.doctor import copies
    from beenhere.tools.doctor import fingerprints as seen

    taken = seen.take_fingerprints(collection, options)
    checks = (seen.unreadable, seen.near_empty, seen.other_size, copies.copies)
    return [finding for check in checks for finding in check(collection, taken, options)]
