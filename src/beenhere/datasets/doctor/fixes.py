"""The fix list: one row for each photo that something should be done about."""

from collections.abc import Sequence

import polars as pl

from beenhere.datasets.doctor.findings import LEAVE_OUT, Finding

COLUMNS = ("path", "problem", "detail", "suggestion")


def fixes(findings: Sequence[Finding]) -> pl.DataFrame:
    """``path, problem, detail, suggestion``, sorted by path.

    A photo with several problems has them in one row, separated by ``; ``; its suggestion is to
    leave it out if that of any of them is.
    """
    rows = pl.concat(
        [
            pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String)),
            *(
                each.cases.filter(pl.col("suggestion").is_not_null()).select(
                    "path",
                    problem=pl.lit(each.name),
                    detail=pl.when(pl.col("other").is_null())
                    .then("detail")
                    .otherwise(pl.format("{} ({})", "detail", "other")),
                    suggestion="suggestion",
                )
                for each in findings
            ),
        ]
    )
    leaves_out = pl.col("suggestion").str.starts_with(LEAVE_OUT)
    return (
        rows.sort(~leaves_out, maintain_order=True)
        .group_by("path", maintain_order=True)
        .agg(
            pl.col("problem").unique(maintain_order=True).str.join("; "),
            pl.col("detail").unique(maintain_order=True).str.join("; "),
            pl.col("suggestion").first(),
        )
        .sort("path")
    )
