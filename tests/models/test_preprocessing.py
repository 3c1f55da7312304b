"""Sizes and resizing before the network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from beenhere.config.model import BackboneConfig, PreprocessingConfig
from beenhere.models.backbones import Backbone
from beenhere.models.model import Preprocessing

SIDES = st.integers(16, 5000)


def preprocessing(multiple: int = 1, **options: object) -> Preprocessing:
    return Preprocessing(PreprocessingConfig(**options), multiple)


@pytest.mark.parametrize(
    ("options", "photo", "target"),
    [
        ({}, (333, 500), (333, 500)),
        ({"image_size": (240, 320)}, (1024, 768), (240, 320)),
        ({"image_size": (320, 320), "keep_aspect": True}, (768, 1024), (320, 427)),
        ({"image_size": (480, 320), "keep_aspect": True}, (1024, 768), (427, 320)),
        ({"image_size": (320, 320), "keep_aspect": True}, (100, 100), (320, 320)),
        ({"image_size": (320, 320), "keep_aspect": True, "multiple": 14}, (768, 1024), (322, 434)),
        (
            {"image_size": (320, 320), "keep_aspect": True, "multiple": 14},
            (1, 9000),
            (322, 2576),
        ),
    ],
)
def test_target_sizes(
    options: dict[str, object], photo: tuple[int, int], target: tuple[int, int]
) -> None:
    assert preprocessing(**options).target_size(*photo) == target


@settings(deadline=None, max_examples=200)
@given(SIDES, SIDES, st.integers(14, 700), st.sampled_from([1, 4, 14, 16]), st.booleans())
def test_a_target_is_its_own_target(
    height: int, width: int, side: int, multiple: int, keep_aspect: bool
) -> None:
    prepared = preprocessing(multiple, image_size=(side, side + 40), keep_aspect=keep_aspect)
    target = prepared.target_size(height, width)
    assert prepared.target_size(*target) == target
    if keep_aspect:
        assert all(length % multiple == 0 for length in target)
        assert min(target) == max(1, round(side / multiple)) * multiple
        assert prepared.target_size(width, height) == target[::-1]


def test_resizing_is_pillows() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    for name, mode in (
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
    ):
        got = (
            preprocessing(image_size=(25, 40), interpolation=name)
            .resize(images)[0]
            .permute(1, 2, 0)
        )
        expected = np.asarray(Image.fromarray(pixels).resize((40, 25), mode))
        assert np.abs(got.numpy().astype(int) - expected.astype(int)).max() <= 1


def test_a_photo_of_the_right_size_is_not_touched() -> None:
    images = torch.rand(1, 3, 25, 40)
    assert preprocessing(image_size=(25, 40)).resize(images) is images


def test_the_networks_own_mean_and_std_fill_what_is_null() -> None:
    lite = Backbone(BackboneConfig(name="tf_efficientnet_lite0", pretrained=False, crop=3))
    own = Preprocessing.of(PreprocessingConfig(mean=(0.1, 0.2, 0.3)), lite).config
    assert (own.mean, own.std) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
