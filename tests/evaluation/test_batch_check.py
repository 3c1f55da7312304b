"""A model that looks across its batch is found out; one that does not is not accused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import beenhere
from beenhere.errors import DataError
from beenhere.evaluation.batch_check import batch_check


class AcrossTheBatch(nn.Module):
    """Adds a little of the batch's mean to each descriptor, as cross-image encoders do."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        vectors = nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)
        return vectors + 0.05 * vectors.mean(dim=0, keepdim=True)


def photos(folder: Path, count: int) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = []
    for number in range(count):
        pixels = generator.integers(0, 256, (40, 56, 3), np.uint8)
        paths.append(folder / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.mark.parametrize("count", [2, 9, 40])
def test_a_model_that_looks_at_photos_by_themselves_does_not_depend(
    tmp_path: Path, count: int
) -> None:
    alone = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
    found = batch_check(beenhere.wrap(alone, image_size=(32, 32)), photos(tmp_path, count))
    assert not found.depends and found.photos == min(count, 32)


@pytest.mark.parametrize("count", [2, 9, 40])
def test_one_that_looks_across_the_batch_is_found_out(tmp_path: Path, count: int) -> None:
    model = beenhere.wrap(AcrossTheBatch(), image_size=(32, 32))
    found = batch_check(model, photos(tmp_path, count))
    assert found.depends and found.photo.endswith(".png")


def test_one_photo_has_no_company(tmp_path: Path) -> None:
    model = beenhere.wrap(AcrossTheBatch(), image_size=(32, 32))
    with pytest.raises(DataError, match="no two readable photos"):
        batch_check(model, photos(tmp_path, 1))
