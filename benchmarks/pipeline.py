"""Extraction and training steps: this project against the plain pipeline of public VPR code.

    python benchmarks/pipeline.py [--rounds 3] [--only extraction]

Both sides take the same files and the same weights in one run, in turn, round after round; the
ratio is of medians. The plain side is ``benchmarks/plain.py``, with a DataLoader's defaults (it
decodes between two batches) and with two worker processes.
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pytorch_metric_learning.losses import MultiSimilarityLoss
from rich.console import Console
from rich.table import Table

import plain
from beenhere import geo
from beenhere.city import write_city
from beenhere.config.evaluation import ExtractConfig
from beenhere.config.models import (
    BackboneConfig,
    GeMConfig,
    MixVPRConfig,
    ModelConfig,
    PreprocessingConfig,
)
from beenhere.config.tools import CityConfig
from beenhere.config.training import BatchConfig, EvaluationData, FitConfig, TrainConfig
from beenhere.evaluation import protocol
from beenhere.evaluation.statistics import bootstrap_interval
from beenhere.models import VPRModel, build_model
from beenhere.photos.formats import EvaluationTables, read_evaluation, read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.extract import extract
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.vectors import StoredVectors
from beenhere.training.loop import choose_precision
from beenhere.training.objectives import TrainingStep
from beenhere.training.optim import build_optimizer, set_learning_rates
from beenhere.training.source import FolderPhotos, training_batches

PIXELS = 640
"""Side of the photos on disk; the networks see 320."""
SIZE = PreprocessingConfig(image_size=(320, 320))
GEM = ModelConfig(
    backbone=BackboneConfig(name="tf_efficientnet_lite0", crop=1),
    aggregator=GeMConfig(),
    preprocessing=SIZE,
)
MIXVPR = ModelConfig(
    backbone=BackboneConfig(name="resnet18", pretrained=False, crop=1),
    aggregator=MixVPRConfig(),
    preprocessing=SIZE,
)
PLACES, IMAGES, STEPS = 16, 4, 4

Descriptors = NDArray[np.floating[Any]]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("extraction", "training"))
    options = parser.parse_args()
    console = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory() as folder:
        city = CityConfig(
            cities=1, places=32, images_per_place=IMAGES, database=192, queries=64, size=PIXELS
        )
        written = write_city(Path(folder) / "city", city, what="photos to measure on")
        if options.only != "training":
            console.print(_extraction(written.sf_xs / "test", options.rounds))
        if options.only != "extraction":
            console.print(_training(written.gsv_xs / "train", options.rounds))


def _extraction(tree: Path, rounds: int) -> Table:
    tables = read_evaluation(EvaluationData(tree=tree))
    database, queries = tables.database, tables.queries
    photos = len(database) + len(queries)
    table = Table(
        title=f"Extraction of {len(database)} database and {len(queries)} query photos, "
        f"{PIXELS} to {SIZE.image_size} pixels"
    )
    for heading in ("network", "pipeline", "images/s", "ours is", "cosine, lowest", "R@1"):
        table.add_column(heading, justify="right")
    for name, config in (("EfficientNet-Lite0 + GeM", GEM), ("ResNet-18 crop 1 + MixVPR", MIXVPR)):
        torch.manual_seed(0)
        model = build_model(config).eval()

        def ours(model: VPRModel = model) -> list[Descriptors]:
            return [
                extract(model, one, ExtractConfig(), None, None).vectors
                for one in (database, queries)
            ]

        def public(model: VPRModel = model, workers: int = 0) -> list[Descriptors]:
            return [
                plain.describe(model, database.paths, batch_size=32, workers=workers),
                plain.describe(model, queries.paths, batch_size=1, workers=workers),
            ]

        def two_workers(model: VPRModel = model) -> list[Descriptors]:
            return public(model, workers=2)

        seconds, found = _in_turn([ours, public, two_workers], rounds)
        cosine = min(
            float((mine * theirs).sum(axis=1).min())
            for mine, theirs in zip(found[0], found[1], strict=True)
        )
        for row, label in enumerate(("beenhere", "plain", "plain, 2 workers")):
            recall = _recall(tables, *found[row])
            table.add_row(
                name if row == 0 else "",
                label,
                f"{photos / seconds[row]:.1f}",
                f"{seconds[row] / seconds[0]:.2f} x" if row else "",
                f"{cosine:.5f}" if row == 0 else "",
                recall,
            )
    return table


def _recall(tables: EvaluationTables, database: Descriptors, queries: Descriptors) -> str:
    """R@1 in percent at 25 m, with its 95% interval."""
    _, rows = search_exact([StoredVectors(database)], queries, 1, by_distance=True)
    positives = geo.within(tables.database.positions, tables.queries.positions, 25.0)
    hits = protocol.hits_within(protocol.first_hits(rows, positives), 1)
    low, high = bootstrap_interval(hits, confidence=0.95, resamples=2000, seed=0)
    return f"{protocol.share(hits):.1f} [{100 * low:.0f}, {100 * high:.0f}]"


def _training(tree: Path, rounds: int) -> Table:
    photos = read_photos(tree)
    config = TrainConfig(
        model=MIXVPR,
        batch=BatchConfig(places=PLACES, images=IMAGES, min_images=IMAGES),
        fit=FitConfig(epochs=1000),
    )
    table = Table(
        title=f"Training steps of {PLACES} places x {IMAGES} images, {PIXELS} to "
        f"{SIZE.image_size} pixels, RandAugment(3), ResNet-18 crop 1 + MixVPR, AdamW"
    )
    for heading in ("pipeline", "s a step", "images/s", "ours is"):
        table.add_column(heading, justify="right")
    sides: dict[str, Callable[[], float]] = {
        "beenhere": lambda: _our_steps(config, photos),
        "plain": lambda: _plain_steps(config, photos, workers=0),
        "plain, 2 workers": lambda: _plain_steps(config, photos, workers=2),
    }
    measured = [[side() for side in sides.values()] for _ in range(rounds)]
    seconds = [statistics.median(column) for column in zip(*measured, strict=True)]
    for label, one in zip(sides, seconds, strict=True):
        ratio = "" if one is seconds[0] else f"{one / seconds[0]:.2f} x"
        table.add_row(label, f"{one:.2f}", f"{PLACES * IMAGES / one:.1f}", ratio)
    return table


def _our_steps(config: TrainConfig, photos: PhotoTable) -> float:
    """Seconds a step, the first one (which starts threads and compiles kernels) left out."""
    torch.manual_seed(0)
    fabric = Fabric(accelerator="cpu", devices=1, precision=choose_precision(config.fit))
    model = build_model(config.model)
    optimizer = build_optimizer(config.optimizer, model)
    step, stepping = fabric.setup(TrainingStep(model, config), optimizer)
    batches = training_batches(FolderPhotos(photos, Path()), config, model.preprocessing)
    ends: list[float] = []
    while len(ends) < STEPS + 1:
        for number, batch in enumerate(islice(batches, STEPS + 1 - len(ends))):
            set_learning_rates(optimizer, config.optimizer, batches.epoch, len(ends))
            loss, _ = step(batch.images, batch.places, batches.epoch, number, 0)
            fabric.backward(loss)
            stepping.step()
            stepping.zero_grad()
            ends.append(time.perf_counter())
        batches.epoch += 1
    return (ends[-1] - ends[0]) / STEPS


def _plain_steps(config: TrainConfig, photos: PhotoTable, workers: int) -> float:
    """The same in float32, one image at a time."""
    torch.manual_seed(0)
    model = build_model(config.model)
    network = plain.FloatModel(model).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-3)
    loss_of = MultiSimilarityLoss(alpha=1, beta=50, base=0)
    places = photos.frame.group_by("place", maintain_order=True).agg("path")["path"].to_list()
    ends = []
    batches = plain.training_batches(model, places, PLACES, workers)
    for images, labels in islice(batches, STEPS + 1):
        loss = loss_of(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ends.append(time.perf_counter())
    return (ends[-1] - ends[0]) / STEPS


def _in_turn(
    sides: list[Callable[[], list[Descriptors]]], rounds: int
) -> tuple[list[float], list[list[Descriptors]]]:
    """Median seconds of each side, after one round that is not counted, and what each gave."""
    seconds: list[list[float]] = [[] for _ in sides]
    found: list[list[Descriptors]] = []
    for number in range(rounds + 1):
        found = []
        for side, taken in zip(sides, seconds, strict=True):
            start = time.perf_counter()
            found.append(side())
            if number > 0:
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds], found


if __name__ == "__main__":
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    main()
