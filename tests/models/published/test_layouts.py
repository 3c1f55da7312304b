"""Every published model's file fits its model, name by name and shape by shape; no weights."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
import torchvision
from authors_files import (
    NUMBERED,
    PLAIN,
    Shapes,
    bags,
    codes,
    cosplace,
    dinov2,
    layer,
    matconvnet,
    mixer,
    patch_netvlad,
    resnet,
    transport,
    upconvs,
    vgg16,
)

from beenhere.config.models import BackboneConfig
from beenhere.models import model as models
from beenhere.models.backbones import Backbone
from beenhere.models.model import VPRModel
from beenhere.models.published.catalogue import published_models
from beenhere.models.published.layouts import converted

BOQ_RESNET = ("0", "1", "4", "5", "6")


def mixvpr(out: int, rows: int) -> Shapes:
    return resnet("backbone.model.", PLAIN, 50, 3) | mixer(400, 1024, out, rows, 4)


def convap(out: int) -> Shapes:
    backbone = resnet("backbone.model.", PLAIN, 50)
    return backbone | layer("aggregator.channel_pool", out, 2048, 1, 1)


def salad() -> Shapes:
    return dinov2("backbone.model.") | transport("aggregator.", 768, 256, 128, 64)


def megaloc(backbone: str = "backbone.") -> Shapes:
    aggregator = transport("aggregator.agg.", 768, 256, 256, 64)
    return dinov2(backbone, mask=False) | aggregator | layer("aggregator.linear", 8448, 16640)


def fol(width: int, depth: int) -> Shapes:
    aggregator = transport("aggregator.", width, 256, 128, 64, dust_bin=False)
    return dinov2("backbone.model.", width, depth) | aggregator | upconvs(width)


def supervlad(clusters: int) -> Shapes:
    return dinov2("backbone.") | layer("aggregation.conv", clusters, 768, 1, 1, bias=False)


def image() -> Shapes:
    tokens: Shapes = {"learnable_aggregation_tokens": (1, 8, 768)}
    return dinov2("backbone.", registers=4) | tokens


def by_name(name: str) -> Shapes:
    _, backbone, out = name.split("-")
    return cosplace(backbone, int(out))


FILES: dict[str, Callable[[], Shapes]] = {
    "mixvpr-4096": lambda: mixvpr(1024, 4),
    "mixvpr-512": lambda: mixvpr(256, 2),
    "mixvpr-128": lambda: mixvpr(64, 2),
    **{f"convap-{4 * out}": lambda out=out: convap(out) for out in (128, 512, 1024, 2048)},  # type: ignore[misc]
    "salad": salad,
    "cliquemining": salad,
    "megaloc": megaloc,
    "fol-large": lambda: fol(1024, 24),
    "fol-base": lambda: fol(768, 12),
    "boq-r50": lambda: resnet("backbone.net.", BOQ_RESNET, 50, 3) | bags(1024, 512),
    "boq-dinov2": lambda: dinov2("backbone.dino.") | bags(768, 384),
    "supervlad": lambda: supervlad(5),
    "supervlad-1": lambda: supervlad(3),
    "image-gsv": image,
    "image-merged": image,
    "qaa-8192": lambda: dinov2("backbone.model.") | codes(768),
    "dino-mix": lambda: (
        dinov2("backbone.dino_model.", norm=False) | mixer(256, 768, 1024, 4, depth=2)
    ),
    "netvlad-pitts30k": lambda: matconvnet(64, 4096),
    **{
        f"patch-netvlad-{place}-{out}": lambda place=place, out=out: patch_netvlad(  # type: ignore[misc]
            16 if place == "mapillary" else 64, out
        )
        for place, sizes in (
            ("mapillary", (128, 512, 4096)),
            ("pitts", (128, 512, 4096)),
            ("landmarks", (4096,)),
        )
        for out in sizes
    },
}
"""By the names that people type; CosPlace's and EigenPlaces' say themselves what they are."""

DIMENSIONS = {
    **{f"cosplace-vgg16-{dim}": dim for dim in (64, 128, 256, 512)},
    **{f"cosplace-r18-{dim}": dim for dim in (32, 64, 128, 256, 512)},
    **{
        f"cosplace-{backbone}-{dim}": dim
        for backbone in ("r50", "r101", "r152")
        for dim in (32, 64, 128, 256, 512, 1024, 2048)
    },
    "eigenplaces-vgg16-512": 512,
    **{f"eigenplaces-r18-{dim}": dim for dim in (256, 512)},
    **{
        f"eigenplaces-{backbone}-{dim}": dim
        for backbone in ("r50", "r101")
        for dim in (128, 256, 512, 1024, 2048)
    },
    **{
        "fol-large": 8448,
        "fol-base": 8448,
        "salad": 8448,
        "cliquemining": 8448,
        "megaloc": 8448,
        "qaa-8192": 8192,
        "dino-mix": 4096,
    },
    **{"boq-r50": 16384, "boq-dinov2": 12288, "image-gsv": 6144, "image-merged": 6144},
    **{"supervlad": 3072, "supervlad-1": 768, "netvlad-pitts30k": 4096},
    **{name: int(name.rpartition("-")[2]) for name in FILES if name.startswith(("mix", "patch"))},
    **{name: int(name.rpartition("-")[2]) for name in FILES if name.startswith("convap")},
}

# Tensors and parameters (statistics of norms left out) of the authors' own modules, as they were
# counted when those were built with random weights.
COUNTED = {
    "mixvpr-4096": (286, 10_880_900),
    "convap-4096": (320, 25_606_208),
    "cosplace-r50-512": (321, 24_557_121),
    "cosplace-r18-512": (123, 11_439_169),
    "cosplace-vgg16-512": (29, 14_977_345),
    "salad": (188, 87_991_489),
    "megaloc": (189, 228_639_553),
    "boq-r50": (314, 23_844_448),
    "boq-dinov2": (231, 95_206_560),
    "supervlad": (176, 86_584_320),
    "image-gsv": (177, 86_589_696),
    "dino-mix": (189, 87_631_620),
    "qaa-8192": (200, 91_653_313),
}


def file_of(name: str) -> Shapes:
    made = FILES.get(name)
    return by_name(name) if made is None else made()


def on_paper(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@cache
def backbone_by(options: str) -> Backbone:
    return Backbone(BackboneConfig.model_validate_json(options))


@pytest.fixture
def few_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is built once: planning a ResNet-152 takes a second, and seven models have it."""

    def one(config: BackboneConfig, weights: object) -> Backbone:
        return backbone_by(config.model_dump_json())

    monkeypatch.setattr(models, "Backbone", one)


