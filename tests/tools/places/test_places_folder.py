"""What is written is read by the readers that read anything, from wherever it lies."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from camera import write_photo
from walks import streets, town

from beenhere.config import config_yaml
from beenhere.config.tools import PlacesConfig
from beenhere.config.training import EvaluationData, TrainConfig
from beenhere.errors import DataError
from beenhere.files.atomic import new_folder
from beenhere.photos.formats import read_evaluation, read_photos, sets_in
from beenhere.tools.places import BuiltPlaces, build_places, write_places
from beenhere.training.sampling import PlaceSampler

OPTIONS = PlacesConfig.model_validate(
    {"min_images": 2, "clusters": {"apart": 10}, "split": {"gap": 20, "val": 0.2, "test": 0.2}}
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phone") / "photos"
    positions = town("inside a zone", streets(2, 200, 600.0))
    for number, where in enumerate(zip(positions.lat, positions.lon, strict=True)):
        write_photo(
            folder / f"day {number % 3}" / f"IMG_{number}.jpg",
            (8, 8),
            where,
            captured=f"2020:06:{number % 3 + 1:02} 12:00:00",
        )
    return folder


def written(photos: Path, out: Path, options: PlacesConfig = OPTIONS) -> BuiltPlaces:
    built = build_places(read_photos(photos), options)
    with new_folder(out, photos) as folder:
        write_places(built, photos, folder, out)
    return built


def real(path: str) -> Path:
    return Path(path).resolve()


def test_readers_find_the_same_tables(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "own"
    built = written(photos, out)
    train = read_photos(out / "train")
    given = {real(path): rest for path, *rest in built.train.frame.iter_rows()}
    assert {real(path): rest for path, *rest in train.frame.iter_rows()} == given
    for name, part in built.evaluation.items():
        tables = read_evaluation(EvaluationData(tree=out / name))
        for found, expected in ((tables.database, part.database), (tables.queries, part.queries)):
            assert list(map(real, found.paths)) == list(map(real, expected.paths))
            assert found.frame["lat"].to_list() == expected.frame["lat"].to_list()
    assert [(each.path.name, each.evaluation) for each in sets_in(out)] == [
        ("test", True),
        ("train", False),
        ("val", True),
    ]
    left = pl.read_csv(out / "left-out.csv")
    assert left.height == len(built.left_out)
    assert all((out / path).is_file() for path in left["path"])


def test_it_moves_with_its_photos(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "here/photos")
    built = written(tmp_path / "here/photos", tmp_path / "here/own")
    (tmp_path / "here").rename(tmp_path / "there")
    assert len(read_photos(tmp_path / "there/own/train")) == len(built.train)


def test_it_is_read_through_links(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep/er")
    (tmp_path / "deep/photos").symlink_to(photos)
    out = tmp_path / "link/own"
    built = written(tmp_path / "deep/photos", out)
    assert len(read_photos(out / "train")) == len(built.train)
    assert len(read_photos(tmp_path / "deep/er/own/train")) == len(built.train)


@pytest.mark.parametrize("method", ["clusters", "cells"])
def test_the_configuration_fits_the_places(photos: Path, tmp_path: Path, method: str) -> None:
    out = tmp_path / "own"
    options = OPTIONS.model_copy(update={"method": method})
    built = written(photos, out, options)
    config = config_yaml.load(TrainConfig, out / "train.yaml")
    sampler = PlaceSampler(read_photos(config.data.train), config.batch, 0)
    assert len(sampler.places) == built.train.frame["place"].n_unique()
    assert len(sampler.epoch(0)) > 0
    assert config.data.validation == EvaluationData(tree=out / "val")
    assert config.data.tests["test"] == EvaluationData(tree=out / "test")
    assert config.batch.shuffle == "across_cities", "no group of cells holds a batch"
    assert config.fit.baseline == "offline-lite0"
    steps = config.fit.steps_per_epoch
    assert steps == min(25, 5 * (len(sampler.places) // config.batch.places))
    assert config.fit.epochs == 4
    # The photos are squares of 8 pixels, and the network is to see what it saw untrained.
    assert config.model.preprocessing.image_size == (320, 320)
    assert config.model.preprocessing.keep_aspect


def test_nothing_is_overwritten_and_nothing_is_left_behind(tmp_path: Path) -> None:
    out = tmp_path / "own"
    out.mkdir()
    with pytest.raises(RuntimeError), new_folder(out, tmp_path / "photos") as folder:
        (folder / "half").write_text("")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir() if "lock" not in path.name] == ["own"]
    with new_folder(out, tmp_path / "photos") as folder:
        (folder / "whole").write_text("")
    assert (out / "whole").is_file()
    for taken in (out, out / "whole"):
        with (
            pytest.raises(DataError, match="give a new or empty folder"),
            new_folder(taken, tmp_path / "photos"),
        ):
            raise AssertionError


def test_what_is_read_is_not_written_into(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos)
    for out in (photos / "own", photos, tmp_path / "link/deep/own"):
        with pytest.raises(DataError, match="which is to stay as it is"), new_folder(out, photos):
            raise AssertionError
    assert sorted(path.name for path in photos.iterdir()) == ["day 0", "day 1", "day 2"]


def test_the_configuration_says_what_to_change_when_it_is_moved(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "own"
    written(photos, out)
    text = (out / "train.yaml").read_text()
    above = text.partition("data:")[0].splitlines()
    assert all(line.startswith("# ") for line in above)
    said = " ".join(line[2:] for line in above)
    assert "train, validation and tests" in said and "moved" in said
    moved = out.rename(tmp_path / "own-moved")  # beside it: the tables still lead to the photos
    config = text.replace(str(out), str(moved))
    (moved / "train.yaml").write_text(config)
    data = config_yaml.load(TrainConfig, moved / "train.yaml").data
    assert all(Path(path).is_file() for path in read_photos(Path(data.train)).paths)
