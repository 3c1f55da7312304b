"""Options of descriptors, of Recall@N, and of a calibration."""

from typing import Annotated, Literal

from pydantic import Field

from beenhere.config.options import EACH_ONCE, NUMBER_AS_TEXT, Options


class ComputeConfig(Options):
    """How descriptors are computed."""

    batch_size: int = Field(
        64, ge=1, description="images at once on the device, at most; fewer where they are big"
    )
    workers: int | None = Field(
        None, ge=1, description="threads that decode photos [default: one for each core]"
    )
    device: str = Field("auto", description="where to compute: auto, cpu, cuda, cuda:1, ...")
    precision: Annotated[Literal["auto", "32", "bf16"], NUMBER_AS_TEXT] = Field(
        "auto", description="auto: bf16 where the processor has it, else 32"
    )


class ExtractConfig(ComputeConfig):
    """How descriptors are computed and kept."""

    dtype: Literal["float32", "float16"] = Field(
        "float32", description="number type of the kept descriptors"
    )


AS_BEFORE = [25.0]
"""Thresholds that earlier versions wrote down where none were given."""


class EvalConfig(Options):
    """Recall@N over all queries."""

    recall_at: Annotated[list[Annotated[int, Field(ge=1)]], EACH_ONCE] = Field(
        [1, 5, 10, 20], min_length=1, description="each N of Recall@N"
    )
    thresholds: (
        Annotated[list[Annotated[float, Field(ge=0)]], EACH_ONCE, Field(min_length=1)] | None
    ) = Field(
        None,
        description="metres within which a match is right; of x and y in their unit, or frames "
        "[default: 25 m; 5 of x and y; 2 frames]",
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the confidence intervals")
    resamples: int = Field(2000, ge=100, description="bootstrap resamples, drawn from the queries")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")
    extract: ExtractConfig = ExtractConfig()


class CalibrateConfig(Options):
    """How a confidence is fitted on labelled queries, and measured on held-out ones."""

    within: float | None = Field(
        None,
        ge=0,
        description="metres from the truth within which an answer is right, or of x and y their "
        "unit, or frames [default: 25 m; 5 of x and y; 2 frames]",
    )
    hide: float | None = Field(
        None,
        ge=0,
        description="so far around a query's true position photos of the index are hidden, to have "
        "queries from outside the map [default: 100 m; 20; 8 frames]",
    )
    apart: float | None = Field(
        None,
        ge=0,
        description="so far around a query that is a photo of the index others are hidden, as "
        "neighbours from one drive would make it too easy [default: 10 m; 2; 1 frame]",
    )
    queries: int = Field(
        1000, ge=1, description="how many photos of the index are queries, where none are given"
    )
    gap: float | None = Field(
        None,
        gt=0,
        description="between streets: queries nearer to each other are held out together, and "
        "those of one name [default: 50 m; 10; 4 frames]",
    )
    folds: int = Field(10, ge=2, description="parts that are held out in turn")
    outside_share: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="share of queries from outside the map that is assumed",
    )
    outside_accepted: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="share of the queries from outside that may be accepted, at most",
    )
    outside_confidence: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="confidence level at which the threshold keeps outside_accepted",
    )
    least_probability: float = Field(
        0.5, ge=0, le=1, description="least probability of a place that counts as known"
    )
    bins: int = Field(
        10, ge=2, description="bins of the reliability diagram, each with as many queries"
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the confidence intervals")
    resamples: int = Field(1000, ge=100, description="bootstrap resamples, drawn from the streets")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")