def test_every_published_model_is_looked_at() -> None:
    assert set(DIMENSIONS) == set(published_models())


@pytest.mark.parametrize("name", DIMENSIONS)
@pytest.mark.usefixtures("few_backbones")
def test_the_authors_file_fits(name: str) -> None:
    model = published_models()[name]
    with torch.device("meta"):
        built = VPRModel(model.config)
    assert built.descriptor_dim == model.dim == DIMENSIONS[name]
    bytes = sum(value.nbytes for value in built.state_dict().values())
    assert model.megabytes == round(bytes / 1e6)
    state = converted(on_paper(file_of(name)), model.layout, built.state_dict(), name)
    wanted = built.state_dict()
    assert {key: value.shape for key, value in state.items()} == {
        key: value.shape for key, value in wanted.items()
    }
    built.load_state_dict(state)


@pytest.mark.parametrize("name", COUNTED)
def test_the_lists_here_are_as_long_as_the_authors(name: str) -> None:
    shapes = file_of(name)
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    sizes = [
        torch.Size(shape).numel()
        for key, shape in shapes.items()
        if not key.endswith((*statistics, ".mask_token"))
    ]
    masks = [
        torch.Size(shape).numel() for key, shape in shapes.items() if key.endswith(".mask_token")
    ]
    assert (len(shapes), sum(sizes) + sum(masks)) == COUNTED[name]


def test_megalocs_first_file_fits_too() -> None:
    model = published_models()["megaloc"]
    with torch.device("meta"):
        wanted = VPRModel(model.config).state_dict()
    converted(on_paper(megaloc("backbone.model.")), model.layout, wanted, "megaloc.torch")


@pytest.mark.parametrize("depth", [18, 50, 101, 152])
def test_the_names_of_a_resnet_are_torchvisions(depth: int) -> None:
    with torch.device("meta"):
        network = getattr(torchvision.models, f"resnet{depth}")(weights=None)
    numbered = torch.nn.Sequential(*list(network.children())[:-2])
    for names, module in ((PLAIN, network), (NUMBERED, numbered)):
        theirs = {key: tuple(value.shape) for key, value in module.state_dict().items()}
        left_out = {key for key in theirs if key.startswith("fc.")}
        assert resnet("", names, depth) == {
            key: shape for key, shape in theirs.items() if key not in left_out
        }


def test_the_names_of_a_vgg_are_torchvisions() -> None:
    with torch.device("meta"):
        features = torchvision.models.vgg16(weights=None).features[:-2]
    theirs = {key: tuple(value.shape) for key, value in features.state_dict().items()}
    assert vgg16("") == theirs
