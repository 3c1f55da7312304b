"""What training on tar shards costs and keeps, against the folder they were made of.

    python benchmarks/shards.py --city FOLDER

Prints three tables: how well places mix by the size of the buffer (planned for a set as large as
GSV-XS, without photos); photos a second from files, shards and a local S3 server; and the mean loss
of each epoch on the demo city in FOLDER (made by ``beenhere data city FOLDER``), over seeds. The
last two take minutes.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from beenhere.config.models import PreprocessingConfig
from beenhere.config.training import BatchConfig, ShardsConfig, StreamConfig, TrainConfig
from beenhere.models.model import Preprocessing
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.training.batches import BatchLoader, TrainingBatches
from beenhere.training.fit import fit
from beenhere.training.sampling import PlaceSampler
from beenhere.training.shards import Shards, write_shards
from beenhere.training.shards.shards_manifest import PLACES_SCHEMA
from beenhere.training.shards.stream import StreamLoader, StreamPlan

EPOCHS = 5
GSV_XS = 62_514, 524_701, 15_000
"""Places, photos, and bytes of a photo, about."""


def mixing(buffers: Iterable[int], together: int, mib: int = 256) -> None:
    """Pairs of places that met in a batch within :data:`EPOCHS` epochs, of those that would meet
    if each epoch were shuffled as a whole."""
    places, photos, size = GSV_XS
    each = photos * size // places
    per_shard = (mib << 20) // each
    rows = [(row // per_shard, "", f"{row:06}", photos // places, each) for row in range(places)]
    table = pl.DataFrame(rows, PLACES_SCHEMA, orient="row").with_row_index("row")
    batch = BatchConfig()
    chance = (batch.places - 1) / (places - 1)
    uniform = places * (places - 1) / 2 * (1 - (1 - chance) ** EPOCHS)
    print(f"{places:,} places, {-(-places // per_shard)} shards of {mib} MiB, {together} at a time")
    print("buffer MiB  places in it  pairs met, of uniform  plan of an epoch")
    for buffer in buffers:
        plan = StreamPlan(table, batch, StreamConfig(buffer_mib=buffer, shards=together), 0)
        start = time.perf_counter()
        epochs = [plan.epoch(number) for number in range(EPOCHS)]
        seconds = (time.perf_counter() - start) / EPOCHS
        met = []
        low, high = np.triu_indices(batch.places, 1)
        for epoch in epochs:
            whole = np.array([one for one in epoch.batches if len(one) == batch.places])
            a, b = whole[:, low], whole[:, high]
            met.append((np.minimum(a, b) * places + np.maximum(a, b)).ravel())
        share = len(np.unique(np.concatenate(met))) / uniform
        print(f"{buffer:>10,}  {(buffer << 20) // each:>12,}  {share:>21.1%}  {seconds:>14.2f} s")


def throughput(table: PhotoTable, folder: Path, s3: str | None) -> None:
    """Photos a second, decoded to batches; and of files alone, as they lie on the disk."""
    batch = BatchConfig(places=32)
    stream, as_they_are = StreamConfig(buffer_mib=8), Preprocessing(PreprocessingConfig())
    local = Shards.open(folder)

    def streamed(shards: Shards) -> StreamLoader:
        plan = StreamPlan(shards.places, batch, stream, 0)
        return StreamLoader(shards, plan, as_they_are)

    files = BatchLoader(PlaceSampler(table, batch, 0), table.paths, as_they_are)
    loaders: dict[str, tuple[TrainingBatches, list[Path]]] = {
        "files": (files, [Path(path) for path in table.paths]),
        "shards": (streamed(local), [folder / one.name for one in local.manifest.shards]),
    }
    if s3 is not None:
        loaders["shards, S3 by moto"] = streamed(Shards.open(s3)), []
    print(f"\n{len(table):,} photos of {local.manifest.bytes / len(table) / 1000:.0f} kB")
    print("photos a second         out of the cache  in the cache")
    for name, (loader, paths) in loaders.items():
        rates = []
        for forget in (True, False):
            if forget:
                _forget(paths)
            start = time.perf_counter()
            count = sum(len(one.places) for one in loader)
            rates.append(count / (time.perf_counter() - start))
        print(f"{name:<24}{rates[0]:>16,.0f}  {rates[1]:>12,.0f}")


def losses(table_at: Path, shards_at: Path, runs: Path, epochs: int, seeds: int) -> None:
    """Mean loss of each epoch, and its standard deviation over seeds."""
    print(f"\nmean loss of an epoch over {seeds} seeds (standard deviation)")
    kinds = {
        "folder": {"train": table_at},
        "shards, whole set in the buffer": {"train": shards_at},
        "shards, 1 MiB in the buffer": {
            "train": shards_at,
            "stream": {"buffer_mib": 1, "shards": 2},
        },
    }
    for number, (name, data) in enumerate(kinds.items()):
        curves = []
        for seed in range(seeds):
            config = TrainConfig.model_validate(
                {
                    "data": data,
                    "model": {
                        "backbone": {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2},
                        "aggregator": {"name": "convap", "out_channels": 32},
                        "preprocessing": {"image_size": [48, 48]},
                    },
                    "batch": {"places": 16},
                    "augment": {"randaugment": 0},
                    "optimizer": {"lr": 1e-3},
                    "fit": {
                        "epochs": epochs,
                        "accelerator": "cpu",
                        "precision": "32",
                        "seed": seed,
                    },
                }
            )
            result = fit(config, runs / f"{number}-{seed}")
            lines = (result.run_dir / "metrics.jsonl").read_text().splitlines()
            found = pl.read_ndjson("\n".join(lines).encode(), infer_schema_length=None)
            per_epoch = found.filter(pl.col("seconds").is_not_null())
            curves.append(per_epoch["loss"].to_numpy())
        mean, spread = np.mean(curves, axis=0), np.std(curves, axis=0, ddof=1)
        text = "  ".join(f"{m:.3f} ({s:.3f})" for m, s in zip(mean, spread, strict=True))
        print(f"{name:<32}{text}", flush=True)


def _forget(paths: list[Path]) -> None:
    """Ask the system to drop what it keeps of files; the disk may still have it."""
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--city", type=Path, required=True, help="a demo city")
    parser.add_argument("--s3", help="a URL to write shards to, such as s3://bucket/shards")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=4)
    arguments = parser.parse_args()
    mixing((1024,), together=1)
    mixing((64, 256, 1024, 4096), together=4)
    train = arguments.city / "gsv_xs" / "train"
    table = read_photos(train)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "shards"
        start = time.perf_counter()
        written = write_shards(table, out, ShardsConfig(mib=1))
        seconds = time.perf_counter() - start
        print(f"\nwriting: {written.photos / seconds:,.0f} photos a second")
        if arguments.s3 is not None:
            write_shards(table, arguments.s3, ShardsConfig(mib=1))
        throughput(table, out, arguments.s3)
        losses(train, out, Path(scratch), arguments.epochs, arguments.seeds)


if __name__ == "__main__":
    main()
