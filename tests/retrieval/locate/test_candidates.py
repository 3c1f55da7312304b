"""Conditions choose where an answer may lie, not its rivals."""

from pathlib import Path

import made_up_index
import numpy as np
import pytest
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.retrieval import LocateConfig
from beenhere.photos.photo_input import photo_input
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.answer import Candidates
from beenhere.retrieval.locate.candidates import find_candidates
from beenhere.retrieval.locate.confidence import FEATURES
from beenhere.retrieval.search.filters import Filter

PHOTOS = 60


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Photos 10 m apart on one line, of random descriptors."""
    made_up_index.make(tmp_path / "x.index", vectors(PHOTOS))
    return Index.open(tmp_path / "x.index")


def vectors(count: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    found = rng.normal(size=(count, 16)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def ask(index: Index, row: int, where: Filter | None, noise: float = 0.05) -> Candidates:
    query = vectors(PHOTOS)[row] + noise * np.random.default_rng(1).normal(size=16)
    query = (query / np.linalg.norm(query)).astype(np.float32)
    blank = photo_input(np.zeros((8, 8, 3), np.uint8))
    (found,) = find_candidates(index, [blank], query[None], where, None, LocateConfig(), 2)
    return found


def around(index: Index, row: int, metres: float) -> Filter:
    lat, lon = index.photos.frame.select("lat", "lon").row(row)
    return Filter(near=(lat, lon), radius=metres)


def features(found: Candidates) -> dict[str, float]:
    assert found.evidence is not None
    return dict(zip(FEATURES, found.evidence.tolist(), strict=True))


def test_a_filter_around_the_truth_changes_no_evidence(index: Index) -> None:
    free, near = ask(index, 30, None), ask(index, 30, around(index, 30, 25))
    assert free.places[0].matches[0] == near.places[0].matches[0]
    told, wanted = features(near), features(free)
    for name in ("similarity", "margin"):
        assert told[name] == pytest.approx(wanted[name], abs=1e-6)
    assert told["share"] == pytest.approx(wanted["share"], abs=0.02)
    assert {match.path for match in near.matches} <= {
        index.photos.paths[row] for row in range(28, 33)
    }


def test_what_a_filter_leaves_out_speaks_against_the_rest(index: Index) -> None:
    # The query is photo 10's; only the surroundings of photo 50 may answer.
    found = ask(index, 10, around(index, 50, 15))
    told = features(found)
    assert len(found.matches) == 3 and found.places[0].matches
    assert told["similarity"] < 0.9 and told["margin"] < -0.3
    assert told["share"] < 0.05


def test_photos_beside_the_answer_are_no_rivals(index: Index) -> None:
    # Photo 11 stands 10 m from 10, outside the circle: it says that the place is right.
    found = ask(index, 11, around(index, 10, 5))
    assert [match.path for match in found.matches] == [index.photos.paths[10]]
    told, free = features(found), features(ask(index, 11, None))
    assert told["share"] == pytest.approx(free["share"], abs=0.02)
    assert told["margin"] > features(ask(index, 11, around(index, 50, 5)))["margin"]


def test_nothing_meets_the_conditions(index: Index) -> None:
    lat, lon = index.photos.frame.select("lat", "lon").row(0)
    nowhere = geo.from_plane(geo.positions([lat], [lon]), [0.0], [-5000.0])
    found = ask(index, 0, Filter(near=(float(nowhere.lat[0]), float(nowhere.lon[0])), radius=10))
    assert found == Candidates((), ()) and found.evidence is None
