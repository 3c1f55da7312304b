"""Queries asked of a real index: as they are, with their place hidden, and from elsewhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import at_name, write_photo

from beenhere import geo
from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration import calibration_queries
from beenhere.evaluation.calibration.calibration_queries import CalibrationQueries, HiddenPhotos
from beenhere.models.model import VPRModel
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index

EAST, NORTH = 500_000.0, 4_100_000.0
STREETS = 4
PHOTOS = 20


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Four streets, 500 m apart, of twenty photos, 8 m apart."""
    folder = tmp_path_factory.mktemp("map")
    for street in range(STREETS):
        for number in range(PHOTOS):
            name = at_name(EAST + 500 * street, NORTH + 8 * number)
            write_photo(folder / "photos" / name, 100 * street + number)
    torch.manual_seed(0)
    from beenhere.config.models import ModelConfig

    options = {
        "backbone": {"name": "resnet10t", "pretrained": False, "crop": 2},
        "aggregator": {"name": "gem"},
    }
    model = VPRModel(ModelConfig.model_validate(options)).eval()
    return Index.build(folder / "photos", model, folder / "x.index", extract={"precision": "32"})


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhotoTable:
    """The same pictures 3 m away, on three streets; one without a place in the map; one broken."""
    monkeypatch.setattr(calibration_queries, "COPY_BITS", -1)  # else they are the index's own
    folder = tmp_path / "queries"
    for street in range(3):
        for number in range(0, PHOTOS, 2):
            name = at_name(EAST + 500 * street + 3, NORTH + 8 * number)
            write_photo(folder / name, 100 * street + number)
    write_photo(folder / at_name(EAST + 250, NORTH), 7)
    (folder / at_name(EAST, NORTH, "broken")).write_bytes(b"no photo")
    table = read_photos(folder)
    nowhere = write_photo(tmp_path / "nowhere.jpg", 8)
    columns = {"path": [*table.paths, nowhere]}
    for name in ("lat", "lon"):
        columns[name] = [*table.frame[name].to_list(), None]
    return PhotoTable.from_columns(columns)


@pytest.fixture
def elsewhere(tmp_path: Path) -> PhotoTable:
    for number in range(5):
        write_photo(tmp_path / "elsewhere" / at_name(EAST, NORTH + 50_000 + number), 900 + number)
    return read_photos(tmp_path / "elsewhere")


def test_every_query_is_asked_or_named(
    index: Index, queries: PhotoTable, elsewhere: PhotoTable
) -> None:
    asked = CalibrationQueries(index, queries, elsewhere, CalibrateConfig(), LocateConfig()).ask(
        None
    )
    assert (asked.given_outside, asked.unmatched, asked.hidden) == (5, 1, 30)
    assert len(asked.labelled) == 31 + 30 + 5
    assert asked.labelled.outside.sum() == 5 + 1 + 30
    reasons = {Path(path).name: reason for path, reason in asked.left_out}
    assert reasons["nowhere.jpg"] == "without a position"
    assert len(reasons) == 2 and any("broken" in name for name in reasons)
    # Photos that are in the map, a few metres on: found where they are.
    assert asked.labelled.right[:31].sum() >= 25
    assert np.isinf(asked.labelled.error_m[31:]).all()
    assert not asked.labelled.verified
    # A query and itself without its place stand on one street.
    inside = asked.labelled.groups[:31][~asked.labelled.outside[:31]]
    np.testing.assert_array_equal(inside, asked.labelled.groups[31:61])
    assert len(np.unique(inside)) == 3


def test_errors_are_metres_from_the_answer_to_the_truth(index: Index, queries: PhotoTable) -> None:
    config = CalibrateConfig()
    asked = CalibrationQueries(index, queries, None, config, LocateConfig(matches=1)).ask(None)
    for row, path in enumerate(index_paths(queries)[:5]):
        place = index.locate(path, matches=1).place
        assert place is not None
        truth = read_photos(Path(path).parent).frame
        lat, lon = truth.filter(truth["path"] == path).select("lat", "lon").row(0)
        metres = geo.distance(geo.positions([place.lat], [place.lon]), geo.positions([lat], [lon]))
        assert asked.labelled.error_m[row] == pytest.approx(metres[0], abs=0.01)


def index_paths(queries: PhotoTable) -> list[str]:
    return [path for path in queries.paths if "broken" not in path and "nowhere" not in path]


@pytest.mark.parametrize("radius", [0.0, 30.0, 10_000.0])
@pytest.mark.parametrize("k", [1, 7, 80])
def test_hidden_photos_are_never_found_and_others_keep_their_order(
    index: Index, radius: float, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beenhere.evaluation.calibration.calibration_queries.AT_FIRST", 2)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(index))[:12]
    asked = index.photos.rows(rows)
    vectors = index.describe(asked).vectors
    found = HiddenPhotos(index, asked, radius).search(vectors, k)
    every = index.search(vectors, len(index))
    photos, places = index.photos.positions, asked.positions
    for query in range(12):
        expected = []
        for row, cosine in zip(every.rows[query], every.similarity[query], strict=True):
            east = photos.easting[row] - places.easting[query]
            north = photos.northing[row] - places.northing[query]
            if np.hypot(east, north) > radius and row != rows[query]:
                expected.append((int(row), float(cosine)))
        expected = (expected + [(-1, np.nan)] * k)[:k]
        assert found.rows[query].tolist() == [row for row, _ in expected]
        np.testing.assert_array_equal(found.similarity[query], [cosine for _, cosine in expected])


def test_photos_of_the_index_are_asked_without_themselves(index: Index) -> None:
    config = CalibrateConfig(queries=30, apart=5)
    asked = CalibrationQueries(index, None, None, config, LocateConfig(matches=1)).ask(None)
    assert len(asked.labelled) == 60 and asked.hidden == 30
    # Neighbours stand 8 m apart, and nothing nearer was found.
    assert asked.labelled.error_m.min() > 7.9


def test_no_query_with_a_position_is_one_line(index: Index, tmp_path: Path) -> None:
    nowhere = PhotoTable.from_columns({"path": [write_photo(tmp_path / "x.jpg", 1)]})
    with pytest.raises(DataError, match="none of 1 queries can be read, has a position"):
        CalibrationQueries(index, nowhere, None, CalibrateConfig(), LocateConfig())


def test_photos_of_the_index_itself_are_left_out(index: Index, tmp_path: Path) -> None:
    """The file, a link to it, a copy, and one that was saved anew."""
    known = sorted(index.photos.paths)
    (tmp_path / "link.png").symlink_to(known[1])
    shutil.copy(known[2], tmp_path / "copy.png")
    with Image.open(known[3]) as photo:
        photo.save(tmp_path / "anew.jpg", quality=100, subsampling=0)
    other = write_photo(tmp_path / "other.png", 777)
    paths = [known[0], *(str(tmp_path / name) for name in ("link.png", "copy.png", "anew.jpg"))]
    given = PhotoTable.from_columns({"path": [*paths, other], "lat": [37.0] * 5, "lon": [15.0] * 5})
    asked = CalibrationQueries(index, given, None, CalibrateConfig(), LocateConfig()).ask(None)
    left_out = dict(asked.left_out)
    assert [left_out[path] for path in paths] == [
        f"a photo of the index itself ({path})" for path in known[:4]
    ]
    assert len(asked.labelled) == 1
    with pytest.raises(DataError, match=r"is not in the index itself \(4 are\); expected photos"):
        CalibrationQueries(index, given.rows(np.arange(4)), None, CalibrateConfig(), LocateConfig())
