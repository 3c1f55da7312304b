"""The two sides of an evaluation set: a database and queries, side by side."""

from pathlib import Path

from beenhere.datasets.formats.listing import TABLE_SUFFIXES

PAIRS = (("database", "queries"), ("ref", "query"))
"""How the sides are called; the second is VPR-Bench's way."""


def sides(tree: Path) -> tuple[Path, Path] | None:
    """Database and queries of a folder: folders, or tables of these names; None without both."""
    for names in PAIRS:
        database, queries = (_side(tree, name) for name in names)
        if database is not None and queries is not None:
            return database, queries
    return None


def _side(tree: Path, name: str) -> Path | None:
    candidates = [tree / name, *(tree / f"{name}{suffix}" for suffix in sorted(TABLE_SUFFIXES))]
    return next((path for path in candidates if path.exists()), None)
