"""Losses and miners, with the values of the library and those of VPR code."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from beenhere.config.options import OWN, Options, OwnPart, kind_of, named_choice

Presets = dict[str, dict[str, Any]]
"""Values of a loss's or miner's parameters, by the name of the preset."""


class _Preset(Options):
    """A loss or miner whose usual values differ between the library and VPR code."""

    PRESETS: ClassVar[Presets]
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

    PRESETS: ClassVar[Presets] = {"library": {"margin": 0.05}, "vpr": {"margin": 0.1}}
    name: Literal["triplet"] = "triplet"
    margin: float = Field(0.1, gt=0, description="library 0.05, vpr 0.1")


class MultiSimilarityLossConfig(_Preset):
    """Multi-similarity loss on cosine similarity (Wang et al., 2019, equation 13)."""

    PRESETS: ClassVar[Presets] = {
        "library": {"alpha": 2.0, "beta": 50.0, "base": 0.5},
        "vpr": {"alpha": 1.0, "beta": 50.0, "base": 0.0},
    }
    name: Literal["multi_similarity"] = "multi_similarity"
    alpha: float = Field(1.0, gt=0, description="weight of positives: library 2, vpr 1")
    beta: float = Field(50.0, gt=0, description="weight of negatives: both 50")
    base: float = Field(0.0, description="similarity offset: library 0.5, vpr 0")


LossConfig = Annotated[
    Annotated[ContrastiveConfig, Tag("contrastive")]
    | Annotated[TripletConfig, Tag("triplet")]
    | Annotated[MultiSimilarityLossConfig, Tag("multi_similarity")]
    | Annotated[OwnPart, Tag(OWN)],
    Discriminator(kind_of),
    named_choice("multi_similarity"),
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

    PRESETS: ClassVar[Presets] = {
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

    PRESETS: ClassVar[Presets] = {"library": {"margin": 0.2}, "vpr": {"margin": 0.1}}
    name: Literal["triplet"] = "triplet"
    margin: float = Field(0.1, gt=0, description="library 0.2, vpr 0.1")
    kind: Literal["all", "hard", "semihard", "easy"] = Field(
        "all", description="which triplets: all within the margin, hard, semi-hard or easy ones"
    )


MinerConfig = Annotated[
    Annotated[NoMinerConfig, Tag("none")]
    | Annotated[MultiSimilarityMinerConfig, Tag("multi_similarity")]
    | Annotated[PairMarginMinerConfig, Tag("pair_margin")]
    | Annotated[TripletMinerConfig, Tag("triplet")]
    | Annotated[OwnPart, Tag(OWN)],
    Discriminator(kind_of),
    named_choice("none"),
]
