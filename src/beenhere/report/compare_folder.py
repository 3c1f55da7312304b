"""The folder of a comparison: ``compare.json`` with every count, and a picture a test set."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from beenhere import __version__
from beenhere.errors import DataError
from beenhere.evaluation.differences import Differences
from beenhere.evaluation.protocol import in_words
from beenhere.files.atomic import write_file
from beenhere.files.regular import read_json
from beenhere.report import panels
from beenhere.report.compared_queries import ComparedQuery

FORMAT, FORMAT_VERSION = "beenhere-comparison", 1
"""Of ``compare.json``; the number is raised when the meaning of a field changes."""

RECORD, PICTURE = "compare.json", "compare.jpg"


def check_free(folder: Path) -> None:
    """See that :func:`write_comparison` would overwrite nothing but an earlier comparison.

    Raises:
        DataError: a file there has the name of one of ours and is none.
    """
    _check_ours(folder, [PICTURE], _earlier_pictures(folder))


def write_comparison(
    folder: Path,
    names: tuple[str, str],
    found: Sequence[tuple[Differences, Sequence[ComparedQuery]]],
) -> list[Path]:
    """Write ``compare.json``, and ``compare.jpg`` where there are queries to draw.

    Args:
        folder: made with its parents; an earlier comparison in it is replaced.
        names: of A and B.
        found: for each test set the comparison and the queries to draw. With several test sets
            the pictures are called ``compare-NAME.jpg``; of many queries they have several pages.

    Returns:
        The pictures.

    Raises:
        DataError: as :func:`check_free`.
    """
    pictures: dict[str, list[str]] = {}
    for one, queries in found:
        first = Path(PICTURE if len(found) == 1 else f"compare-{one.name}.jpg")
        pages = panels.comparison_pages(queries, first) if queries else []
        pictures[one.name] = [page.name for page, _ in pages]
    every = [name for names in pictures.values() for name in names]
    earlier = _earlier_pictures(folder)
    _check_ours(folder, every, earlier)
    folder.mkdir(parents=True, exist_ok=True)
    for name in earlier:
        (folder / name).unlink(missing_ok=True)
    record = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "beenhere": __version__,
        "a": names[0],
        "b": names[1],
        "tests": [
            {
                **one.to_dict(),
                "picture": next(iter(pictures[one.name]), None),
                "pictures": pictures[one.name],
            }
            for one, _ in found
        ],
    }
    write_file(folder / RECORD, json.dumps(record, indent=1, allow_nan=False) + "\n")
    for one, queries in found:
        if queries:
            _draw(one, queries, names, folder / pictures[one.name][0])
    return [folder / name for name in every]


def _earlier_pictures(folder: Path) -> set[str]:
    """Names of the pictures of the comparison in a folder; none where there is no comparison."""
    try:
        record = read_json(folder / RECORD)
        if record["format"] == FORMAT:
            tests = record["tests"]
            pictures = {
                name for one in tests for name in one.get("pictures", [one["picture"]]) if name
            }
            if all(Path(name).name == name for name in pictures):  # they will be removed
                return pictures
    except FileNotFoundError:
        return set()
    except (ValueError, KeyError, TypeError):
        pass
    raise DataError(
        f"{folder / RECORD} is not a comparison of beenhere; give another folder by --out"
    )


def _check_ours(folder: Path, names: Iterable[str], ours: set[str]) -> None:
    for name in names:
        if name not in ours and (folder / name).exists():
            raise DataError(
                f"{folder / name} is there, and was not drawn by the comparison in that folder; "
                "give another folder by --out"
            )


def _draw(
    found: Differences, queries: Sequence[ComparedQuery], names: tuple[str, str], path: Path
) -> None:
    first = "first photo" if found.at == 1 else f"first {found.at} photos"
    # What is cut where names are long is said again elsewhere.
    title = (
        f"right if the {first} found {'is' if found.at == 1 else 'hold one'} "
        f"{in_words(found.threshold, found.a.by)}; {found.name}, A: {names[0]}, B: {names[1]}"
    )
    headings = {}
    for winner, text, among in (
        ("a", "A is right and B is wrong", found.only_a),
        ("b", "B is right and A is wrong", found.only_b),
        ("neither", "both are wrong", found.neither),
    ):
        drawn, number = sum(query.winner == winner for query in queries), int(among.sum())
        some = "" if drawn == number else f", {drawn} of them here, chosen at random"
        headings[winner] = f"{text}: {number} of {len(among)} queries{some}"
    panels.draw_comparison(queries, path, title, headings)
