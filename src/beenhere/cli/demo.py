"""``beenhere demo``: the whole pipeline on a city that does not exist."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from beenhere.cli.output import console, figures_table, tell
from beenhere.cli.parameters import ADVANCED, Assignments
from beenhere.config.evaluation import EvalConfig
from beenhere.config.tools import CityConfig
from beenhere.config.training import DataConfig, EvaluationData, TrainConfig
from beenhere.wording import count

if TYPE_CHECKING:
    from rich.table import Table

    from beenhere.evaluation.evaluation_results import Evaluation
    from beenhere.models import VPRModel

SHOWN = (1, 5, 10)
"""Each N of the table."""

PICTURED = 4
"""Queries in the picture, of the day and of the night each."""

LIGHTS = {"day": ("sf_xs/test", "day"), "night": ("tokyo_xs/test", "night")}
"""Where the queries by day and by night are in the city, and their condition there."""


def demo(
    *,
    out: Path = Path("beenhere-demo"),
    set_: Assignments = (),
    city: Annotated[CityConfig, ADVANCED] = CityConfig(),
) -> None:
    """See it work: render a city, train on it, measure, and draw what was found.

    Nothing is downloaded. The same command goes on where it was interrupted.

    Args:
        out: folder for the city, the run, the measurements and the picture.
        set_: an option of the training by name, such as `fit.epochs=4`; may be repeated.
        city: how much to render.
    """
    from beenhere.city import write_city
    from beenhere.models import load_model
    from beenhere.training.fit import fit

    start = time.monotonic()
    say = partial(print, flush=True)
    config = _training(out, set_)

    say("1. Rendering a city: streets to train on, and other streets to be tested on")
    written = write_city(out / "city", city, what="photos")
    tell(f"   {written.photos} photos in {written.root}")

    say("2. Measuring networks that know ImageNet and were not trained for places")
    found = {"GeM, untrained": _measure(load_model("offline-lite0-gem"), out, "gem")}
    found["offline-lite0, untrained"] = _measure(load_model("offline-lite0"), out, "untrained")

    say(f"3. Training a head for it on {written.places} places, {config.fit.epochs} epochs")
    fit(config, out / "run")

    say("4. Measuring it on the streets it was not trained on")
    found["the same, trained"] = _measure(load_model(out / "run"), out, "trained")

    _report(found, out)
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    tell(f"That took {minutes} min {seconds} s.")


def _training(out: Path, assignments: Sequence[str]) -> TrainConfig:
    from beenhere.config import config_yaml
    from beenhere.config.shipped import packaged

    config = config_yaml.load(TrainConfig, packaged("demo"), assignments)
    validation = EvaluationData(tree=out / "city/sf_xs/val")
    data = DataConfig(train=out / "city/gsv_xs/train", validation=validation)
    return config.model_copy(update={"data": data})


def _measure(model: "VPRModel", out: Path, name: str) -> dict[str, "Evaluation"]:
    from beenhere.evaluation.evaluate import evaluate_tables
    from beenhere.photos.formats import read_evaluation

    config = EvalConfig(recall_at=[*SHOWN, 20])
    return {
        light: evaluate_tables(
            model,
            read_evaluation(EvaluationData(tree=out / "city" / tree)),
            config,
            out / "evaluations" / f"{name}-{light}",
        )
        for light, (tree, _) in LIGHTS.items()
    }


def _report(found: dict[str, dict[str, "Evaluation"]], out: Path) -> None:
    from beenhere.report import panels

    trained = found["the same, trained"]
    chosen = [panel for light in LIGHTS for panel in panels.choose_panels(trained[light], PICTURED)]
    picture = out / "matches.jpg"
    panels.draw_panels(
        chosen, picture, "Trained on the demo city: found in streets it had never seen"
    )

    print()
    console().print(_table(found))
    print(
        "R@N: percent of the queries with a photo from within 25 m among the first N found,\n"
        "[95% bootstrap interval]. All three stand on EfficientNet-Lite0 with ImageNet weights.\n"
    )
    queries = count(len(chosen), "query", "queries")
    tell(f"Look at    {picture}: {queries}, and the first three photos found for each")
    tell(f"The model  {out / 'run'}")
    tell(f"The city   {out / 'city'}")
    tell(f"All else   {out / 'evaluations'}: results.json, predictions.parquet", "")
    print("Next:")
    for command, meaning in (
        ("beenhere data show PHOTOS", "what a folder of yours holds"),
        ("beenhere eval offline-lite0 --photos PHOTOS --leave-one-out", "measure on it"),
        (f"beenhere eval {out / 'run'} --data {out / 'city/sf_xs/test'}", "this model again"),
        (f"beenhere index build PHOTOS --model {out / 'run'} -o my.index", "keep an index of it"),
        ("beenhere locate PHOTO --index my.index --plot map.png", "where was a photo taken?"),
        ("beenhere train mixvpr --print-config", "the options, to train your own"),
    ):
        tell(f"  {command:<60} {meaning}")


def _table(found: dict[str, dict[str, "Evaluation"]]) -> "Table":
    rows = []
    for network, by_light in found.items():
        for light, (_, condition) in LIGHTS.items():
            recalls = [by_light[light].measured(n, condition=condition) for n in SHOWN]
            cells = (f"{r.percent:.1f} [{r.low:.0f}, {r.high:.0f}]" for r in recalls)
            rows.append([network if light == "day" else "", light, *cells])
    return figures_table(["network", "light"], [f"R@{n}" for n in SHOWN], rows, edge=True)
