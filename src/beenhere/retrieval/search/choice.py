"""Which kind of search suits an index, and why."""

from beenhere.config.retrieval import SearchConfig

FEWEST_TO_LEARN = 1000
"""Photos; codes learned from fewer are worth nothing, and exact search takes milliseconds."""

EXACT_NUMBERS = 250_000_000
"""Numbers in all descriptors up to which exact search answers one query in some 0.1 s."""

SCAN_PHOTOS = 5_000_000
"""Photos up to which looking at the code of each takes no longer than that."""


def choose(n: int, dim: int, config: SearchConfig) -> tuple[str, str]:
    """The kind of search for ``n`` descriptors of ``dim`` numbers, and the reason in a sentence.

    Args:
        n: photos.
        dim: numbers of a descriptor.
        config: a kind that is named there is taken, unless there is too little to learn it from.

    Returns:
        ``exact``, or a kind that :class:`beenhere.retrieval.search.approximate.Structure` takes.
    """
    if config.kind == "exact":
        return "exact", "exact search was asked for"
    if n < FEWEST_TO_LEARN:
        asked = "" if config.kind == "auto" else f"{config.kind} was asked for, but "
        few = "1 photo is" if n == 1 else f"{n:,} photos are"
        return "exact", f"{asked}{few} too few to learn a search structure from"
    if config.kind != "auto":
        return config.kind, f"{config.kind} was asked for"
    size = f"{n:,} descriptors of {dim:,} numbers"
    if n * dim <= EXACT_NUMBERS:
        return "exact", f"{size} are few enough to compare each query with all of them"
    if n <= SCAN_PHOTOS:
        return "pq", f"{size} take long to read for each query; their 4-bit codes do not"
    return "ivf", f"{size} are so many that even their codes take long to read for each query"
