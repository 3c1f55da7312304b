"""Photos without positions, and lists of what is right, as files."""

from pathlib import Path

from tiny import write_photo

DATABASE, QUERIES = 12, 9
LISTS = {0: [0], 1: [3, 4], 2: [], 3: [3], 4: [11], 5: [5, 6, 7], 6: [2], 7: [7], 8: [9]}
"""By query, places of the database; query ``i`` looks like photo ``i``."""


def write_street(root: Path, lists: dict[int, list[int]] = LISTS) -> Path:
    """``ref/``, ``query/`` and ``ground_truth.csv``; some conditions beside them."""
    for at in range(DATABASE):
        write_photo(root / "ref" / f"d{at:02}.png", at)
    for at in range(QUERIES):
        write_photo(root / "query" / f"q{at}.png", at)
    pairs = [f"query/q{query}.png,ref/d{row:02}.png" for query in lists for row in lists[query]]
    (root / "ground_truth.csv").write_text("\n".join(["query,database", *pairs]) + "\n")
    conditions = [f"query/q{at}.png,{('day', 'night')[at % 2]}" for at in range(QUERIES)]
    (root / "conditions.csv").write_text("\n".join(["path,condition", *conditions]) + "\n")
    return root
