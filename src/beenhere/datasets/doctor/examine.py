"""The whole examination: every check, in the order of a report."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from beenhere.config import CheckConfig
from beenhere.datasets.doctor import (
    coordinates,
    dates,
    headings,
    jumps,
    outliers,
    places,
    queries,
    streets,
    unused,
)
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import Finding
from beenhere.datasets.doctor.kinds import KINDS
from beenhere.errors import ConfigError

_CHECKS: tuple[Callable[[Collection, CheckConfig], list[Finding]], ...] = (
    unused.not_used,
    streets.shared,
    coordinates.impossible_utm,
    coordinates.disagreeing,
    coordinates.null_island,
    coordinates.missing,
    outliers.outliers,
    jumps.jumps,
    places.spread,
    places.small,
    queries.without_positive,
    headings.outside,
    headings.missing,
    dates.future,
    dates.impossible,
)


def examine(collection: Collection, options: CheckConfig) -> list[Finding]:
    """All findings: those that change a score first, else in the order of :data:`KINDS`.

    Raises:
        ConfigError: a kind to skip that is not known.
    """
    for name in options.skip:
        if name not in KINDS:
            raise ConfigError(f"skip names {name!r}; expected of {', '.join(KINDS)}")
    found = _told_once([each for check in _CHECKS for each in check(collection, options)])
    if options.pixels and any(
        kind.pixels and name not in options.skip for name, kind in KINDS.items()
    ):
        found += _seen(collection, options)
    order = list(KINDS)
    return sorted(
        (finding for finding in found if finding.name not in options.skip),
        key=lambda finding: (finding.severity != "score", order.index(finding.name)),
    )


def _told_once(findings: list[Finding]) -> list[Finding]:
    """A photo in the wrong zone jumps, too: once the cause is told that says nothing more."""
    causes = pl.concat(
        [
            pl.Series(dtype=pl.String),
            *(each.cases["path"] for each in findings if each.name in outliers.NAMES),
        ]
    )
    told = [
        replace(each, cases=each.cases.filter(~pl.col("path").is_in(causes.implode())))
        if each.name == "jump"
        else each
        for each in findings
    ]
    return [each for each in told if len(each)]


def _seen(collection: Collection, options: CheckConfig) -> list[Finding]:
    # What decodes photos imports torch, which the other checks do without.
    from beenhere.datasets.doctor import copies, pixels

    seen = pixels.look_at(collection, options)
    checks = (pixels.unreadable, pixels.near_empty, pixels.other_size, copies.copies)
    return [finding for check in checks for finding in check(collection, seen, options)]
