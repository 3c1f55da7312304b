"""A published model's descriptors are those of its paper's equations on the authors' tensors.

The whole way is gone: the authors' file with random weights, taken, saved as a checkpoint, read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import naive_models as naive
import numpy as np
import pytest
import tiny_vit
import torch
import torchvision
from authors_files import (
    NUMBERED,
    PLAIN,
    Shapes,
    State,
    bags,
    codes,
    cosplace,
    dinov2,
    filled,
    layer,
    matconvnet,
    mixer,
    patch_netvlad,
    resnet,
    transport,
    upconvs,
    vgg16,
    write,
    write_matconvnet,
)
from naive_models import Tensor
from tiny_vit import DEPTH, HEADS, WIDTH

from beenhere.config.models import ModelConfig
from beenhere.models.checkpoint import read_checkpoint
from beenhere.models.model import VPRModel
from beenhere.models.published.catalogue import PublishedModel, published_models
from beenhere.models.published.store import take

COLOUR = (123.5, 110.25, 99.75)
BOQ_RESNET = ("0", "1", "4", "5", "6")
TINY = {"name": tiny_vit.tiny_dinov2.__name__}
ANY_SIZE = {"image_size": None}
SQUARE_AND_NOT = ((126, 126), (98, 154))
TRANSPORT = {"clusters": 8, "cluster_dim": 12, "token_dim": 10, "hidden": 24}


@dataclass(frozen=True)
class Case:
    """A published model in small.

    Attributes:
        name: in the catalogue. shapes: of the authors' file.
        naive: normalised images and the authors' tensors to descriptors.
        options: in which it differs from the catalogue's.
        file: its ending. wrap: what :func:`authors_files.write` takes.
        sizes: of images.
    """

    name: str
    shapes: Shapes
    naive: Callable[[State, Tensor], Tensor]
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    file: str = ".pth"
    wrap: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[tuple[int, int], ...] = ((64, 64), (64, 96))


def vit(prefix: str, **options: Any) -> Shapes:
    return dinov2(prefix, WIDTH, DEPTH, **options)


def on_vit(
    name: str,
    shapes: Shapes,
    naive: Callable[[State, Tensor], Tensor],
    aggregator: dict[str, Any],
    file: str = ".pth",
    backbone: dict[str, Any] | None = None,
    **more: Any,
) -> Case:
    options = {
        "backbone": TINY | (backbone or {}),
        "aggregator": aggregator,
        "preprocessing": ANY_SIZE,
        **more.pop("options", {}),
    }
    return Case(name, shapes, naive, options, file, sizes=SQUARE_AND_NOT, **more)


def _cosplace(name: str, **more: Any) -> Case:
    _, backbone, out = name.split("-")

    def expected(w: State, x: Tensor) -> Tensor:
        if backbone == "vgg16":
            return naive.gem_and_linear(w, naive.vgg16(w, "backbone.", x))
        return naive.gem_and_linear(w, naive.resnet(w, "backbone.", NUMBERED, x))

    return Case(name, cosplace(backbone, int(out)), expected, {"preprocessing": ANY_SIZE}, **more)


def _mixvpr(height: int, width: int) -> Case:
    def expected(w: State, x: Tensor) -> Tensor:
        return naive.mixvpr(w, naive.resnet(w, "backbone.model.", PLAIN[:5], x))

    positions = height * width // 256
    return Case(
        "mixvpr-512",
        resnet("backbone.model.", PLAIN, 50, 3) | mixer(positions, 1024, 256, 2, 4),
        expected,
        {"preprocessing": {"image_size": [height, width]}},
        ".ckpt",
        sizes=((height, width),),
    )


def _dino_mix(height: int, width: int, **wrap: Any) -> Case:
    def expected(w: State, x: Tensor) -> Tensor:
        maps = naive.dinov2(w, "backbone.dino_model.", x, HEADS, finish=False)[2]
        return naive.mixvpr(w, maps)

    positions = height * width // 196
    return Case(
        "dino-mix",
        vit("backbone.dino_model.", norm=False) | mixer(positions, WIDTH, 32, 4, 2),
        expected,
        {
            "backbone": TINY,
            "aggregator": {"out_channels": 32},
            "preprocessing": {"image_size": [height, width]},
        },
        ".ckpt",
        wrap,
        ((height, width),),
    )


def _salad(w: State, x: Tensor) -> Tensor:
    return naive.salad(w, "aggregator.", *naive.dinov2(w, "backbone.model.", x, HEADS)[1:])


def _megaloc(prefix: str) -> Callable[[State, Tensor], Tensor]:
    def expected(w: State, x: Tensor) -> Tensor:
        features = naive.dinov2(w, prefix, x, HEADS)[1:]
        found = naive.salad(w, "aggregator.agg.", *features)
        return naive.unit(naive.linear(w, "aggregator.linear", found))

    return expected


def _megaloc_case(prefix: str, file: str) -> Case:
    aggregator = transport("aggregator.agg.", WIDTH, 10, 12, 8, 24)
    return on_vit(
        "megaloc",
        vit(prefix, mask=False) | aggregator | layer("aggregator.linear", 20, 10 + 12 * 8),
        _megaloc(prefix),
        TRANSPORT,
        file,
        options={"projection": {"out_dim": 20}},
    )


def _image(w: State, x: Tensor) -> Tensor:
    learnt = w["learnable_aggregation_tokens"]
    return naive.unit(naive.dinov2(w, "backbone.", x, HEADS, learnt=learnt, before=1)[0].flatten(1))


def _supervlad(clusters: int) -> Callable[[State, Tensor], Tensor]:
    return lambda w, x: naive.supervlad(w, naive.dinov2(w, "backbone.", x, HEADS)[2], clusters)


# What the training code of SuperVLAD and its successors saves beside the weights.
OF_TRAINING = {
    "wrap": "model_state_dict",
    "prefix": "module.",
    "epoch_num": 7,
    "recalls": np.array([91.5, 96.25]),
    "best_r5": np.float64(96.25),
    "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 1e-5}]},
}
LIGHTNING = {"wrap": "state_dict", "epoch": 3, "pytorch-lightning_version": "1.8.4"}

CASES = [
    _cosplace("cosplace-r18-64"),
    _cosplace("cosplace-r50-128", wrap={"wrap": "", "prefix": "module."}),
    _cosplace("cosplace-vgg16-64"),
    _cosplace("eigenplaces-r18-256"),
    _mixvpr(64, 64),
    _mixvpr(64, 96),
    Case(
        "convap-512",
        resnet("backbone.model.", PLAIN, 50) | layer("aggregator.channel_pool", 128, 2048, 1, 1),
        lambda w, x: naive.convap(w, naive.resnet(w, "backbone.model.", PLAIN, x)),
        {"preprocessing": ANY_SIZE},
        ".ckpt",
        LIGHTNING,
        ((128, 128), (64, 128)),
    ),
    Case(
        "boq-r50",
        resnet("backbone.net.", BOQ_RESNET, 50, 3) | bags(1024, 128, 6, 2, 4),
        lambda w, x: naive.boq(w, naive.resnet(w, "backbone.net.", BOQ_RESNET, x)),
        {
            "aggregator": {"channels": 128, "queries": 6, "out_rows": 4},
            "preprocessing": ANY_SIZE,
        },
    ),
    on_vit(
        "boq-dinov2",
        vit("backbone.dino.") | bags(WIDTH, 128, 6, 2, 4),
        lambda w, x: naive.boq(w, naive.dinov2(w, "backbone.dino.", x, HEADS, finish=False)[2]),
        {"channels": 128, "queries": 6, "out_rows": 4},
    ),
    on_vit(
        "salad",
        vit("backbone.model.") | transport("aggregator.", WIDTH, 10, 12, 8, 24),
        _salad,
        TRANSPORT,
        ".ckpt",
    ),
    on_vit(
        "cliquemining",
        vit("backbone.model.") | transport("aggregator.", WIDTH, 10, 12, 8, 24),
        _salad,
        TRANSPORT,
        ".ckpt",
        wrap=LIGHTNING,
    ),
    on_vit(
        "fol-base",
        vit("backbone.model.")
        | transport("aggregator.", WIDTH, 10, 12, 8, 24, dust_bin=False)
        | upconvs(WIDTH),
        lambda w, x: naive.fol(w, x, HEADS),
        TRANSPORT,
        wrap={"wrap": "model_state_dict", "prefix": "module."},
    ),
    _megaloc_case("backbone.", ".safetensors"),
    _megaloc_case("backbone.model.", ".torch"),
    on_vit(
        "supervlad",
        vit("backbone.") | layer("aggregation.conv", 5, WIDTH, 1, 1, bias=False),
        _supervlad(4),
        {},
        wrap=OF_TRAINING,
    ),
    on_vit(
        "supervlad-1",
        vit("backbone.") | layer("aggregation.conv", 3, WIDTH, 1, 1, bias=False),
        _supervlad(1),
        {},
        wrap=OF_TRAINING,
    ),
    on_vit(
        "image-gsv",
        vit("backbone.", registers=4) | {"learnable_aggregation_tokens": (1, 3, WIDTH)},
        _image,
        {},
        backbone={
            "name": tiny_vit.tiny_reg4_dinov2.__name__,
            "tokens": {"count": 3, "before": 1},
        },
        wrap=OF_TRAINING,
    ),
    on_vit(
        "qaa-8192",
        vit("backbone.model.") | codes(WIDTH, 9, 16, 5),
        lambda w, x: naive.qaa(w, naive.dinov2(w, "backbone.model.", x, HEADS)[2]),
        {"queries": 9, "feature_dim": 16, "clusters": 5},
        ".safetensors",
    ),
    _dino_mix(112, 112),
    _dino_mix(98, 154, **LIGHTNING),
    Case(
        "netvlad-pitts30k",
        matconvnet(5, 12),
        naive.matconvnet,
        {
            "aggregator": {"clusters": 5},
            "projection": {"out_dim": 12},
            "preprocessing": ANY_SIZE,
        },
        ".mat",
    ),
    Case(
        "patch-netvlad-mapillary-128",
        patch_netvlad(5, 12),
        naive.patch_netvlad,
        {
            "aggregator": {"clusters": 5},
            "projection": {"out_dim": 12},
            "preprocessing": ANY_SIZE,
        },
        ".pth.tar",
        {"wrap": "state_dict", "num_pcs": 12},
    ),
]


def published(case: Case) -> PublishedModel:
    """The catalogue's entry, with the case's options."""
    model = published_models()[case.name]
    options = model.config.model_dump(mode="json")
    for part, own in case.options.items():
        options[part] = (options[part] or {}) | own
    return model.model_copy(update={"config": ModelConfig.model_validate(options)})


def tensors(case: Case) -> State:
    state = filled(case.shapes)
    for name in ("WPCA.0.weight", "WPCA.0.bias"):
        if name in state:
            state[name] = state[name].double()
    if "upconv.weight" in state:  # else the class token looks everywhere alike
        state[f"backbone.model.blocks.{DEPTH - 1}.attn.qkv.weight"] *= 5
    return state


def taken(case: Case, state: State, folder: Path) -> VPRModel:
    """The authors' file is written, taken, and read as the checkpoint that it has become."""
    file = folder / f"authors{case.file}"
    if case.file == ".mat":
        write_matconvnet(state, file, COLOUR)
    else:
        write(state, file, **case.wrap)
    return read_checkpoint(take(published(case), file, "a test")).eval()


