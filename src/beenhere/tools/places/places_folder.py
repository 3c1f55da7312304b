"""A training set in a folder: tables that point at photos which stay where they are."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from beenhere import __version__
from beenhere.files.atomic import write_file
from beenhere.photos.summary import photo_sizes
from beenhere.photos.table import PhotoTable, paths_from
from beenhere.tools.places.build import BuiltPlaces
from beenhere.tools.places.choice import BATCH

TABLE = "photos.csv"
LEFT_OUT = "left-out.csv"
CONFIG = "train.yaml"
MAP = "map.png"
RECORD = "places.yaml"

_EPOCHS, _STEPS, _PASSES = 4, 25, 5
"""Of a training to start with; batches of each, for which few places are passed over several times;
and passes at most, since what a handful of places has to say is learned from fewer."""
_SIDE, _LONGEST = 320, 640
"""Pixels of a photo's shorter side, as the network without training takes them, and of the other
at most."""


def write_places(built: BuiltPlaces, source: Path, folder: Path, out: Path) -> None:
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
    write_file(folder / CONFIG, _training(built, places, out.absolute()))
    record = {
        "made_by": f"beenhere {__version__}",
        "photos": str(source.absolute()),
        "options": built.chosen.config.model_dump(mode="json"),
        "places_by_heading": built.by_heading,
        "queries_by": {name: part.sides.way for name, part in built.evaluation.items()},
        "counts": {name: len(table) for name, table in tables.items()}
        | {"places": places, "left out": len(built.left_out)},
    }
    write_file(folder / RECORD, yaml.safe_dump(record, sort_keys=False))


def _training(built: BuiltPlaces, places: int, out: Path) -> str:
    """A configuration for a computer without a GPU, as text with its reasons."""
    batch, least = min(BATCH, places), built.chosen.config.min_images
    epochs, steps = _EPOCHS, min(_STEPS, _PASSES * (places // batch))
    data: dict[str, Any] = {"train": str(out / "train")}
    if "val" in built.evaluation:
        data["validation"] = str(out / "val")
    baseline = ""
    if "test" in built.evaluation:
        data["tests"] = {"test": str(out / "test")}
        baseline = "  baseline: offline-lite0      # what the best model is compared with\n"
    within = "  shuffle: within_cities       # the table's cities are groups of places far apart\n"
    (height, width), same = _image_size(built.train)
    aspect = "true            # all photos have one shape"
    if not same:
        aspect = "false           # photos of any size and shape become this one"
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
    name: whitened_cov           # offline-lite0's, and what your places say; begins well
  preprocessing:
    image_size: [{height}, {width}]
    keep_aspect: {aspect}
batch:
  places: {batch}
  images: 4
  min_images: {least}
{within if built.chosen.grouped else ""}augment:
  randaugment: 2
loss: multi_similarity
optimizer:
  name: adamw
  lr: 5.0e-4
  warmup_steps: 10
  schedule:
    name: cosine
    t_max: {epochs}
fit:
  epochs: {epochs}
  steps_per_epoch: {steps}          # as many passes over the places as that takes
{baseline}"""


def _image_size(train: PhotoTable) -> tuple[tuple[int, int], bool]:
    """Height and width of the commonest photo, made smaller; whether all have its shape."""
    sizes = [
        (round(height * scale), round(width * scale))
        for width, height in photo_sizes(train).counts
        for scale in [_SIDE / min(width, height)]
    ]
    height, width = sizes[0] if sizes else (_SIDE, _SIDE)
    return (min(height, _LONGEST), min(width, _LONGEST)), len(set(sizes)) == 1
