"""VPRModel as a whole: inputs, precision, size, fingerprint; and its preprocessing."""

import copy
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from beenhere.config.models import BackboneConfig, ModelConfig, PreprocessingConfig
from beenhere.errors import DataError, ModelError, PhotoError
from beenhere.models import Backbone, VPRModel, build_model
from beenhere.models.model import Preprocessing

MIXVPR = {"name": "mixvpr", "out_channels": 8, "out_rows": 2, "depth": 1}


def model(name: str = "test_resnet", aggregator: Any = "gem", **preprocessing: Any) -> VPRModel:
    torch.manual_seed(0)
    return VPRModel(config(name, aggregator, **preprocessing)).eval()


def config(name: str = "test_resnet", aggregator: Any = "gem", **preprocessing: Any) -> ModelConfig:
    backbone = {"name": name, "pretrained": False}
    return ModelConfig.model_validate(
        {"backbone": backbone, "aggregator": aggregator, "preprocessing": preprocessing}
    )


def photos(height: int = 64, width: int = 96) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8, generator=generator)


AGGREGATORS: list[Any] = ["avg", "gem", "cosplace", "convap", MIXVPR]


@pytest.mark.parametrize("aggregator", AGGREGATORS, ids=str)
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit"])
def test_images_become_descriptors_of_length_one(name: str, aggregator: Any) -> None:
    size = (64, 96) if aggregator is MIXVPR else None
    built = model(name, aggregator, image_size=size)
    with torch.no_grad():
        got = built(photos())
    assert got.shape == (2, built.descriptor_dim) and got.dtype == torch.float32
    torch.testing.assert_close(got.norm(dim=1), torch.ones(2))


def test_it_normalises_then_runs_backbone_and_aggregator() -> None:
    built = model(mean=(0.4, 0.5, 0.6), std=(0.1, 0.2, 0.3))
    channels = [
        (photos()[:, i] / 255 - m) / s
        for i, (m, s) in enumerate([(0.4, 0.1), (0.5, 0.2), (0.6, 0.3)])
    ]
    expected = built.aggregator(built.backbone(torch.stack(channels, dim=1)))
    torch.testing.assert_close(built(photos()), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(built(photos() / 255), expected, atol=1e-6, rtol=0)


def test_it_resizes_what_has_another_size() -> None:
    built = model(image_size=(48, 64))
    expected = built(built.preprocessing.resize(photos()))
    assert built.preprocessing.resize(photos()).shape[2:] == (48, 64)
    torch.testing.assert_close(built(photos()), expected, atol=0, rtol=0)


def test_it_describes_photos_however_they_come(tmp_path: Path) -> None:
    built = model(image_size=(48, 64), keep_aspect=False).train()
    frames = photos().permute(0, 2, 3, 1).numpy()
    path = tmp_path / "a.png"
    Image.fromarray(frames[0]).save(path)
    found = built.describe([frames[0], path, Image.fromarray(frames[1])])
    assert built.training and found.dtype == np.float32
    expected = built.eval()(photos()).detach().numpy()
    np.testing.assert_allclose(found, expected[[0, 0, 1]], atol=2e-3)
    np.testing.assert_allclose(built.describe(frames), expected, atol=2e-3)
    assert built.describe([]).shape == (0, built.descriptor_dim)
    with pytest.raises(DataError, match="given as one array of shape"):
        built.describe(frames[0])
    with pytest.raises(PhotoError, match="photo 2: got int; expected a path"):
        built.describe([frames[0], 7])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 64, 64), r"images are \(3, 64, 64\); expected \(B, 3, height, width\)"),
        (torch.zeros(1, 1, 64, 64), r"images are \(1, 1, 64, 64\)"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.int64), r"images are torch.int64"),
    ],
)
def test_what_is_no_image_is_named(images: torch.Tensor, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model()(images)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_is_the_same_when_built_without_gradients(mode: Any) -> None:
    with mode():
        got = model()(photos())
    torch.testing.assert_close(got, model()(photos()), atol=0, rtol=0)


def test_black_photos_give_no_nan() -> None:
    assert model()(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).isfinite().all()


@pytest.mark.parametrize("aggregator", AGGREGATORS, ids=str)
def test_under_autocast_the_descriptors_are_float32(aggregator: Any) -> None:
    built = model(aggregator=aggregator, image_size=(64, 96))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        got = built(photos())
    assert got.dtype == torch.float32
    assert ((got * built(photos())).sum(dim=1) > 0.98).all()


def test_half_precision_weights_work() -> None:
    exact = model()(photos())
    got = model().bfloat16()(photos())
    assert got.dtype == torch.float32 and ((got * exact).sum(dim=1) > 0.98).all()


def test_it_compiles_in_one_graph() -> None:
    built = model(aggregator=MIXVPR, image_size=(48, 64))
    compiled = torch.compile(built, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(photos()), built(photos()), atol=1e-5, rtol=0)


def test_mixvpr_resizes_every_image_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "beenhere"):
        built = model(aggregator=MIXVPR, image_size=(64, 96))
    assert [record.getMessage() for record in caplog.records] == [
        "mixvpr is tied to one image size: every image is resized to 64 x 96"
    ]
    assert built.aggregator.map_size == built.backbone.map_size(64, 96)
    assert built(photos(200, 70)).shape == (2, 16)


