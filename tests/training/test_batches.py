"""Batches from real files: order, labels, stand-ins for broken photos, mixed sizes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from beenhere.config.models import PreprocessingConfig
from beenhere.config.training import BatchConfig
from beenhere.errors import DataError
from beenhere.models.model import Preprocessing
from beenhere.photos.table import PhotoTable
from beenhere.training.batches import BatchLoader
from beenhere.training.sampling import PlaceSampler

PLACES, PHOTOS = 6, 5
AS_THEY_ARE = Preprocessing(PreprocessingConfig())


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Photos of one grey each, 10 x place + number, so that an image says which it is."""
    written = []
    for place in range(PLACES):
        for number in range(PHOTOS):
            path = tmp_path / f"{place}_{number}.png"
            grey = np.full((8, 12, 3), 10 * place + number, np.uint8)
            Image.fromarray(grey).save(path)
            written.append(str(path))
    return written


def loader(paths: list[str], **options: int) -> BatchLoader:
    places = [Path(path).stem.split("_")[0] for path in paths]
    table = PhotoTable.from_columns({"path": paths, "place": places})
    config = BatchConfig(**{"places": 3, "images": 3, "min_images": 2, **options})
    return BatchLoader(PlaceSampler(table, config, 0), paths, AS_THEY_ARE, threads=2)


def greys(images: torch.Tensor) -> list[int]:
    return images[:, 0, 0, 0].tolist()


def test_batches_hold_what_the_sampler_drew(paths):
    batches = loader(paths)
    for epoch in (0, 1, 4):
        batches.epoch = epoch
        drawn = batches.sampler.epoch(epoch)
        got = list(batches)
        assert len(got) == len(batches) == len(drawn) == 2
        for batch, draws in zip(got, drawn, strict=True):
            assert batch.images.shape == (9, 3, 8, 12)
            assert batch.images.dtype == torch.uint8
            expected = [batches.paths[row] for draw in draws for row in draw.rows[:3]]
            numbers = [tuple(map(int, Path(path).stem.split("_"))) for path in expected]
            assert greys(batch.images) == [10 * place + number for place, number in numbers]
            assert batch.places.tolist() == [place for place, _ in numbers]


def test_threads_do_not_change_the_batches(paths):
    one, many = loader(paths), loader(paths)
    one.threads, many.threads = 1, 7
    for a, b in zip(one, many, strict=True):
        assert torch.equal(a.images, b.images)


def test_a_broken_photo_is_replaced_by_another_of_its_place(paths):
    Path(paths[0]).write_bytes(b"not a photo")
    Path(paths[1]).unlink()
    batches = loader(paths)
    seen = []
    for batch in batches:
        seen += [grey for grey in greys(batch.images) if grey < 10]
        assert (batch.places == 0).sum() in (0, 3), "the place still has K photos"
    assert sorted(seen) == [2, 3, 4]
    assert set(batches.unreadable) == {paths[0], paths[1]}


def test_a_place_without_enough_readable_photos_gives_what_it_has(paths):
    for path in paths[:4]:
        Path(path).write_bytes(b"")
    for path in paths[5:10]:
        Path(path).write_bytes(b"")
    counts = sum(torch.bincount(batch.places, minlength=PLACES) for batch in loader(paths))
    assert counts.tolist() == [1, 0, 3, 3, 3, 3]


def test_no_readable_photo_at_all_is_an_error(paths):
    for path in paths:
        Path(path).unlink()
    with pytest.raises(DataError, match="none of the photos of 3 places can be read; the first is"):
        list(loader(paths))


def test_mixed_sizes_are_refused_with_both_sizes_and_what_to_set(paths):
    Image.new("RGB", (20, 10)).save(paths[7])
    batches = loader(paths)
    with pytest.raises(DataError) as error:
        batches.check_sizes()
    assert "8 x 12" in str(error.value)
    assert "10 x 20" in str(error.value)
    assert "model.preprocessing.image_size" in str(error.value)
    batches = loader(paths, images=5)
    with pytest.raises(DataError, match="10 x 20"):
        list(batches)


def test_mixed_sizes_are_fine_with_a_target_size(paths):
    Image.new("RGB", (20, 10)).save(paths[7])
    batches = loader(paths)
    batches.preprocessing = Preprocessing(PreprocessingConfig(image_size=(6, 6)))
    batches.check_sizes()
    assert {tuple(batch.images.shape[1:]) for batch in batches} == {(3, 6, 6)}


def test_leaving_in_the_middle_leaves_no_thread(paths):
    import threading

    iterator = iter(loader(paths, places=2))
    next(iterator)
    iterator.close()
    assert not [t for t in threading.enumerate() if t.name.startswith(("decode", "collate"))]
