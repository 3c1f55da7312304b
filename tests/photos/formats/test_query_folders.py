from pathlib import Path

import numpy as np
import published_sets
import pytest

from beenhere.config.training import EvaluationData
from beenhere.errors import ConfigError
from beenhere.photos.formats import read_evaluation, read_photos, sets_in
from beenhere.photos.formats.query_folders import has_query_folders, query_protocols


def _read(folder: Path, protocol: str | None = None):
    return read_evaluation(EvaluationData(tree=folder, protocol=protocol))


def _positives(folder: Path, protocol: str | None = None) -> list[list[int]]:
    return [rows.tolist() for rows in _read(folder, protocol).truth.positives(25)]


def test_svox_conditions_are_protocols_with_positions_in_oxford(tmp_path: Path) -> None:
    published_sets.svox(tmp_path / "svox")
    folder = tmp_path / "svox"
    assert query_protocols(folder) == ["test", "night", "rain", "val"]
    night = _read(folder, "night")
    assert (night.name, len(night.database), len(night.queries)) == ("svox-night", 3, 1)
    assert night.queries.frame["condition"].to_list() == ["night"]
    assert night.queries.frame["captured"].to_list() == ["2014-07"]
    # The Radcliffe Camera stands at 51.753 N, 1.254 W; the made-up photos lie 1.6 km from it.
    assert night.database.frame["zone"].unique().to_list() == ["30U"]
    assert night.database.frame["lat"][0] == pytest.approx(51.753, abs=0.02)
    assert night.database.frame["lon"][0] == pytest.approx(-1.254, abs=0.03)
    assert _positives(folder, "night") == [[1]]
    assert _positives(folder, "rain") == [[2]]
    assert _positives(folder, "val") == [[0]]
    assert _positives(folder) == [[0], [2]]  # the first is the default
    assert _read(folder).queries.frame["condition"].to_list() == [None, None]


def test_svox_names_with_a_zone_are_read_as_any_other(tmp_path: Path) -> None:
    test = tmp_path / "svox" / "images" / "test"
    name = "@0618700.00@5735100.00@30@U@051.75300@-001.25400@pano@@@@@@20140701@@.jpg"
    published_sets.put(test / "gallery", name)
    published_sets.put(test / "queries_sun", name)
    found = _read(tmp_path / "svox", "sun")
    assert found.database.frame["zone"].to_list() == ["30U"]
    assert found.database.frame["lat"].to_list() == [51.753]


def test_a_name_unlike_the_others_is_listed(tmp_path: Path) -> None:
    published_sets.svox(tmp_path)
    published_sets.put(tmp_path / "images/test/queries_night", "@0999999.00@1.00@201407@far@B@.jpg")
    night = _read(tmp_path, "night").queries
    assert len(night) == 1
    assert [(Path(path).name[:9], reason) for path, reason in night.unusable] == [
        ("@0999999.", "its name is unlike the others")
    ]


def test_sf_xl_query_folders(tmp_path: Path) -> None:
    folder = tmp_path / "sf_xl"
    published_sets.sf_xl(folder)
    assert query_protocols(folder) == ["v1", "v2", "night", "occlusion", "val"]
    assert _positives(folder, "v1") == [[0], [1]]
    assert _positives(folder, "night") == [[2]]
    assert _positives(folder, "val") == [[0]]
    assert _read(folder, "v2").name == "sf_xl-v2"
    assert len(read_photos(folder / "train")) == 1
    # The test split by itself serves the same, but for val.
    assert query_protocols(folder / "test") == ["v1", "v2", "night", "occlusion"]
    assert _read(folder / "test", "v2").name == "sf_xl-v2"


@pytest.mark.parametrize("database", ["database", "gallery"])
def test_images_tree_of_st_lucia_and_tokyo(tmp_path: Path, database: str) -> None:
    folder = tmp_path / "st_lucia"
    published_sets.images_tree(folder, database)
    assert query_protocols(folder) == ["test"]
    found = _read(folder)
    assert found.name == "st_lucia-test"
    # 40 m apart in a row, queries 6 m on: one right answer each, whatever the order of names.
    offsets = found.database.frame["easting"].to_numpy()
    expected = [
        np.flatnonzero(np.abs(offsets - easting) <= 25).tolist()
        for easting in found.queries.frame["easting"]
    ]
    assert _positives(folder) == expected == [[0], [2]]
    assert found.database.frame["lat"].max() < -27  # southern hemisphere


def test_a_protocol_that_is_not_there_names_the_others(tmp_path: Path) -> None:
    published_sets.svox(tmp_path)
    with pytest.raises(ConfigError, match="'snow'; it can serve test, night, rain, val"):
        _read(tmp_path, "snow")


def test_plain_trees_stay_with_the_plain_reader(tmp_path: Path) -> None:
    published_sets.sf_xs(tmp_path / "sf_xs")
    assert not has_query_folders(tmp_path / "sf_xs")
    assert not has_query_folders(tmp_path / "sf_xs" / "test")
    assert [one.path.name for one in sets_in(tmp_path / "sf_xs")] == ["test", "val"]
    (tmp_path / "sf_xs" / "test" / "images").mkdir()
    assert not has_query_folders(tmp_path / "sf_xs" / "test")
    own = tmp_path / "own" / "images" / "test"
    published_sets.put(own / "database", "holiday.jpg")
    published_sets.put(own / "queries", "another.jpg")
    assert not has_query_folders(tmp_path / "own")
