"""Whole networks of a person's own: preprocessing, evaluation, an index that does not hold them."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_module import write_own_module
from PIL import Image
from tiny import at_name, write_photo
from torch import nn

import beenhere
from beenhere.errors import BeenhereError, ConfigError, ModelError
from beenhere.models import save_checkpoint
from beenhere.models.similarity_map import similarity_maps


class Corners(nn.Module):
    """Means of the quarters of an image, times a weight; nothing of it has length 1."""

    def __init__(self, weight: float = 2.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.weight * nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


class Colour(nn.Module):
    """Without a weight."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))


class Gives(nn.Module):
    def __init__(self, what: Any) -> None:
        super().__init__()
        self.what = what

    def forward(self, images: torch.Tensor) -> Any:
        return self.what(images)


def fail(images: torch.Tensor) -> torch.Tensor:
    raise KeyError("no such\nlayer")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(6):
        write_photo(tmp_path / "photos" / at_name(500_000 + 10 * number, 4_100_000), number)
    return tmp_path / "photos"


def test_descriptors_are_the_networks_of_normalised_photos(photos: Path, tmp_path: Path) -> None:
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.2)
    wrapped = beenhere.wrap(Corners(-3.0), image_size=(8, 12), mean=mean, std=std)
    index = beenhere.Index.build(photos, wrapped, tmp_path / "x.index", extract={"precision": "32"})
    assert wrapped.descriptor_dim == 12
    names = [Path(path).name for path in index.photos.paths]
    found = dict(zip(names, index.describe(photos).vectors, strict=True))
    for path in photos.iterdir():
        pixels = np.asarray(Image.open(path).resize((12, 8), Image.Resampling.BILINEAR), np.float64)
        normal = (pixels / 255 - mean) / std
        quarters = normal.reshape(2, 4, 2, 6, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel()
        expected = -quarters / np.sqrt((quarters**2).sum())
        assert np.allclose(found[path.name], expected, atol=0.03)  # JPEGs are decoded smaller


def test_an_index_of_it_is_described_with_it_alone(photos: Path, tmp_path: Path) -> None:
    network = Corners()
    built = beenhere.Index.build(
        photos, beenhere.wrap(network, image_size=(16, 16)), tmp_path / "x"
    )
    first = str(next(photos.iterdir()))
    assert built.locate(first).matches[0].path == first
    assert not (tmp_path / "x" / "model").exists() and built.check().damages == []

    opened = beenhere.Index.open(tmp_path / "x")
    assert len(opened) == 6
    with pytest.raises(
        ModelError, match=r"does not hold, .*:Corners; open it with that: Index\.op"
    ):
        opened.describe(photos)
    for other in (
        beenhere.wrap(Corners(3.0), image_size=(16, 16)),
        beenhere.wrap(network, image_size=(8, 8)),
    ):
        with pytest.raises(ModelError, match="was given the model"):
            beenhere.Index.open(tmp_path / "x", model=other)
    same = beenhere.wrap(Corners(), image_size=(16, 16))
    given = beenhere.Index.open(tmp_path / "x", model=same)
    assert given.add(photos).unchanged == 6
    assert np.allclose(given.describe(photos, device="cpu").vectors, built.describe(photos).vectors)
    with torch.no_grad():
        same.network.weight += 1
    with pytest.raises(ModelError, match=r"was given the model .* \(the code of the network"):
        given.describe(photos)


def test_a_network_without_weights_is_evaluated_and_its_descriptors_are_found_again(
    photos: Path, tmp_path: Path
) -> None:
    wrapped = beenhere.wrap(Colour(), image_size=None)
    for computed in (6, 0):
        result = beenhere.evaluate(wrapped, photos=photos, out=tmp_path / "out", resamples=100)
        assert result.queries == 6 and result.timing.images_computed == computed
    assert result.model["config"]["network"].endswith(":Colour")
    assert result.model["descriptor_dim"] == 3


def test_a_bare_network_is_refused_before_anything_is_made(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^Corners is a bare network.*beenhere\.wrap\(network, "):
        beenhere.Index.build(photos, Corners(), tmp_path / "x")
    with pytest.raises(ModelError, match="bare network"):
        beenhere.evaluate(Corners(), photos=photos, out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Conv2d(3, 2, 1), r"Conv2d gives \(1, 2, 8, 8\) of images \(1, 3, 8, 8\); expected"),
        (Gives(lambda images: (images, images)), "gives a tuple of images"),
        (Gives(lambda images: images.flatten()[None, :4].repeat(2, 1)), r"gives \(2, 4\)"),
        (Gives(fail), r":Gives, on images \(1, 3, 8, 8\): KeyError: 'no such\\nlayer'"),
    ],
)
def test_what_is_no_network_of_descriptors_is_one_line(network: nn.Module, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        beenhere.wrap(network, image_size=(8, 8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_sizes": (8, 8)}, "'image_sizes' is not an option; did you mean 'image_size'?"),
        ({"std": (1, 2)}, "std"),
        ({"interpolation": "cubic"}, "interpolation is 'cubic'"),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        beenhere.wrap(Corners(), image_size=(8, 8), **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_sides_are_multiples_where_the_aspect_is_kept() -> None:
    sizes = []
    network = Gives(lambda images: sizes.append(tuple(images.shape[2:])) or images.mean(dim=(2, 3)))
    wrapped = beenhere.wrap(network, image_size=(28, 28), keep_aspect=True, multiple=14)
    wrapped(torch.zeros(1, 3, 50, 80, dtype=torch.uint8))
    assert sizes[-1] == (28, 42)


def test_it_is_no_checkpoint_and_has_no_similarity_maps(tmp_path: Path) -> None:
    wrapped = beenhere.wrap(Corners(), image_size=(8, 8))
    with pytest.raises(BeenhereError, match="a checkpoint holds no code"):
        save_checkpoint(wrapped, tmp_path / "x", {})
    photo = torch.zeros(3, 8, 8, dtype=torch.uint8)
    with pytest.raises(ModelError, match="has no feature maps"):
        similarity_maps(wrapped, photo, photo)


def test_a_function_of_ones_own_stands_for_a_model(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    source = (
        "import torch, beenhere\n"
        "def network():\n"
        "    layers = torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten()\n"
        "    return beenhere.wrap(torch.nn.Sequential(*layers), image_size=(8, 8))\n"
        "def bare():\n"
        "    return torch.nn.Flatten()\n"
    )
    name = write_own_module(tmp_path, source)
    result = beenhere.evaluate(f"{name}:network", photos=photos, resamples=100)
    assert result.model["provenance"] == {"model": f"{name}:network"}
    with pytest.raises(ModelError, match=r"bare gives a Flatten; expected what beenhere\.wrap"):
        beenhere.load_model(f"{name}:bare")

    beenhere.Index.build(photos, f"{name}:network", tmp_path / "x")
    del sys.modules[name]
    received = beenhere.Index.open(tmp_path / "x")
    with pytest.raises(ModelError, match=f"{name}:network, which is code.*--parts {name}"):
        received.describe(photos)
    assert name not in sys.modules, "an index that was received imports nothing"
    given = beenhere.Index.open(tmp_path / "x", model=beenhere.load_model(f"{name}:network"))
    assert given.describe(photos).vectors.shape == (6, 12)
