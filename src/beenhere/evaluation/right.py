"""What makes a prediction right, in rows of predictions and in words: metres, or lists."""

import polars as pl


def is_right(threshold: float | None) -> pl.Expr:
    """Whether each row of predictions is right; null where nobody knows.

    Args:
        threshold: metres, for rows whose ``positive`` is null; where lists say it, they do.
    """
    near = pl.lit(None, pl.Boolean) if threshold is None else pl.col("distance_m") <= threshold
    return pl.coalesce("positive", near)


def has_positive(threshold: float | None) -> pl.Expr:
    """Whether each row of queries has a database photo that is right; null where nobody knows.

    Args:
        threshold: metres, for rows whose ``positives`` is null; where lists say it, they do.
    """
    near = pl.lit(None, pl.Boolean) if threshold is None else pl.col("nearest_m") <= threshold
    return pl.coalesce(pl.col("positives") > 0, near)


def in_words(threshold: float | None) -> str:
    """Fits after "a photo": ``"within 25 m"``, ``"on the list"``."""
    return "on the list" if threshold is None else f"within {threshold:g} m"


def rule_in_words(threshold: float | None) -> str:
    """When a prediction is right: ``"right within 25 m"``, ``"right by the lists"``."""
    return "right by the lists" if threshold is None else f"right within {threshold:g} m"
