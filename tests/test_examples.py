"""The examples in the docstrings of the public face run, and none of its parts is without one."""

import doctest
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from facade import facade, seen_from

import beenhere
from beenhere import geo
from beenhere.evaluation.differences import Differences
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.models.model import VPRModel
from beenhere.photos.exif import PhotoFacts, jpeg_bytes
from beenhere.retrieval.extract import Descriptors
from beenhere.retrieval.index import Matches
from beenhere.retrieval.locate.answer import Located, Location, Nearest
from beenhere.retrieval.pairs import photo_pairs

FACE = [
    *(getattr(beenhere, name) for name in beenhere.__all__),
    *(Descriptors, Differences, Evaluation, Located, Location, Matches, Nearest, VPRModel, geo),
    photo_pairs,
]
"""The names of ``beenhere``, what they return, and positions on the ground."""

SIZE = 96, 128


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the examples speak of."""
    root = tmp_path_factory.mktemp("town")
    walls = [facade(number, SIZE) for number in range(24)]
    for number, wall in enumerate(walls):
        _write(root / "photos" / f"IMG_{number:04}.jpg", wall, 37.7480 + 0.0002 * number)
        if number % 8 == 3:
            seen = seen_from(wall, 0.02)
            _write(root / "queries" / f"{number}.jpg", seen, 37.7480 + 0.0002 * number)
    for number in range(3):
        _write(root / f"{number + 1}.jpg", seen_from(walls[10 + number], 0.1), None)
    _write(root / "holiday.jpg", seen_from(walls[12], 0.1), None)
    _write(root / "more" / "new.jpg", facade(100, SIZE), 37.76)
    (root / "notes.txt").write_text("bread, milk")
    beenhere.Index.build(root / "photos", "offline-lite0", root / "city.index")
    for name in ("lite0", "lite0-again"):
        beenhere.evaluate(
            "offline-lite0",
            database=root / "photos",
            queries=root / "queries",
            out=root / "evaluations" / name,
        )
    return root


def _write(file: Path, pixels: Any, lat: float | None) -> None:
    file.parent.mkdir(exist_ok=True)
    facts = PhotoFacts(SIZE[1], SIZE[0], lat=lat, lon=None if lat is None else -122.4470)
    file.write_bytes(jpeg_bytes(pixels, facts, 92))


def _examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=True)
    for thing in FACE:
        for found in finder.find(thing):
            if found.examples:
                yield found


@pytest.mark.parametrize("example", list(_examples()), ids=lambda example: example.name)
def test_an_example(
    example: doctest.DocTest, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(town, tmp_path / "town"))
    runner = doctest.DocTestRunner(
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False
    )
    example.globs |= {"Path": Path, "beenhere": beenhere}
    example.globs["index"] = beenhere.Index.open("city.index")
    lines: list[str] = []
    runner.run(example, out=lines.append)
    assert not runner.failures, "".join(lines)


def test_every_part_of_the_face_has_an_example() -> None:
    without = [
        thing.__name__
        for thing in FACE
        if not inspect.ismodule(thing) and ">>>" not in (thing.__doc__ or "")
    ]
    assert without == []
