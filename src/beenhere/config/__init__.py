"""Every option of the project, once, with its default, its range and its meaning.

A YAML file, ``--set a.b=c`` on the command line and Python keyword arguments all end in these
models (see :mod:`beenhere.config.config_yaml`). No torch is imported here: ``--help`` stays fast.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Options(BaseModel):
    """A group of options: unknown names are errors, values never change after validation."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


def _choice(default: str) -> BeforeValidator:
    """Let ``miner: none`` stand for ``miner: {name: none}``, and no name for the default's."""

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        return {"name": default} | value if isinstance(value, dict) else value

    return BeforeValidator(named)


# YAML reads a bare 32 as a number.
_NUMBER_AS_TEXT = BeforeValidator(lambda value: str(value) if type(value) is int else value)


# --- model ---------------------------------------------------------------------------------------


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
    freeze: Annotated[int, Field(ge=0)] | Literal["all"] | None = Field(
        None,
        description="keep the stem and the first n stages as they are, batch norms too; "
        "0: the stem alone; all: every stage that is left; null: train everything",
    )


class AvgConfig(Options):
    """Global average pooling, then a linear layer (the study's baseline)."""

    name: Literal["avg"] = "avg"
    out_dim: int | None = Field(
        512, ge=1, description="descriptor size by a linear layer; null: no linear layer"
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
    out_dim: int = Field(512, ge=1, description="descriptor size")
    p: float = Field(3.0, gt=0, description="GeM's power at the start")
    eps: float = Field(1e-6, gt=0, description="lower bound of the features before the power")


class ConvAPConfig(Options):
    """1x1 convolution, adaptive average pooling (Ali-bey et al., 2022)."""

    name: Literal["convap"] = "convap"
    out_channels: int = Field(512, ge=1, description="channels after the 1x1 convolution")
    s1: int = Field(2, ge=1, description="rows of the pooled map")
    s2: int = Field(2, ge=1, description="columns of the pooled map")


class MixVPRConfig(Options):
    """Feature mixing along the positions of the map (Ali-bey et al., 2023)."""

    name: Literal["mixvpr"] = "mixvpr"
    out_channels: int = Field(512, ge=1, description="channels after the channel projection")
    out_rows: int = Field(4, ge=1, description="rows after the row projection")
    depth: int = Field(4, ge=0, description="number of mixer blocks (L in the paper)")
    mlp_ratio: float = Field(1.0, gt=0, description="hidden size of a mixer block over its input")


AggregatorConfig = Annotated[
    Annotated[
        AvgConfig | GeMConfig | CosPlaceConfig | ConvAPConfig | MixVPRConfig,
        Field(discriminator="name"),
    ],
    _choice("mixvpr"),
]


class PreprocessingConfig(Options):
    """What happens to a photo before the network; it is saved with the weights."""

    image_size: tuple[int, int] | None = Field(
        None, description="height and width in pixels that the network sees; null: as they are"
    )
    keep_aspect: bool = Field(
        False,
        description="scale the shorter side to image_size's smaller number and keep the aspect, "
        "instead of stretching to image_size",
    )
    interpolation: Literal["bilinear", "bicubic"] = Field(
        "bilinear", description="always antialiased, as Pillow resizes"
    )
    mean: tuple[float, float, float] | None = Field(
        None, description="of R, G, B in [0, 1]; null: the backbone's own"
    )
    std: tuple[float, float, float] | None = Field(
        None, description="of R, G, B in [0, 1]; null: the backbone's own"
    )


class ModelConfig(Options):
    """A VPR model: backbone, aggregator, preprocessing."""

    backbone: BackboneConfig = BackboneConfig()
    aggregator: AggregatorConfig = MixVPRConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()


# --- objective -----------------------------------------------------------------------------------


class _Preset(Options):
    """A loss or miner whose usual values differ between the library and VPR code."""

    PRESETS: ClassVar[dict[str, dict[str, Any]]]
    preset: Literal["library", "vpr"] = Field(
        "vpr",
        description="values of parameters that are not given: pytorch-metric-learning's defaults, "
        "or those common in VPR code",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        preset = cls.PRESETS.get(values.get("preset", "vpr"), {})
        given = {key: value for key, value in values.items() if value is not None}
        return preset | given


class ContrastiveConfig(Options):
    """max(0, d - pos_margin) + max(0, neg_margin - d), d = L2 of normalised descriptors."""

    name: Literal["contrastive"] = "contrastive"
    pos_margin: float = Field(0.0, ge=0, description="distance below which positives cost nothing")
    neg_margin: float = Field(1.0, ge=0, description="distance above which negatives cost nothing")


class TripletConfig(_Preset):
    """max(0, d(a, p) - d(a, n) + margin)."""

    PRESETS = {"library": {"margin": 0.05}, "vpr": {"margin": 0.1}}
    name: Literal["triplet"] = "triplet"
    margin: float = Field(0.1, gt=0, description="library 0.05, vpr 0.1")


class MultiSimilarityLossConfig(_Preset):
    """Multi-similarity loss on cosine similarity (Wang et al., 2019, equation 13)."""

    PRESETS = {
        "library": {"alpha": 2.0, "beta": 50.0, "base": 0.5},
        "vpr": {"alpha": 1.0, "beta": 50.0, "base": 0.0},
    }
    name: Literal["multi_similarity"] = "multi_similarity"
    alpha: float = Field(1.0, gt=0, description="weight of positives: library 2, vpr 1")
    beta: float = Field(50.0, gt=0, description="weight of negatives: both 50")
    base: float = Field(0.0, description="similarity offset: library 0.5, vpr 0")


LossConfig = Annotated[
    Annotated[
        ContrastiveConfig | TripletConfig | MultiSimilarityLossConfig, Field(discriminator="name")
    ],
    _choice("multi_similarity"),
]


class NoMinerConfig(Options):
    """Every pair or triplet of the batch goes to the loss."""

    name: Literal["none"] = "none"


class MultiSimilarityMinerConfig(Options):
    """Pairs harder than the easiest of the other kind, less epsilon (Wang et al., 2019)."""

    name: Literal["multi_similarity"] = "multi_similarity"
    epsilon: float = Field(0.1, ge=0, description="slack in cosine similarity")


class PairMarginMinerConfig(_Preset):
    """Positives farther and negatives nearer than a margin."""

    PRESETS = {
        "library": {"measure": "distance", "pos_margin": 0.2, "neg_margin": 0.8},
        "vpr": {"measure": "similarity", "pos_margin": 0.7, "neg_margin": 0.3},
    }
    name: Literal["pair_margin"] = "pair_margin"
    measure: Literal["distance", "similarity"] = Field(
        "similarity", description="L2 distance (library) or cosine similarity (vpr)"
    )
    pos_margin: float = Field(0.7, description="library 0.2 (distance), vpr 0.7 (similarity)")
    neg_margin: float = Field(0.3, description="library 0.8 (distance), vpr 0.3 (similarity)")


class TripletMinerConfig(_Preset):
    """Triplets of a kind, within a margin."""

    PRESETS = {"library": {"margin": 0.2}, "vpr": {"margin": 0.1}}
    name: Literal["triplet"] = "triplet"
    margin: float = Field(0.1, gt=0, description="library 0.2, vpr 0.1")
    kind: Literal["all", "hard", "semihard", "easy"] = Field(
        "all", description="which triplets: all within the margin, hard, semi-hard or easy ones"
    )


MinerConfig = Annotated[
    Annotated[
        NoMinerConfig | MultiSimilarityMinerConfig | PairMarginMinerConfig | TripletMinerConfig,
        Field(discriminator="name"),
    ],
    _choice("none"),
]


# --- evaluation ----------------------------------------------------------------------------------


class ComputeConfig(Options):
    """How descriptors are computed."""

    batch_size: int = Field(
        64, ge=1, description="images at once on the device, at most; big ones make fewer"
    )
    workers: int | None = Field(
        None, ge=1, description="threads that decode photos; null: one a core"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ...")
    precision: Annotated[Literal["auto", "32", "bf16"], _NUMBER_AS_TEXT] = Field(
        "auto", description="auto: bf16 where the processor has it, else 32"
    )


class ExtractConfig(ComputeConfig):
    """How descriptors are computed and kept."""

    dtype: Literal["float32", "float16"] = Field(
        "float32", description="of the descriptors that are kept"
    )


# Asked for twice, a figure is given once.
_EACH_ONCE = AfterValidator(lambda values: list(dict.fromkeys(values)))


class EvalConfig(Options):
    """Recall@N over all queries."""

    recall_at: Annotated[list[Annotated[int, Field(ge=1)]], _EACH_ONCE] = Field(
        [1, 5, 10, 20], min_length=1, description="each N of Recall@N"
    )
    thresholds: Annotated[list[Annotated[float, Field(ge=0)]], _EACH_ONCE] = Field(
        [25.0], min_length=1, description="metres within which a match is right"
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    resamples: int = Field(2000, ge=100, description="of the bootstrap over queries")
    seed: int = Field(0, ge=0, description="of the bootstrap")
    extract: ExtractConfig = ExtractConfig()


# --- search --------------------------------------------------------------------------------------


class SearchConfig(Options):
    """How an index is searched: exactly, or by a structure that passes most of it over."""

    kind: Literal["auto", "exact", "pq", "ivf", "hnsw"] = Field(
        "auto",
        description="auto: exact, or pq where that takes too long; pq: 4-bit codes of all photos; "
        "ivf: codes in the nearest of many lists; hnsw: a graph",
    )
    rescore: int | None = Field(
        None,
        ge=1,
        description="candidates scored again by their whole descriptors, for each match wanted "
        "(for fewer than 20, as for 20); null: as many as the kind needs",
    )
    pq_share: float = Field(
        0.95,
        gt=0,
        le=1,
        description="share of the descriptors' variance that codes keep; the weakest directions "
        "are left out of them (pq, ivf)",
    )
    pq_numbers: int = Field(2, ge=1, description="numbers that share 4 bits of a code (pq, ivf)")
    nlist: int | None = Field(
        None,
        ge=1,
        description="lists that ivf sorts photos into; null: twice the root of their number",
    )
    nprobe: int | None = Field(
        None, ge=1, description="lists that ivf scans for a query; null: a fifth of them"
    )
    M: int = Field(16, ge=2, le=256, description="links of a photo to others in hnsw's graph")
    ef_construction: int = Field(
        100, ge=1, description="candidates for the links of a photo, as hnsw's graph is built"
    )
    ef_search: int = Field(
        200, ge=1, description="candidates that hnsw keeps on its way to a query, at least"
    )


class WhiteningConfig(Options):
    """PCA-whitening of descriptors, learned on them (Jegou and Chum, 2012)."""

    dim: int = Field(512, ge=1, description="numbers to keep of each descriptor")
    power: float = Field(
        1.0, ge=0, le=1, description="1: all directions get equal weight; 0: PCA alone"
    )


# --- index ---------------------------------------------------------------------------------------


# Lets ``search: pq`` stand for ``search: {kind: pq}``.
_Search = Annotated[
    SearchConfig,
    BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value),
]


class IndexConfig(Options):
    """A new saved index."""

    dtype: Literal["float32", "float16", "int8"] = Field(
        "float32", description="of the descriptors that are kept; int8 with a scale for each"
    )
    whitening: WhiteningConfig | None = Field(
        None, description="learned on the photos of the index; null: descriptors as they are"
    )
    search: _Search = SearchConfig()
    store: str | None = Field(
        None,
        description="a Milvus collection for photos and descriptors, milvus://HOST/COLLECTION or "
        "FILE.db/COLLECTION; null: they are kept in the folder",
    )
    extract: ComputeConfig = ComputeConfig()


class IndexSearchConfig(Options):
    """What may change of a saved index without computing descriptors again."""

    search: _Search = SearchConfig()


# --- calibration ---------------------------------------------------------------------------------


class CalibrateConfig(Options):
    """How a confidence is fitted on labelled queries, and measured on held-out ones."""

    hide: float = Field(
        100.0,
        ge=25,
        description="metres around a query's true position within which photos are hidden, to ask "
        "it again as if its place were not in the map",
    )
    apart: float = Field(
        10.0,
        ge=0,
        description="metres around a photo of the index that is asked for within which others are "
        "hidden: neighbours of one drive would make it too easy to find",
    )
    queries: int = Field(
        1000, ge=1, description="photos of the index to ask for, where no queries are given"
    )
    gap: float = Field(
        50.0,
        gt=0,
        description="metres between streets: queries nearer to each other are held out together",
    )
    folds: int = Field(10, ge=2, description="parts that are held out in turn")
    outside_share: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="of all queries, taken outside the map: what probabilities mean",
    )
    outside_accepted: float = Field(
        0.02, gt=0, lt=1, description="share of the queries from outside to accept at most"
    )
    outside_confidence: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="confidence level at which the threshold keeps outside_accepted",
    )
    least_probability: float = Field(
        0.5, ge=0, le=1, description="of a place that counts as known; the threshold is no lower"
    )
    bins: int = Field(10, ge=2, description="of the reliability diagram, with equally many queries")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    resamples: int = Field(1000, ge=100, description="of the bootstrap over streets")
    seed: int = Field(0, ge=0, description="of the bootstrap")


# --- geometric check -----------------------------------------------------------------------------


class SiftConfig(Options):
    """SIFT (Lowe, 2004), with RootSIFT's descriptors; needs no weights."""

    name: Literal["sift"] = "sift"
    contrast: float = Field(
        0.01, gt=0, description="of a feature, at least; OpenCV's 0.04 leaves dusk and fog bare"
    )
    ratio: float = Field(
        0.8,
        gt=0,
        le=1,
        description="a feature's nearest must be nearer than this times its second nearest",
    )
    min_inliers: int = Field(12, ge=8, description="fewer count as none: chance gives as many")


class XFeatConfig(Options):
    """XFeat (Potje et al., 2024), a small network; its package brings the weights."""

    name: Literal["xfeat"] = "xfeat"
    ratio: float = Field(
        0.9,
        gt=0,
        le=1,
        description="a feature's nearest must be nearer than this times its second nearest",
    )
    min_inliers: int = Field(20, ge=8, description="fewer count as none: chance gives as many")


LocalFeaturesConfig = Annotated[
    Annotated[SiftConfig | XFeatConfig, Field(discriminator="name")], _choice("sift")
]


class VerifyConfig(Options):
    """The geometric check of a query's first matches, by local features."""

    matches: int = Field(20, ge=1, description="of a query to check, the first")
    features: LocalFeaturesConfig = SiftConfig()
    max_features: int = Field(1000, ge=8, description="of a photo, the strongest")
    max_size: int = Field(
        640, ge=32, description="pixels of the longer side to which photos are scaled down"
    )
    threshold: float = Field(
        3.0, gt=0, description="pixels between a point and its epipolar line, at most about"
    )
    enough: int | None = Field(
        None, ge=8, description="inliers from which on more say nothing more; null: they always do"
    )
    cache_mib: int = Field(
        256, ge=0, description="MiB of photos' features to keep; one photo takes about 0.5"
    )
    workers: int | None = Field(None, ge=1, description="threads; null: one a core")

    @model_validator(mode="after")
    def _enough_counts(self) -> "VerifyConfig":
        if self.enough is not None and self.enough < self.features.min_inliers:
            raise ValueError(
                f"enough is {self.enough}; expected at least features.min_inliers, "
                f"{self.features.min_inliers}"
            )
        return self


# --- locating ------------------------------------------------------------------------------------


class LocateConfig(Options):
    """Where a photo was taken, by the photos of an index that look like it."""

    matches: int = Field(20, ge=1, description="photos of the index to look at for each query")
    radius: float = Field(
        25.0, gt=0, description="metres around a place within which matches speak for it"
    )
    temperature: float = Field(
        0.1,
        ge=0.01,
        description="of the softmax that weighs matches by similarity, as a share of the range of "
        "a query's similarities: less gives the first match more weight",
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="probability from which on a place counts as known; null: the calibration's",
    )
    verification: VerifyConfig = VerifyConfig()
    extract: ComputeConfig = ComputeConfig()

    def evidence(self) -> dict[str, Any]:
        """What decides the evidence for a place, as plain values: a calibration holds for these."""
        of_the_machine = {"verification": {"cache_mib", "workers"}}
        kept = self.model_dump(mode="json", exclude=of_the_machine)
        return {name: kept[name] for name in ("matches", "radius", "temperature", "verification")}


# --- training ------------------------------------------------------------------------------------


class OptimizerConfig(Options):
    """How weights move."""

    name: Literal["sgd", "adam", "adamw", "radam"] = Field(
        "adamw",
        description="adam and radam add weight decay to the gradient (L2), adamw decouples it",
    )
    lr: float = Field(1e-4, gt=0, description="learning rate")
    backbone_lr: float | None = Field(
        None, gt=0, description="learning rate of the backbone; null: the same"
    )
    weight_decay: float = Field(1e-3, ge=0, description="weight decay")
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD alone")


class ConstantConfig(Options):
    """The learning rate stays as it is."""

    name: Literal["constant"] = "constant"


class CosineConfig(Options):
    """eta_min + (lr - eta_min)(1 + cos(pi epoch / t_max)) / 2: after t_max it rises again."""

    name: Literal["cosine"] = "cosine"
    t_max: int = Field(10, ge=1, description="epochs from the highest to the lowest rate")
    eta_min: float = Field(0.0, ge=0, description="the lowest rate")


class MultiStepConfig(Options):
    """The rate is multiplied by gamma at each milestone."""

    name: Literal["multi_step"] = "multi_step"
    milestones: list[int] = Field([5, 8], description="epochs")
    gamma: float = Field(0.3, gt=0, description="factor at each milestone")


ScheduleConfig = Annotated[
    Annotated[ConstantConfig | CosineConfig | MultiStepConfig, Field(discriminator="name")],
    _choice("constant"),
]


def _tree_alone(value: Any) -> Any:
    """Let ``validation: sf_xs/val`` stand for its ``database`` and ``queries`` folders."""
    return {"tree": value} if isinstance(value, str | Path) else value


class EvaluationData(Options):
    """A database and queries: a tree that holds both, or one path each."""

    tree: Path | None = Field(
        None, description="a folder with database/ and queries/, or a published set as it comes"
    )
    protocol: str | None = Field(
        None, description="which of a published set's protocols; null: its first"
    )
    database: Path | None = Field(None, description="photos that can be found")
    queries: Path | None = Field(None, description="photos to find")

    @model_validator(mode="after")
    def _one_way(self) -> "EvaluationData":
        pair = self.database is not None and self.queries is not None
        none = self.database is None and self.queries is None
        if not ((pair and self.tree is None) or (none and self.tree is not None)):
            raise ValueError("give either tree, or both database and queries")
        if self.protocol is not None and self.tree is None:
            raise ValueError("a protocol goes with tree; database and queries have none")
        return self


EvaluationPath = Annotated[EvaluationData, BeforeValidator(_tree_alone)]


def _named(value: Any) -> Any:
    if isinstance(value, str | Path):
        raise ValueError("give each test set a name, such as data.tests.sf_xs=PATH")
    if value is None:
        return {}
    if isinstance(value, dict):  # null leaves out one that a file names
        return {name: data for name, data in value.items() if data is not None}
    return value


class StreamConfig(Options):
    """How tar shards are read in training; photos in a folder know nothing of it."""

    shards: int = Field(4, ge=1, description="read side by side")
    buffer_mib: int = Field(
        1024,
        ge=1,
        description="MiB of photo files from which places are drawn, on each device; more mix "
        "better",
    )
    verify: bool = Field(False, description="compare each shard's checksum as it is read")


# A Path would make s3:/bucket of s3://bucket.
_PathOrUrl = Annotated[
    Path | str,
    BeforeValidator(
        lambda value: Path(value) if isinstance(value, str) and "://" not in value else value
    ),
]


class DataConfig(Options):
    """What to train on, and what to validate and test on."""

    train: _PathOrUrl = Field(
        Path("data/gsv_xs/train"),
        description="photos with a place each; or tar shards: their folder, or its URL such as "
        "s3://bucket/gsv",
    )
    share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="of the training places to train on; a smaller share lies within a larger",
    )
    share_seed: int = Field(0, ge=0, description="which places are in the share")
    stream: StreamConfig = StreamConfig()
    validation: EvaluationPath | None = Field(
        None, description="chooses the best checkpoint: a tree, or database and queries"
    )
    tests: Annotated[dict[str, EvaluationPath], BeforeValidator(_named)] = Field(
        {}, description="evaluated with the best checkpoint after training, by name; null: none"
    )


