"""Runs of two small models on real photos, with answers that a test gives them."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch
from tiny import write_photo

from beenhere.config.config_yaml import plain
from beenhere.config.evaluation import EvalConfig
from beenhere.config.models import BackboneConfig, ModelConfig, PreprocessingConfig
from beenhere.evaluation.evaluation_results import Evaluation, Recall, SavedEvaluation, Timing
from beenhere.models import VPRModel, save_checkpoint

CONDITIONS = ("day", "day", "day", "day", "day", "night", "night", None)
"""Of the eight queries."""


def small_model(seed: int) -> VPRModel:
    torch.manual_seed(seed)
    return VPRModel(
        ModelConfig(
            backbone=BackboneConfig(name="resnet18", pretrained=False, crop=3),
            aggregator={"name": "gem"},
            preprocessing=PreprocessingConfig(image_size=(32, 32)),
        )
    ).eval()


def write_run(folder: Path, photos: Path, right: Sequence[bool], seed: int = 0) -> SavedEvaluation:
    """A run with a checkpoint and the test ``streets``: which of the eight queries are right.

    A right answer comes first, from 3 m; a wrong one comes first from 500 m, with the right one
    after it. The photos are written if they are not there.
    """
    model = small_model(seed)
    save_checkpoint(model, folder / "checkpoints" / "best", {})
    paths = {
        side: [_photo(photos / side / f"{i}.jpg", 10 * i + (side == "queries")) for i in range(8)]
        for side in ("queries", "database")
    }
    rows = []
    for i, hit in enumerate(right):
        order = [i, (i + 1) % 8, (i + 2) % 8] if hit else [(i + 1) % 8, i, (i + 2) % 8]
        for rank, place in enumerate(order, 1):
            metres = 3.0 if place == i else 500.0
            found = paths["database"][place]
            rows.append((paths["queries"][i], rank, found, 0.9 - rank / 10, metres, CONDITIONS[i]))
    evaluation = Evaluation(
        name="streets",
        recalls=[Recall(25.0, 1, None, 8, 0, 0, 0, 0, 0, None)],
        predictions=pl.DataFrame(
            rows,
            schema={
                "query": pl.String,
                "rank": pl.Int32,
                "database": pl.String,
                "similarity": pl.Float32,
                "distance_m": pl.Float64,
                "query_condition": pl.String,
            },
            orient="row",
        ),
        query_table=pl.DataFrame(
            {
                "query": paths["queries"],
                "condition": CONDITIONS,
                "lat": [50.0 + i / 100 for i in range(8)],
                "lon": [8.0] * 8,
                "nearest_m": [3.0] * 8,
            }
        ),
        queries=8,
        database=8,
        without_positive={25.0: []},
        without_position=[],
        unreadable={"database": [], "queries": []},
        unusable={"database": [], "queries": []},
        timing=Timing(16, 1.0, 0.1),
        model={"fingerprint": model.fingerprint(), "provenance": None},
        data={
            side: {"photos": 8, "places": 0, "sha256": side * 8} for side in ("database", "queries")
        },
        config=plain(EvalConfig(thresholds=[25.0])),
    )
    evaluation.write(folder / "tests" / "streets")
    return SavedEvaluation.read(folder / "tests" / "streets")


def _photo(path: Path, seed: int) -> str:
    return str(path) if path.exists() else write_photo(path, seed, 36, 48)
