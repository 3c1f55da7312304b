"""Where commands put what they find, unless told."""

from pathlib import Path


def evaluation_folder(model: str, data: str) -> Path:
    """Where a model's evaluation on some photos lies, both given by a short name."""
    return Path("evaluations") / f"{model}-{data}"


def short_name(path: Path) -> str:
    """A short name of a folder, with its parent's where it is called as many are."""
    parts = [part for part in path.resolve().parts if part not in ("checkpoints", "/")]
    many = {"best", "last", "train", "val", "test", "photos", "images", "database", "queries"}
    return "-".join(parts[-2:] if parts[-1] in many else parts[-1:])


def distinct_names(one: Path, other: Path) -> tuple[str, str]:
    """Short names of two folders, as long as it takes to tell them apart; equal for equal ones."""
    names = short_name(one), short_name(other)
    parts = [path.resolve().parts[1:] for path in (one, other)]
    length = 2
    while names[0] == names[1] and parts[0] != parts[1]:
        names = "-".join(parts[0][-length:]), "-".join(parts[1][-length:])
        length += 1
    return names


def data_name(
    data: Path | None,
    database: Path | None,
    queries: Path | None,
    photos: Path | None,
    protocol: str | None = None,
) -> str:
    """A short name of the photos of an evaluation, however they are given."""
    if database is not None and queries is not None:
        together = database.resolve().parent == queries.resolve().parent
        return short_name(database.resolve().parent if together else queries)
    name = short_name(data or photos or Path())
    return f"{name}-{protocol}" if protocol else name
