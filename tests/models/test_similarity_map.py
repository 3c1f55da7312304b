"""Similarity maps, held against loops in float64, finite differences, and photos with a hole."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from beenhere.config.models import BackboneConfig, ModelConfig, PreprocessingConfig
from beenhere.errors import ModelError
from beenhere.models import VPRModel, load_model
from beenhere.models.similarity_map import similarity_maps

AGGREGATORS: dict[str, dict[str, Any]] = {
    "avg": {"name": "avg", "out_dim": None},
    "gem": {"name": "gem"},
    "cosplace": {"name": "cosplace", "out_dim": 16},
    "convap": {"name": "convap", "out_channels": 8},
    "mixvpr": {"name": "mixvpr", "out_channels": 8, "out_rows": 2, "depth": 2},
    "sqrt_cov": {"name": "sqrt_cov"},
}


def build(aggregator: str, backbone: str = "resnet18", freeze: int | None = None) -> VPRModel:
    torch.manual_seed(1)
    crop = 1 if backbone == "resnet18" else 0
    return VPRModel(
        ModelConfig(
            backbone=BackboneConfig(name=backbone, pretrained=False, freeze=freeze, crop=crop),
            aggregator=AGGREGATORS[aggregator],
            preprocessing=PreprocessingConfig(image_size=(64, 96)),
        )
    )


def photo(seed: int, height: int = 64, width: int = 96) -> Tensor:
    tiles = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), np.uint8)
    picture = Image.fromarray(tiles).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def features(model: VPRModel, image: Tensor) -> NDArray[np.float64]:
    with torch.no_grad():
        return model.eval().feature_maps(image[None])[0].numpy().astype(np.float64)


def test_pooled_features_are_taken_apart_exactly() -> None:
    model, one, two = build("avg"), photo(1), photo(2)
    found = similarity_maps(model, one, two)
    a, b = features(model, one), features(model, two)
    channels, height, width = a.shape
    lengths = [np.sqrt(sum(x[c].mean() ** 2 for c in range(channels))) for x in (a, b)]
    for y, x in itertools.product(range(height), range(width)):
        share = sum(a[c, y, x] * b[c].mean() for c in range(channels))
        share /= height * width * lengths[0] * lengths[1]
        assert found.first[y, x] == pytest.approx(share, rel=1e-4)
    for shares in (found.first, found.second):
        assert shares.shape == (height, width) and shares.dtype == np.float32
        assert shares.sum() == pytest.approx(found.similarity, rel=1e-5)


def test_gem_adds_up_to_the_similarity() -> None:
    found = similarity_maps(build("gem"), photo(1), photo(2))
    assert found.first.sum() == pytest.approx(found.similarity, rel=1e-4)
    assert found.second.sum() == pytest.approx(found.similarity, rel=1e-4)


class FrozenDivisors:
    """Runs an aggregator; from the second time on, it divides by what it divided by at first."""

    def __init__(self, aggregator: torch.nn.Module, patch: pytest.MonkeyPatch) -> None:
        self.aggregator, self.patch = aggregator, patch
        self.kept: list[Tensor] = []

    def __call__(self, maps: Tensor) -> NDArray[np.float64]:
        replayed = iter(list(self.kept))

        def normalize(x: Tensor, dim: int) -> Tensor:
            return x / self._divisor(replayed, (x * x).sum(dim, keepdim=True).sqrt())

        def layer_norm(x: Tensor, _: Any, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
            centred = x - x.mean(-1, keepdim=True)
            spread = ((centred * centred).mean(-1, keepdim=True) + eps).sqrt()
            return centred / self._divisor(replayed, spread) * weight + bias

        with torch.no_grad(), self.patch.context() as patch:
            patch.setattr(F, "normalize", normalize)
            patch.setattr(F, "layer_norm", layer_norm)
            return self.aggregator(maps)[0].numpy().astype(np.float64)

    def _divisor(self, replayed: Iterator[Tensor], fresh: Tensor) -> Tensor:
        kept = next(replayed, None)
        if kept is None:
            self.kept.append(fresh)
        return fresh if kept is None else kept


@pytest.mark.parametrize("name", AGGREGATORS)
def test_a_share_is_what_the_similarity_gains_as_a_position_grows(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(name).eval()
    one, two = photo(1), photo(2)
    found = similarity_maps(model, one, two)
    run = FrozenDivisors(model.aggregator, monkeypatch)
    maps = torch.from_numpy(features(model, one)).float()[None]
    with torch.no_grad():
        other = model(two[None])[0].numpy().astype(np.float64)
    assert run(maps) @ other == pytest.approx(found.similarity, abs=1e-5)
    step = 0.02
    gains = np.zeros(found.first.shape)
    for y, x in itertools.product(*map(range, gains.shape)):
        ends = []
        for sign in (1, -1):
            grown = maps.clone()
            grown[0, :, y, x] *= 1 + sign * step
            ends.append(run(grown) @ other)
        gains[y, x] = (ends[0] - ends[1]) / (2 * step)
    assert np.abs(gains).max() > 0.003
    np.testing.assert_allclose(found.first, gains, atol=0.01 * np.abs(gains).max())


@pytest.mark.parametrize("backbone", ["resnet18", "tf_efficientnet_lite0", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("freeze", [None, 1])
def test_backbones_of_all_kinds_frozen_or_not(backbone: str, freeze: int | None) -> None:
    model = build("gem", backbone, freeze)
    found = similarity_maps(model, photo(1), photo(2, 80, 50))
    expected = (2, 3) if backbone == "tf_efficientnet_lite0" else (4, 6)
    assert found.first.shape == found.second.shape == expected
    assert np.isfinite(found.first).all() and found.first.any()
    with torch.no_grad():
        one, two = (model.eval()(image[None])[0] for image in (photo(1), photo(2, 80, 50)))
    assert found.similarity == pytest.approx(float(one @ two), abs=1e-5)


def test_photos_at_their_own_sizes_have_maps_of_their_own_sizes() -> None:
    options = ModelConfig(
        backbone=BackboneConfig(name="resnet18", pretrained=False), aggregator={"name": "gem"}
    )
    found = similarity_maps(VPRModel(options), photo(1, 64, 128), photo(2, 96, 32))
    assert found.first.shape == (2, 4) and found.second.shape == (3, 1)


def test_the_model_is_left_as_it_was() -> None:
    model = build("mixvpr", freeze=1)
    model.train()
    model.aggregator.blocks[0].eval()
    modes = [module.training for module in model.modules()]
    assert True in modes and False in modes
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = similarity_maps(model, photo(1), photo(2))
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    assert not any(getattr(module, name) for module in model.modules() for name in hooks)
    with torch.inference_mode():
        again = similarity_maps(model, photo(1), photo(2))
    with torch.autocast("cpu", torch.bfloat16):
        once_more = similarity_maps(model, photo(1), photo(2))
    for other in (again, once_more):
        np.testing.assert_array_equal(first.first, other.first)


@pytest.mark.parametrize(("row", "column"), [(1, 3), (3, 0)])
def test_a_hole_where_the_map_is_bright_costs_what_one_where_it_is_dark_does_not(
    row: int, column: int
) -> None:
    """Real ImageNet weights; two grey photos with the same thing in different places."""
    model = load_model("offline-lite0")
    thing = np.random.default_rng(3).integers(0, 256, (4, 4, 3), np.uint8).repeat(16, 0)
    thing = torch.from_numpy(thing.repeat(16, 1)).permute(2, 0, 1)

    def scene(row: int, column: int) -> Tensor:
        image = torch.full((3, 320, 320), 127, dtype=torch.uint8)
        image[:, 64 * row : 64 * row + 64, 64 * column : 64 * column + 64] = thing
        return image

    one, two = scene(row, column), scene(2, 2)
    found = similarity_maps(model, one, two)
    cells = found.first.reshape(5, 4, 5, 4).sum(axis=(1, 3))
    assert divmod(int(cells.argmax()), 5) == (row, column)

    def cost_of_hole(cell: int) -> float:
        y, x = divmod(cell, 5)
        holed = one.clone()
        holed[:, 64 * y : 64 * y + 64, 64 * x : 64 * x + 64] = 127
        return found.similarity - similarity_maps(model, holed, two).similarity

    assert cost_of_hole(int(cells.argmax())) > 0.005
    assert abs(cost_of_hole(int(cells.argmin()))) < 0.0005


def test_what_the_model_cannot_take_is_refused() -> None:
    with pytest.raises(ModelError, match="expected"):
        similarity_maps(build("gem"), photo(1)[0], photo(2))
    broken = build("gem")
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        similarity_maps(broken, photo(1), photo(2))
