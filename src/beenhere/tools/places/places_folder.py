"""A training set in a folder: tables that point at photos which stay where they are."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from beenhere import __version__
from beenhere.config.tools import PlacesConfig
from beenhere.files.atomic import write_file
from beenhere.photos.table import paths_from
from beenhere.tools.places.build import BuiltPlaces

TABLE = "photos.csv"
LEFT_OUT = "left-out.csv"
CONFIG = "train.yaml"
MAP = "map.png"
RECORD = "places.yaml"

_BATCHES = 150
"""Of a training to start with: an aggregator is trained on a small set in about as many."""


def write_places(
    built: BuiltPlaces, config: PlacesConfig, source: Path, folder: Path, out: Path
) -> None:
    """Write the tables, the configuration to start with, and the record of how they were made.

    Args:
        source: where the photos were read from, for the record.
        folder: empty; where the files are written.
        out: what that folder will be called.
    """
    tables = {"train": built.train}
    for name, part in built.evaluation.items():
        tables |= {f"{name}/database": part.database, f"{name}/queries": part.queries}
    for name, table in tables.items():
        (folder / name).mkdir(parents=True)
        table.with_paths_from(out / name).write(folder / name / TABLE)
    columns = {
        "path": paths_from([path for path, _ in built.left_out], out),
        "reason": [reason for _, reason in built.left_out],
    }
    left_out = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    write_file(folder / LEFT_OUT, left_out.write_csv())
    places = built.train.frame["place"].n_unique()
    write_file(folder / CONFIG, _training(built, places, config, out.absolute()))
    record = {
        "made_by": f"beenhere {__version__}",
        "photos": str(source.absolute()),
        "options": config.model_dump(mode="json"),
        "places_by_heading": built.by_heading,
        "queries_by": {name: part.sides.way for name, part in built.evaluation.items()},
        "counts": {name: len(table) for name, table in tables.items()}
        | {"places": places, "left out": len(built.left_out)},
    }
    write_file(folder / RECORD, yaml.safe_dump(record, sort_keys=False))


def _training(built: BuiltPlaces, places: int, config: PlacesConfig, out: Path) -> str:
    """A configuration for a computer without a GPU, as text with its reasons."""
    batch = min(32, places)
    epochs = min(40, max(10, round(_BATCHES * batch / places)))
    data: dict[str, Any] = {"train": str(out / "train")}
    if "val" in built.evaluation:
        data["validation"] = str(out / "val")
    if "test" in built.evaluation:
        data["tests"] = {"test": str(out / "test")}
    within = "  shuffle: within_cities     # the table's cities are groups of places far apart\n"
    return f"""# A training to start with; `beenhere train --print-config` explains every option.
# The paths below are those of this folder. When it is moved, change them: train, validation and
# tests. (Its tables name the photos from where they lie; see that these still lead to them.)
{yaml.safe_dump({"data": data}, sort_keys=False, allow_unicode=True, width=10_000).rstrip()}
model:
  backbone:
    name: tf_efficientnet_lite0  # its ImageNet weights come with the package
    crop: 1
    freeze: all                  # few photos: what is trained is the aggregator alone
  aggregator:
    name: mixvpr
    out_channels: 128
    depth: 2
  preprocessing:
    image_size: [224, 224]       # photos of any size and shape become this one
batch:
  places: {batch}
  images: {max(2, min(4, config.min_images))}
  min_images: {config.min_images}
{within if config.method == "cells" else ""}augment:
  randaugment: 2
loss: multi_similarity
optimizer:
  name: adamw
  lr: 1.0e-3
  warmup_steps: 10
  schedule:
    name: cosine
    t_max: {epochs}
fit:
  epochs: {epochs}
"""