class BatchConfig(Options):
    """P places x K images."""

    places: int = Field(64, ge=2, description="P, places in a batch")
    images: int = Field(4, ge=2, description="K, images of each place, all different")
    min_images: int = Field(4, ge=2, description="places with fewer images are left out")
    shuffle: Literal["across_cities", "within_cities"] = Field(
        "across_cities", description="whether a batch mixes cities"
    )
    drop_last: bool = Field(False, description="leave out the last, smaller batch of an epoch")


class AugmentConfig(Options):
    """Random changes to training images, on the device, a batch at a time."""

    randaugment: int = Field(3, ge=0, description="operations an image; 0: none")
    magnitude: int = Field(9, ge=0, le=30, description="strength of an operation, of 30")
    flip: float = Field(0.0, ge=0, le=1, description="share of places mirrored, all images alike")


class FitConfig(Options):
    """The training loop."""

    epochs: int = Field(10, ge=1, description="passes over the places")
    precision: Annotated[Literal["auto", "32", "16-mixed", "bf16-mixed"], _NUMBER_AS_TEXT] = Field(
        "auto",
        description="auto: bf16-mixed where the processor has it, else 32; losses and miners "
        "always run in float32",
    )
    accelerator: Literal["auto", "cpu", "gpu"] = Field("auto", description="what to train on")
    devices: int = Field(1, ge=1, description="how many of them; more than one trains by DDP")
    accumulate: int = Field(1, ge=1, description="batches a step; each batch has its own pairs")
    compile: bool = Field(False, description="use torch.compile")
    workers: int | None = Field(
        None, ge=1, description="threads that decode photos on each device; null: one a core"
    )
    seed: int = Field(0, ge=0, description="of weights, order and augmentation")
    early_stop: int | None = Field(
        None, ge=1, description="stop after so many epochs without a better validation R@1"
    )
    wandb: str | None = Field(None, description="project to log to at Weights & Biases")


