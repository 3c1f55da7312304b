"""Photos of any size go through each published model as its authors feed it; no weights."""

from contextlib import nullcontext
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from authors_files import filled, matconvnet, write_matconvnet
from PIL import Image

from beenhere.config.models import ModelConfig
from beenhere.models.checkpoint import read_checkpoint
from beenhere.models.model import VPRModel
from beenhere.models.published.catalogue import published_models
from beenhere.models.published.store import take

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIZES = ((1, 1), (37, 3001), (480, 640), (1999, 333), (322, 322))

# What each is fed: (size, aspect kept, interpolation), by what its authors write.
FED = {
    **dict.fromkeys(("mixvpr-4096", "mixvpr-512", "mixvpr-128"), ((320, 320), False, "bicubic")),
    **dict.fromkeys(("convap-512", "convap-2048", "convap-8192"), ((320, 320), False, "bilinear")),
    "convap-4096": ((320, 320), False, "bicubic"),
    "boq-r50": ((384, 384), False, "bicubic"),
    "boq-dinov2": ((322, 322), False, "bicubic"),
    **dict.fromkeys(
        (
            *("salad", "cliquemining", "megaloc", "supervlad", "supervlad-1"),
            *("image-gsv", "image-merged", "qaa-8192"),
        ),
        ((322, 322), False, "bilinear"),
    ),
    "fol-large": ((504, 504), False, "bilinear"),
    "fol-base": ((322, 322), False, "bilinear"),
    "dino-mix": ((224, 224), False, "bilinear"),
    "netvlad-pitts30k": ((480, 640), True, "bilinear"),
}
BY_FAMILY = {
    **dict.fromkeys(("cosplace", "eigenplaces"), ((512, 512), True, "bilinear")),
    "patch-netvlad": ((480, 640), False, "bilinear"),
}

# One of each way of feeding and each kind of network.
ONE_OF_EACH = (
    *("mixvpr-128", "convap-512", "cosplace-r18-32", "cosplace-vgg16-64", "boq-r50", "boq-dinov2"),
    *("salad", "megaloc", "supervlad-1", "image-gsv", "qaa-8192", "dino-mix"),
    *("netvlad-pitts30k", "patch-netvlad-mapillary-128"),
)


@pytest.fixture
def without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch knows none for the meta device."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


@cache
def on_paper(options: str) -> VPRModel:
    with torch.device("meta"):
        return VPRModel(ModelConfig.model_validate_json(options)).eval()


@pytest.mark.parametrize("name", published_models())
def test_each_is_fed_as_its_authors_write(name: str) -> None:
    model = published_models()[name]
    how = model.config.preprocessing
    expected = FED.get(name) or BY_FAMILY[model.family.name]
    assert (how.image_size, how.keep_aspect, how.interpolation) == expected
    white = 1 / 255 if name.startswith("netvlad") else None
    assert how.mean is None and how.std == (white and (white,) * 3)


@pytest.mark.usefixtures("without_autocast")
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_photos_of_any_size_give_descriptors(name: str) -> None:
    model = published_models()[name]
    built = on_paper(model.config.model_dump_json())
    assert (built.preprocessing.config.mean == IMAGENET[0]) or name.startswith("netvlad")
    kept, targets = model.config.preprocessing.keep_aspect, set()
    for height, width in SIZES:
        target = built.preprocessing.target_size(height, width)
        if not kept:
            assert target == model.config.preprocessing.image_size
        else:
            shorter = min(model.config.preprocessing.image_size or ())
            assert min(target) == shorter and max(target) <= 8 * shorter
            assert (target[0] > target[1]) == (height > width)
        targets.add(target)
    for target in targets:
        images = torch.empty(2, 3, *target, dtype=torch.uint8, device="meta")
        assert built(images).shape == (2, model.dim)


@pytest.mark.usefixtures("without_autocast")
@pytest.mark.parametrize("name", ["salad", "image-gsv"])
def test_a_transformer_takes_photos_in_their_aspect_if_it_is_told_to(name: str) -> None:
    config = published_models()[name].config
    own = config.preprocessing.model_copy(update={"keep_aspect": True})
    built = on_paper(config.model_copy(update={"preprocessing": own}).model_dump_json())
    for height, width in SIZES:
        target = built.preprocessing.target_size(height, width)
        assert min(target) == 322 and target[0] % 14 == target[1] % 14 == 0
        images = torch.empty(1, 3, *target, dtype=torch.uint8, device="meta")
        assert built(images).shape == (1, published_models()[name].dim)


def test_the_mean_colour_of_a_file_travels_in_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEENHERE_CACHE", str(tmp_path))
    model = published_models()["netvlad-pitts30k"]
    options = model.config.model_dump(mode="json")
    options["aggregator"]["clusters"], options["projection"]["out_dim"] = 3, 4
    options["preprocessing"]["image_size"] = [64, 96]
    model = model.model_copy(update={"config": ModelConfig.model_validate(options)})
    file = write_matconvnet(filled(matconvnet(3, 4)), tmp_path / "x.mat", (120.5, 110.25, 99.75))
    built = read_checkpoint(take(model, file, "a test"))
    expected = np.array([120.5, 110.25, 99.75]) / 255
    np.testing.assert_allclose(built.preprocessing.config.mean or (), expected, rtol=1e-6)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    given = built.network_input(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    plain = pixels.astype(np.float64) - (120.5, 110.25, 99.75)
    np.testing.assert_allclose(given[0].permute(1, 2, 0).numpy(), plain, atol=1e-4)
    assert built.describe([tmp_path / "photo.png"]).shape == (1, 4)
