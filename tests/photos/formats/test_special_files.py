"""Pipes, sockets and devices under the names of everything that is looked for: never opened."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from published_sets import pittsburgh
from tiny import at_name, write_photo

from beenhere.config.training import EvaluationData
from beenhere.errors import BeenhereError, DataError
from beenhere.photos.exif import read_facts
from beenhere.photos.formats import find_sets, read_evaluation, read_photos
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.tools.doctor.fix_list import read_fixes
from beenhere.tools.tracks.track import read_tracks

NAMES = [
    "photos.csv",
    "photos.parquet",
    "a.jpg",
    "a.png",
    "conditions.csv",
    "ground_truth.csv",
    "ground_truth.npy",
    "shards.yaml",
    "beenhere-set.yaml",
    "x_dbImages.npy",
    "x_gt.npy",
    "datasets/pitts30k_test.mat",
    "Dataframes/Zurich.csv",
    "database.csv",
]


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """End what waits."""
    signal.alarm(60)
    yield
    signal.alarm(0)


@pytest.mark.parametrize("name", NAMES)
def test_no_pipe_is_waited_for(tmp_path: Path, name: str) -> None:
    for folder in ("database", "queries"):
        for number in range(2):
            write_photo(tmp_path / folder / at_name(500_000 + number, 4_100_000, folder), number)
    pittsburgh(tmp_path / "pitts")
    for folder in (tmp_path, tmp_path / "database", tmp_path / "pitts"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    for read in (
        lambda: find_sets(tmp_path),
        lambda: read_photos(tmp_path / "database"),
        lambda: read_photos(tmp_path / name),
        lambda: read_evaluation(EvaluationData(tree=tmp_path)),
        lambda: read_evaluation(EvaluationData(tree=tmp_path / "pitts")),
    ):
        try:
            read()
        except (BeenhereError, OSError) as error:
            assert "\n" not in str(error)


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    write_photo(tmp_path / at_name(500_000, 4_100_000), 1)
    os.mkfifo(tmp_path / "photos.csv")
    assert read_photos(tmp_path).unusable == [(str(tmp_path / "photos.csv"), "not a regular file")]


def test_single_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.csv")
    os.mkfifo(tmp_path / "x.gpx")
    for read in (
        lambda: read_facts(str(tmp_path / "x.csv")),
        lambda: PhotoKey.of(str(tmp_path / "x.csv")),
        lambda: read_fixes(tmp_path / "x.csv"),
        lambda: read_tracks([tmp_path / "x.gpx"]),
        lambda: read_photos(tmp_path / "x.csv"),
    ):
        with pytest.raises(DataError, match=r"not a regular file|no such file"):
            read()
