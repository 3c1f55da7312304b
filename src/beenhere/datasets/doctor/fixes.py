"""The fix list: one row for each photo that something should be done about."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from beenhere.datasets.doctor.findings import LEAVE_OUT, Finding
from beenhere.datasets.table import paths_from
from beenhere.errors import DataError
from beenhere.wording import one_line

COLUMNS = ("path", "problem", "detail", "suggestion")


def fixes(findings: Sequence[Finding], folder: Path) -> pl.DataFrame:
    """``path, problem, detail, suggestion``, sorted by path.

    A photo with several problems has them in one row, separated by ``; ``; its suggestion is to
    leave it out if that of any of them is.

    Args:
        folder: where the list will lie: its paths are from there, as in every table of photos.
    """
    rows = pl.concat(
        [
            pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String)),
            *(_rows(each, folder) for each in findings),
        ]
    )
    return (
        rows.sort(~leaves_out(), maintain_order=True)
        .group_by("path", maintain_order=True)
        .agg(
            pl.col("problem").unique(maintain_order=True).str.join("; "),
            pl.col("detail").unique(maintain_order=True).str.join("; "),
            pl.col("suggestion").first(),
        )
        .sort("path")
    )


def read_fixes(file: Path) -> pl.DataFrame:
    """A fix list, as it was written or as a person has shortened it; paths with its folder's.

    Raises:
        DataError: no CSV file with the columns of one.
    """
    try:
        rows = pl.read_csv(file, infer_schema=False, glob=False).select(COLUMNS)
    except (pl.exceptions.PolarsError, OSError) as error:
        problem = one_line(error)
        raise DataError(
            f"{file}: expected a fix list with the columns {','.join(COLUMNS)} ({problem})"
        ) from error
    rows = rows.filter(pl.col("path").is_not_null())
    whole = [str(file.parent / path) for path in rows["path"]]
    return rows.with_columns(path=pl.Series(whole, dtype=pl.String))


def leaves_out() -> pl.Expr:
    """Whether a row leaves its photo out: the one rule, by how its suggestion starts."""
    return pl.col("suggestion").str.starts_with(LEAVE_OUT).fill_null(value=False)


def _rows(finding: Finding, folder: Path) -> pl.DataFrame:
    cases = finding.cases.filter(pl.col("suggestion").is_not_null())
    other = cases["other"].drop_nulls().to_list()
    named = dict(zip(other, paths_from(other, folder), strict=True))
    return cases.select(
        path=pl.Series(paths_from(cases["path"].to_list(), folder), dtype=pl.String),
        problem=pl.lit(finding.name),
        detail=pl.when(pl.col("other").is_null())
        .then("detail")
        .otherwise(pl.format("{} ({})", "detail", pl.col("other").replace(named))),
        suggestion="suggestion",
    )
