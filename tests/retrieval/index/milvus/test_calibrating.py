"""An index in Milvus is calibrated by the same calls as a local one, and alike."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from milvus_writer import close_lite
from streets import street_model, write_streets

from beenhere import geo
from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration.calibrate_index import calibrate_index
from beenhere.evaluation.calibration.calibration_queries import CalibrationQueries
from beenhere.photos.formats import read_photos
from beenhere.photos.reference import points_of
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.milvus import milvus_store

CONFIG, LOCATE = CalibrateConfig(folds=3, resamples=100), LocateConfig(matches=10)


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_streets(tmp_path_factory.mktemp("streets"))


@pytest.fixture(scope="module")
def local(streets: Path) -> Index:
    return _index(streets, "x.index", dtype="float32")


@pytest.fixture(scope="module")
def remote(streets: Path, module_store: str) -> Index:
    return _index(streets, "m.index", store=module_store)


def _index(streets: Path, name: str, **options: str) -> Index:
    return Index.build(
        streets / "map", street_model(), streets / name, extract={"precision": "32"}, **options
    )


def test_what_is_fitted_is_that_of_a_local_index(
    local: Index, remote: Index, streets: Path
) -> None:
    queries = read_photos(streets / "queries")
    # One has no photo of the map near it.
    columns = {name: queries.frame[name].to_list() for name in ("path", "lat", "lon")}
    columns["lat"][0] += 0.01
    queries = PhotoTable.from_columns(columns)
    outside = read_photos(streets / "elsewhere")
    wanted, found = (
        calibrate_index(index, queries, outside, False, CONFIG, LOCATE) for index in (local, remote)
    )
    one, other = wanted.asked["plain"], found.asked["plain"]
    assert (other.unmatched, other.hidden, other.given_outside) == (1, 59, 6)
    assert other.left_out == one.left_out == ()
    # Milvus adds up in another order, and random weights make all cosines close to 1, so that
    # shares and spreads hang on their last digits.
    apart = np.abs(other.labelled.features - one.labelled.features)
    assert (apart[:, :4] <= [1e-5, 1e-5, 1e-3, 0.02]).all()
    np.testing.assert_allclose(other.labelled.error_m, one.labelled.error_m, rtol=0, atol=0.02)
    np.testing.assert_array_equal(other.labelled.groups, one.labelled.groups)
    for query in queries.paths[1:6]:
        answers = local.locate(query), remote.locate(query)
        assert answers[0].known == answers[1].known
        assert answers[1].probability == pytest.approx(answers[0].probability, abs=1e-3)
        assert answers[1].radius == pytest.approx(answers[0].radius, abs=0.1)
    assert Index.open(remote.path).calibration == found.values()


@pytest.fixture(scope="module")
def elsewhere_known(streets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """In Milvus, photos of which a frame, and of some a place is known, but no position."""
    paths = read_photos(streets / "map").paths
    columns = {"path": paths, "frame": [10 * number for number in range(len(paths))]}
    # The word that it looks for in what is kept of a photo stands in a text too.
    columns["place"] = ['"x": 1'] + [None] * (len(paths) - 1)  # type: ignore[list-item]
    folder = tmp_path_factory.mktemp("frames")
    options = {"extract": {"precision": "32"}, "store": f"{folder}/lite.db/frames"}
    table = PhotoTable.from_columns(columns)
    yield Index.build(table, street_model(), folder / "f.index", **options)
    close_lite(folder / "lite.db")


def test_photos_that_are_not_on_earth(elsewhere_known: Index) -> None:
    index = elsewhere_known
    assert index.reference().kind == "frame" and index.reference("place").kind == "place"
    frames = points_of(
        PhotoTable.from_columns({"path": list("abcd"), "frame": [10, 12, 13, None]}),
        index.reference(),
    )
    assert index.covers(frames, 2, "frame").tolist() == [True, True, False, False]
    assert np.sort(index.positions("frame").x).tolist() == [10.0 * n for n in range(60)]  # type: ignore[union-attr]
    assert index.positions("place").known.sum() == 1
    # Each photo shows a wall of its own, so without itself it is not found.
    with pytest.raises(DataError, match="of 120 answers are right; expected 5 or more"):
        calibrate_index(index, None, None, False, CONFIG, LOCATE)
    with pytest.raises(DataError, match="none of 1 queries can be read, has a frame number and"):
        nowhere = PhotoTable.from_columns({"path": index.photos.paths[:1]})
        calibrate_index(index, nowhere, None, False, CONFIG, LOCATE)


def test_photos_near_positions(local: Index, remote: Index) -> None:
    photos = local.photos.positions
    # The third lies in the square around the circle.
    east, north = np.array([[0.0, 2.9, 2.5, 3.1, 40.0], [0.0, 0.0, -2.5, 0.0, 0.0]])
    somewhere = geo.from_plane(photos[np.zeros(5, np.intp)], east, north)
    unknown = geo.positions([np.nan, 0.0], [np.nan, 0.0])
    positions = geo.joined([somewhere, unknown])
    for index in (local, remote):
        found = index.covers(positions, 3.0)
        assert found.tolist() == [True, True, False, False, False, False, False]
        assert index.covers(geo.positions([], []), 3.0).tolist() == []


def test_photos_of_the_index_are_drawn_while_they_are_few(
    local: Index, remote: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (
        CalibrationQueries(index, None, None, CONFIG, LOCATE).ask(None) for index in (local, remote)
    )
    assert len(other.labelled.error_m) == len(one.labelled.error_m) > 0
    monkeypatch.setattr(milvus_store, "MOST_READ", 5)
    with pytest.raises(DataError, match=r"no more than 5 are read from there") as error:
        calibrate_index(remote, None, None, False, CONFIG, LOCATE)
    assert "\n" not in str(error.value)