class ScheduledOptimizerConfig(OptimizerConfig):
    """Optimizer, schedule and warm-up."""

    schedule: ScheduleConfig = ConstantConfig()
    warmup_steps: int = Field(
        0, ge=0, description="steps over which the rate rises from 0 in a line, before the schedule"
    )


class TrainConfig(Options):
    """A whole training run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    batch: BatchConfig = BatchConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = MultiSimilarityLossConfig()
    miner: MinerConfig = NoMinerConfig()
    optimizer: ScheduledOptimizerConfig = ScheduledOptimizerConfig()
    fit: FitConfig = FitConfig()
    evaluation: EvalConfig = EvalConfig()


# --- own photos ----------------------------------------------------------------------------------


class CellsConfig(Options):
    """Places as square cells of the UTM grid, cut by heading (CosPlace; Berton et al., 2022)."""

    size: float = Field(10.0, ge=1, le=1000, description="metres of a cell's side (M)")
    angle: float = Field(30.0, gt=0, le=360, description="degrees of heading in a place (alpha)")
    groups: int = Field(
        5, ge=1, le=20, description="cells from one place to the next of its group, each way (N)"
    )
    turns: int = Field(
        2, ge=1, le=12, description="angles from one place to the next of its group in a cell (L)"
    )

    @model_validator(mode="after")
    def _full_circle(self) -> "CellsConfig":
        steps = 360 / self.angle
        if abs(steps - round(steps)) > 1e-9 or round(steps) % self.turns:
            raise ValueError(
                f"angle is {self.angle:g} and turns {self.turns}; expected a full circle of "
                "angles, and of turns, such as 30 and 2"
            )
        return self


class ClustersConfig(Options):
    """Places around the spots with most photos, well apart (GSV-Cities; Ali-bey et al., 2022)."""

    radius: float = Field(
        10.0, gt=0, le=100, description="metres from a place's middle to its farthest photo"
    )
    angle: float = Field(45.0, gt=0, le=360, description="degrees of heading in a place")
    apart: float = Field(
        100.0, ge=0, le=800, description="metres between photos of two places, at least"
    )


class SplitConfig(Options):
    """A geographic split into train, validation and test."""

    val: float = Field(0.1, ge=0, lt=1, description="share of the photos for validation")
    test: float = Field(0.1, ge=0, lt=1, description="share of the photos for the test")
    gap: float = Field(
        50.0, ge=0, le=10_000, description="metres between photos of two parts, at least"
    )
    pieces: int = Field(
        4, ge=1, le=100, description="of ground that validation and test are put together from"
    )
    queries: float = Field(
        0.3, gt=0, lt=1, description="share of validation's and test's photos to ask for, about"
    )
    seed: int = Field(0, ge=0, description="another seed is another split")

    @model_validator(mode="after")
    def _some_to_train_on(self) -> "SplitConfig":
        if self.val + self.test >= 1:
            raise ValueError(f"val is {self.val:g} and test {self.test:g}: nothing is left")
        return self


class PlacesConfig(Options):
    """A training set from photos with positions."""

    method: Literal["clusters", "cells"] = Field(
        "clusters", description="how places are formed; the group of its name says more"
    )
    headings: Literal["auto", "use", "ignore"] = Field(
        "auto",
        description="use: photos without one are left out; ignore: places by position alone; auto: "
        "use them where at least half of the photos have one",
    )
    min_images: int = Field(4, ge=2, description="photos of a place, at least")
    clusters: ClustersConfig = ClustersConfig()
    cells: CellsConfig = CellsConfig()
    split: SplitConfig = SplitConfig()


# --- panoramas and tracks ------------------------------------------------------------------------


class ViewsConfig(Options):
    """The views that a panorama is cut into, evenly around it."""

    views: int = Field(12, ge=1, le=360, description="of each panorama")
    fov: float = Field(60.0, gt=0, le=150, description="degrees across the width of a view")
    pitch: float = Field(
        0.0, ge=-90, le=90, description="degrees of the views above the horizon; below: negative"
    )
    size: tuple[Annotated[int, Field(ge=16, le=8192)], Annotated[int, Field(ge=16, le=8192)]] = (
        Field((512, 512), description="height and width of a view in pixels")
    )
    turn: float = Field(
        0.0,
        ge=-360,
        le=360,
        description="degrees of the first view clockwise from north, or from the panorama's "
        "middle where its heading is not known",
    )
    quality: int = Field(92, ge=1, le=100, description="of the JPEG files")
    workers: int | None = Field(None, ge=1, description="panoramas at a time; null: one a core")


class TrackConfig(Options):
    """How a GPS track gives positions by time."""

    timezone: str | None = Field(
        None,
        description="of times that do not say theirs: such as Europe/Stockholm or +02:00",
    )
    shift: float = Field(
        0.0,
        description="seconds to add to the times of the photos or the video: "
        "-37 for a clock that runs 37 s ahead",
    )
    max_seconds: float = Field(
        60.0, gt=0, description="between two points of the track, to take a position between them"
    )
    max_metres: float = Field(200.0, gt=0, description="the same as a distance")
    mount: float | None = Field(
        None,
        ge=-360,
        le=360,
        description="degrees clockwise from the direction of travel that the camera looked: "
        "0 ahead, 90 to the right; gives headings; null: no heading is worked out",
    )


class FramesConfig(Options):
    """Which frames of a video are taken."""

    every_metres: float | None = Field(
        None, gt=0, description="metres of way between two frames; null: 5, unless every_seconds"
    )
    every_seconds: float | None = Field(None, gt=0, description="seconds between two frames")
    start: str | None = Field(
        None,
        description="when the video starts, such as 2024-05-01T14:30:00+02:00; null: as it says",
    )
    quality: int = Field(92, ge=1, le=100, description="of the JPEG files")

    @model_validator(mode="after")
    def _one_measure(self) -> "FramesConfig":
        if self.every_metres is not None and self.every_seconds is not None:
            raise ValueError("give either every_metres or every_seconds")
        return self


# --- check ---------------------------------------------------------------------------------------


class CheckConfig(Options):
    """From where on the doctor speaks of a fault in a set of photos."""

    radius: float = Field(
        25.0,
        ge=0,
        le=1e6,
        description="metres within which a database photo is a positive, and copies of one photo "
        "are at one place",
    )
    street_gap: float = Field(
        25.0,
        ge=0,
        le=1e6,
        description="metres between a training and a test photo, at most, that share a street",
    )
    images: int = Field(4, ge=2, description="photos that training takes of a place (K)")
    place_radius: float = Field(
        25.0, gt=0, description="metres from the middle of a place within which its photos lie"
    )
    disagree: float = Field(
        10.0, gt=0, description="metres between a photo's UTM and its latitude, longitude, at most"
    )
    far: float = Field(
        50.0, gt=0, le=2000, description="kilometres between photos of a city or journey, at most"
    )
    max_speed: float = Field(
        70.0, gt=0, description="metres a second that a camera moves, at most (70 is 252 km/h)"
    )
    min_contrast: float = Field(
        4.0,
        ge=0,
        description="standard deviation of a photo's brightness (0 to 255), at least; below it is "
        "near-empty",
    )
    near_bits: int = Field(
        44,
        ge=0,
        le=128,
        description="of a perceptual hash of 256 that differ between near copies, at most",
    )
    pixels: bool = Field(True, description="open the photos; else names and tables alone")
    workers: int | None = Field(
        None, ge=1, description="threads that decode photos; null: one a core"
    )
    skip: Annotated[list[str], _EACH_ONCE] = Field(
        [], description="kinds of findings to leave out, by name, such as other-size"
    )


# --- shards --------------------------------------------------------------------------------------


class ShardsConfig(Options):
    """Photos as tar shards, to be trained on as a stream."""

    mib: int = Field(
        256, ge=1, description="MiB of a shard; it ends with the place that reaches them"
    )
    seed: int = Field(0, ge=0, description="of the order in which places are written")


# --- demo ----------------------------------------------------------------------------------------


class CityConfig(Options):
    """The synthetic demo city: how much of it to render."""

    seed: int = Field(0, ge=0, description="another seed is another city")
    cities: int = Field(4, ge=1, le=92, description="training cities; the first five differ most")
    places: int = Field(350, ge=1, le=20_000, description="training places in all")
    images_per_place: int = Field(
        4, ge=1, le=100, description="dated images of each training place"
    )
    database: int = Field(
        350, ge=1, le=50_000, description="database images of each evaluation set"
    )
    queries: int = Field(
        150, ge=1, le=50_000, description="queries of each evaluation set; 3 in 100 have no answer"
    )
    size: int = Field(224, ge=32, le=2048, description="pixels of a side")
    workers: int = Field(0, ge=0, description="processes; 0: one a core")