@pytest.mark.parametrize(
    "preprocessing", [{}, {"image_size": (64, 64), "keep_aspect": True}], ids=str
)
def test_mixvpr_without_one_size_says_what_to_set(preprocessing: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"set model\.preprocessing\.image_size"):
        model(aggregator=MIXVPR, **preprocessing)


def test_an_image_size_that_the_network_cannot_take_is_refused_at_once() -> None:
    with pytest.raises(ModelError, match=r"multiples of 16: .*nearest \[96, 64\]"):
        model("test_vit", image_size=(100, 64))


def test_training_a_step_moves_the_model() -> None:
    built = model(aggregator=MIXVPR, image_size=(64, 96)).train()
    before = built(photos()).detach()
    optimizer = torch.optim.SGD(built.parameters(), lr=0.1)
    (built(photos()) * torch.arange(16)).sum().backward()
    optimizer.step()
    assert (built(photos()) - before).abs().max() > 1e-4
    assert all(parameter.grad is not None for parameter in built.parameters())


class TestFingerprint:
    def test_is_that_of_options_and_weights(self) -> None:
        assert model().fingerprint() == model().fingerprint()
        assert len(model().fingerprint()) == 64
        others = [
            model(aggregator="avg"),
            model(image_size=(64, 64)),
            model(interpolation="bicubic"),
            model(std=(0.4, 0.5, 0.5)),
        ]
        assert model().fingerprint() not in {other.fingerprint() for other in others}

    def test_sees_a_weight_that_changed(self) -> None:
        built = model()
        seen = {built.fingerprint()}
        with torch.no_grad():
            built.backbone.network.conv1[0].weight[0, 0, 0, 0] += 1e-6
        seen.add(built.fingerprint())
        optimizer = torch.optim.AdamW(built.parameters(), lr=1e-3, foreach=True)
        built(photos())[:, 0].sum().backward()
        optimizer.step()
        seen.add(built.fingerprint())
        built.train()(photos())  # the statistics of batch norms
        seen.add(built.fingerprint())
        built.load_state_dict(model("test_resnet", "gem").state_dict())
        assert len(seen) == 4 and built.fingerprint() == model().fingerprint()

    def test_is_computed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        built = model()
        first = built.fingerprint()
        monkeypatch.setattr("beenhere.models.model._hash", lambda *_: pytest.fail("hashed again"))
        assert built.fingerprint() == first
        built(photos())
        assert built.fingerprint() == first

    def test_survives_copies_layouts_wider_types_and_inference_mode(self) -> None:
        built = model()
        first = built.fingerprint()
        assert copy.deepcopy(built).fingerprint() == first
        assert built.to(memory_format=torch.channels_last).fingerprint() == first
        assert built.double().fingerprint() == first
        with torch.inference_mode():
            assert model().fingerprint() == first

    def test_does_not_ask_how_the_weights_came_to_be(self) -> None:
        frozen = config().model_dump()
        frozen["backbone"] |= {"freeze": 1, "pretrained": True}
        torch.manual_seed(0)
        assert VPRModel(ModelConfig.model_validate(frozen)).fingerprint() == model().fingerprint()


def test_build_model_without_pretrained_weights_is_the_seeds() -> None:
    torch.manual_seed(0)
    first = build_model(config()).state_dict()
    torch.manual_seed(0)
    second = build_model(config()).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert isinstance(build_model(config()).backbone, nn.Module)


SIDES = st.integers(16, 5000)


def prepare(multiple: int = 1, **options: object) -> Preprocessing:
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
    assert prepare(**options).target_size(*photo) == target


@settings(max_examples=200)
@given(SIDES, SIDES, st.integers(14, 700), st.sampled_from([1, 4, 14, 16]), st.booleans())
def test_a_target_is_its_own_target(
    height: int, width: int, side: int, multiple: int, keep_aspect: bool
) -> None:
    prepared = prepare(multiple, image_size=(side, side + 40), keep_aspect=keep_aspect)
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
        got = prepare(image_size=(25, 40), interpolation=name).resize(images)[0].permute(1, 2, 0)
        expected = np.asarray(Image.fromarray(pixels).resize((40, 25), mode))
        assert np.abs(got.numpy().astype(int) - expected.astype(int)).max() <= 1


def test_a_photo_of_the_right_size_is_not_touched() -> None:
    images = torch.rand(1, 3, 25, 40)
    assert prepare(image_size=(25, 40)).resize(images) is images


def test_the_networks_own_mean_and_std_fill_what_is_null() -> None:
    lite = Backbone(BackboneConfig(name="tf_efficientnet_lite0", pretrained=False, crop=3))
    own = Preprocessing.of(PreprocessingConfig(mean=(0.1, 0.2, 0.3)), lite).config
    assert (own.mean, own.std) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
