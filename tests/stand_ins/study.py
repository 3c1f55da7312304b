"""A study that nobody ran: real files with made-up outcomes, of any size, quick to write."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, ImageDraw

from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.evaluation.evaluation_results import Evaluation, Recall, Timing
from beenhere.evaluation.statistics import bootstrap_interval, wilson_interval
from beenhere.studies.results import Row, Run, State, StudyResults, Table

RECALL_AT = (1, 5, 10, 20)
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True)
class FakeSet:
    """A test set on disk: its name, its photos, and how hard each query is, in [0, 1]."""

    name: str
    database: list[str]
    queries: pl.DataFrame
    difficulty: list[float]


def write_set(
    folder: Path,
    name: str,
    queries: int = 24,
    database: int = 30,
    conditions: Sequence[str] = ("day", "night", "fog"),
    centre: tuple[float, float] = (37.77, -122.42),
) -> FakeSet:
    """Draw its photos; one query in twelve has no photo of its place, the last no position."""
    rng = np.random.default_rng(len(name))
    found = [str(_draw(folder / name / f"database {i}.jpg", i, "day")) for i in range(database)]
    kinds = [conditions[i % len(conditions)] for i in range(queries)]
    asked = [str(_draw(folder / name / f"query {i}.jpg", i, kind)) for i, kind in enumerate(kinds)]
    along, across = rng.uniform(-900, 900, queries), rng.choice([-240.0, 0.0, 240.0], queries)
    nearest = np.where(np.arange(queries) % 12 == 11, 160.0, rng.uniform(0.5, 18, queries))
    frame = pl.DataFrame(
        {
            "query": asked,
            "condition": kinds,
            "lat": centre[0] + across / _METRES_A_DEGREE,
            "lon": centre[1] + along / _METRES_A_DEGREE / math.cos(math.radians(centre[0])),
            "nearest_m": nearest,
        }
    )
    last = pl.int_range(pl.len()) == queries - 1
    nowhere = [pl.when(~last).then(pl.col(c)).alias(c) for c in ("lat", "lon", "nearest_m")]
    return FakeSet(name, found, frame.with_columns(nowhere), rng.random(queries).tolist())


def write_run(
    folder: Path,
    sets: Sequence[FakeSet],
    skill: float,
    seed: int = 0,
    options: Sequence[str] = (),
    state: State = "finished",
    error: str = "",
    dimension: int = 512,
    images_per_second: float = 120.0,
    milliseconds: float | None = 8.4,
) -> Run:
    """One run folder.

    Args:
        skill: about the R@1 that comes out, in [0, 1].
        options: assignments such as ``"optimizer.lr=1e-4"``.
        milliseconds: of the model for a photo; None: nobody has measured it.
    """
    rng = np.random.default_rng([seed, round(1000 * skill), dimension])
    folder.mkdir(parents=True, exist_ok=True)
    config = config_yaml.load(TrainConfig, assignments=[*options, f"fit.seed={seed}"])
    config_yaml.write(config, folder / "config.yaml")
    count = {"finished": config.fit.epochs, "interrupted": 3}.get(state, 0)
    epochs = [_epoch(e, config, skill, rng) for e in range(1, count + 1)]
    best = max(epochs, key=lambda e: float(e["validation"]["R@1"]))["epoch"] if epochs else 0
    (folder / "metrics.jsonl").write_text("".join(json.dumps(e) + "\n" for e in epochs))
    results = {"best_epoch": best, "epochs": epochs}
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    tests = tuple(s.name for s in sets) if state == "finished" else ()
    for one in sets if tests else ():
        found = _evaluation(one, skill, rng, dimension, images_per_second)
        found.write(folder / "tests" / one.name)
    record = {
        "seconds": 61.5 * count,
        "started": "2026-03-01T10:00:00+00:00",
        "finished": "2026-03-01T10:12:30+00:00",
        "hardware": {"processor": "2 cores of a stand-in", "accelerator": "none"},
        "versions": {"python": "3.11.7", "torch": "2.15.0", "beenhere": "0.1.0"},
        "data": {"train": {"photos": 1400, "places": 350, "sha256": "5e" * 32}},
        **({} if milliseconds is None else {"milliseconds_per_photo": milliseconds}),
    }
    return Run(
        folder, seed, state, error, config_yaml.plain(config), epochs, best, tests,
        record if count else {},
    )  # fmt: skip


def write_study(folder: Path) -> StudyResults:
    """Three small tables: names that HTML would misread, every state, two seeds, a grid."""
    sets = [
        write_set(folder / "photos", "sf_xs"),
        write_set(folder / "photos", "tokyo_xs", queries=18, centre=(35.66, 139.70)),
    ]
    gem = _run(folder, sets, 0.15, "model.aggregator.name=gem")
    aggregators = (
        Row("Avg", {"fit.epochs": 20}, _published(30.6, 46.8), (), _seeds(folder, sets, 0.3)),
        Row("GeM", {"model.aggregator.name": "gem"}, _published(31.0, 47.3), ("Losses",), (gem,)),
        Row('<b>&"x_1%', {"loss.name": "<i>"}, {}, (), (_run(folder, sets, 0.75, "batch.places=8"),)),  # noqa: E501
        Row("Broken", {}, {}, (), (_unfinished(folder, "failed", "the loss is <nan> & more"),)),
        Row("Half", {}, {}, (), (_unfinished(folder, "interrupted"),)),
        Row("Later", {}, {}, (), (_unfinished(folder, "waiting"),)),
    )  # fmt: skip
    shares = [0.25, 0.5, 1.0]
    growth = tuple(
        Row(f"{100 * share:g}% of the places", {"data.share": share}, {}, (), (
            _run(folder, sets, 0.3 + 0.4 * share, f"data.share={share}"),
        ))
        for share in shares
    )  # fmt: skip
    return study(
        (
            Table("aggregators", "Aggregators", "Which one?", "A paper, table 1", aggregators,
                  (1.0, 5.0, 25.0, 50.0, 100.0), ""),
            Table("growth", "More & more places", "Does it help?", "", growth, (), "data.share"),
            Table("losses", "Losses", "", "", (
                Row("contrastive", {"loss.name": "contrastive"}, {}, ("Aggregators",), (gem,)),
            ), (), ""),
        )
    )  # fmt: skip


def study(tables: tuple[Table, ...], **changes: Any) -> StudyResults:
    """Tables as a study on ``sf_xs`` and ``tokyo_xs``."""
    return StudyResults(
        **{
            "name": "paper",
            "title": "What makes a place recognisable?",
            "about": "The tables of a paper, trained again.",
            "data": "demo",
            "data_title": "the demo city",
            "caveat": "Every photo is rendered: these are not the paper's figures.",
            "published_queries": {"sf_xs": 1000, "tokyo_xs": 315},
            "tests": {"sf_xs": "SF-XS", "tokyo_xs": "Tokyo-XS"},
            "recall_at": RECALL_AT,
            "threshold": 25.0,
            "confidence": 0.95,
            "resamples": 200,
            "seed": 0,
            "tables": tables,
            "compare": (),
            "command": "beenhere study run paper --data demo --seeds 2",
            **changes,
        }
    )


def _run(folder: Path, sets: Sequence[FakeSet], skill: float, *options: str) -> Run:
    name = f"{options[0].replace('=', '-')}"
    return write_run(folder / "runs" / name, sets, skill, options=options)


def _seeds(folder: Path, sets: Sequence[FakeSet], skill: float) -> tuple[Run, ...]:
    return tuple(
        write_run(folder / "runs" / f"avg-{seed}", sets, skill, seed, ["fit.epochs=20"])
        for seed in (0, 1)
    )


def _unfinished(folder: Path, state: State, error: str = "") -> Run:
    return write_run(folder / "runs" / state, (), 0.4, state=state, error=error)


def _published(r1: float, r5: float) -> dict[str, dict[str, float]]:
    return {"sf_xs": {"R@1": r1, "R@5": r5}, "tokyo_xs": {"R@1": r1 + 15, "R@5": r5 + 20}}


def _epoch(
    number: int, config: TrainConfig, skill: float, rng: np.random.Generator
) -> dict[str, Any]:
    learnt = 1 - math.exp(-number / 3)
    r1 = 100 * skill * learnt + float(rng.normal(0, 1.0))
    rate = config.optimizer.lr * (1 + math.cos(math.pi * (number - 1) / config.fit.epochs)) / 2
    return {
        "epoch": number,
        "step": 18 * number,
        "loss": 1.7 - 0.5 * skill * learnt + float(rng.normal(0, 0.01)),
        "active_pairs": 0.2,
        "validation": {f"R@{n}": min(100.0, r1 + 9 * math.log(n)) for n in RECALL_AT},
        "lr": {"head": rate},
        "seconds": 60.0,
    }


def _evaluation(
    one: FakeSet, skill: float, rng: np.random.Generator, dimension: int, images_per_second: float
) -> Evaluation:
    """Hard queries are found late; what is not found lies 120 to 2,000 m away."""
    depth = min(20, len(one.database))
    ranks, metres, similar, found = [], [], [], []
    for row, hard in enumerate(one.difficulty):
        near = one.queries["nearest_m"][row]
        late = hard - skill + float(rng.normal(0, 0.05))
        first = 1 if late < 0 else math.ceil(60 * late)
        far = rng.uniform(120, 2000, depth)
        if near is not None and near <= 25 and first <= depth:
            far[first - 1] = rng.uniform(near, 24.9)
        ranks += range(1, depth + 1)
        metres += [None] * depth if near is None else far.tolist()
        similar += np.sort(rng.uniform(0.3, 0.95, depth))[::-1].tolist()
        found += rng.permutation(len(one.database))[:depth].tolist()
    queries = one.queries.height
    predictions = pl.DataFrame(
        {
            "query": np.repeat(one.queries["query"].to_numpy(), depth).tolist(),
            "rank": pl.Series(ranks, dtype=pl.Int32),
            "database": [one.database[i] for i in found],
            "similarity": pl.Series(similar, dtype=pl.Float32),
            "distance_m": pl.Series(metres, dtype=pl.Float64),
            "query_condition": np.repeat(one.queries["condition"].to_numpy(), depth).tolist(),
        }
    )
    best = predictions.filter(pl.col("distance_m") <= 25.0).group_by("query").agg(pl.min("rank"))
    first_hits = one.queries.join(best, on="query", how="left", maintain_order="left")["rank"]
    far = one.queries.filter(pl.col("nearest_m").is_null() | (pl.col("nearest_m") > 25.0))
    groups = [None, *sorted(set(one.queries["condition"]))]
    recalls = [
        _recall(first_hits.filter(_of(one, group)).to_list(), n, group)
        for group in groups
        for n in RECALL_AT
    ]
    images = queries + len(one.database)
    return Evaluation(
        name=one.name,
        recalls=recalls,
        predictions=predictions,
        query_table=one.queries,
        queries=queries,
        database=len(one.database),
        without_positive={25.0: far["query"].to_list()},
        without_position=one.queries.filter(pl.col("lat").is_null())["query"].to_list(),
        unreadable={"database": [], "queries": []},
        unusable={"database": [], "queries": []},
        timing=Timing(images, images / images_per_second, 0.4),
        model={"fingerprint": "ab" * 32, "descriptor_dim": dimension},
        data={
            side: {"photos": count, "places": 0, "sha256": "cd" * 32}
            for side, count in (("database", len(one.database)), ("queries", queries))
        },
        config={"thresholds": [25.0]},
    )


def _of(one: FakeSet, condition: str | None) -> pl.Series:
    everything = pl.Series([True] * one.queries.height)
    return everything if condition is None else one.queries["condition"] == condition


def _recall(first: list[int | None], n: int, condition: str | None) -> Recall:
    hits = np.array([rank is not None and rank <= n for rank in first])
    low, high = bootstrap_interval(hits, 0.95, 200, 0)
    wilson = wilson_interval(hits, 0.95)
    return Recall(25.0, n, condition, len(hits), 100 * float(hits.mean()), 100 * low, 100 * high,
                  100 * wilson[0], 100 * wilson[1], None)  # fmt: skip


def _draw(path: Path, seed: int, condition: str) -> Path:
    """A street front of 96 x 72 pixels, darker at night and paler in fog."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (96, 72), (150, 180, 215))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 56, 96, 72), fill=(90, 90, 95))
    left = 0
    while left < 96:
        width, height = int(rng.integers(16, 34)), int(rng.integers(24, 50))
        colour = tuple(int(c) for c in rng.integers(90, 220, 3))
        pen.rectangle((left, 56 - height, left + width - 2, 56), fill=colour)
        for x in range(left + 3, left + width - 6, 7):
            for y in range(60 - height, 50, 9):
                pen.rectangle((x, y, x + 3, y + 4), fill=(50, 60, 80))
        left += width
    veil = {"night": ((8, 10, 30), 0.65), "fog": ((225, 225, 225), 0.6)}.get(condition)
    if veil is not None:
        picture = Image.blend(picture, Image.new("RGB", picture.size, veil[0]), veil[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=85)
    return path