def normalised(case: Case, images: Tensor) -> Tensor:
    if case.file == ".mat":
        return images * 255 - torch.tensor(COLOUR)[:, None, None]
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    return (images - mean[:, None, None]) / std[:, None, None]


def differences(case: Case, folder: Path) -> list[tuple[Tensor, Tensor]]:
    """Descriptors found and expected, of one image and of two, of each size."""
    state = tensors(case)
    model = taken(case, state, folder)
    generator, pairs = torch.Generator().manual_seed(1), []
    for height, width in case.sizes:
        tiles = torch.rand(2, 3, 4, 4, generator=generator)
        images = torch.nn.functional.interpolate(tiles, (height, width))
        with torch.inference_mode():
            expected = case.naive(state, normalised(case, images))
            pairs += [(model(images), expected), (model(images[:1]), expected[:1])]
    return pairs


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEENHERE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.name}{case.file}-{case.sizes[0][1]}"
)
def test_descriptors_are_those_of_the_equations(case: Case, tmp_path: Path) -> None:
    for found, expected in differences(case, tmp_path):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        if len(found) == 2:  # two photos differ by far more than the tolerance
            assert (found[0] - found[1]).abs().max() > 1e-3


def test_the_naive_networks_are_torchvisions() -> None:
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    for depth in (18, 50):
        state = filled(resnet("", NUMBERED, depth))
        network = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        theirs = torch.nn.Sequential(*list(network.children())[:-2]).eval()
        theirs.load_state_dict(state)
        with torch.inference_mode():
            expected, found = theirs(images), naive.resnet(state, "", NUMBERED, images)
        largest = expected.abs().max()  # random blocks add up to thousands
        torch.testing.assert_close(found / largest, expected / largest, atol=1e-5, rtol=0)
    features = torchvision.models.vgg16(weights=None, init_weights=False).features[:-2]
    state = filled(vgg16(""))
    features.load_state_dict(state)
    with torch.inference_mode():
        torch.testing.assert_close(naive.vgg16(state, "", images), features(images))
