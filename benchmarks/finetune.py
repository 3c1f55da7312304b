"""What fine-tuning and distilling bring, on rendered cities that a training never saw.

    python benchmarks/finetune.py tune [--freeze -2] [--seeds 0 1 2] [--cities FOLDER]
    python benchmarks/finetune.py distil [--temperature 0.1] [--seeds 0] [--cities FOLDER]
    python benchmarks/finetune.py lora [--rate 10] [--rank 8] [--seeds 0] [--cities FOLDER]

City 41 is trained on, 42 is what options are chosen by, 43 is what is reported. ``tune`` starts
from `offline-lite0` at 224 px by the recipe `finetune`, shorter, with 80 places of 4 photos, and
measures shares of the trained weights (``fit.blend``). ``distil`` has `offline-lite0` (320 px,
6,328 numbers) teach a student of 160 px and 256 numbers on 640 photos without labels. ``lora``
does as ``tune``, by low-rank changes of the last stage's pointwise convolutions (peft, which has to
be installed). R@1 within 25 m, and its difference with the 95% interval of a paired bootstrap.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from beenhere.city import write_city
from beenhere.config import config_yaml
from beenhere.config.evaluation import EvalConfig
from beenhere.config.models import OFFLINE_LITE0
from beenhere.config.shipped import packaged
from beenhere.config.tools import CityConfig
from beenhere.config.training import EvaluationData, TrainConfig
from beenhere.evaluation.differences import differences
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.models import VPRModel, build_model, load_model, save_checkpoint
from beenhere.photos.formats import read_evaluation
from beenhere.retrieval.extract import milliseconds_per_photo
from beenhere.training.beginning import Start, learn_beginning
from beenhere.training.distil import distil_options
from beenhere.training.fit import fit
from beenhere.training.objectives import TrainingStep
from beenhere.training.optim import set_learning_rates
from beenhere.training.source import training_batches, training_photos
from beenhere.training.teacher import taught

TRAINED, CHOSEN_BY, REPORTED = 41, 42, 43
TESTS = ((CHOSEN_BY, "sf_xs"), (REPORTED, "sf_xs"))
# Backward through depthwise convolutions takes longer in bfloat16 than in float32 on a processor.
COMMON = ["fit.precision=32", "fit.workers=1", "evaluation.extract.workers=1"]


def main() -> None:
    """Print a line for each seed, share and city."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["tune", "distil", "lora"])
    parser.add_argument("--freeze", default="-2")
    parser.add_argument("--rate", default="1", help="times the recipe's")
    parser.add_argument("--norms", default="true", help="fit.keep_norms")
    parser.add_argument("--temperature", default="0.1")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--cities", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        cities = options.cities or Path(temporary)
        for seed in (TRAINED, CHOSEN_BY, REPORTED):
            write_city(cities / str(seed), _city(seed))
        sets = Sets(cities, Path(temporary))
        for seed in options.seeds:
            torch.manual_seed(seed)
            start = time.monotonic()
            run = {"tune": tune, "distil": distil, "lora": lora}[options.what]
            run(sets, seed, options, Path(temporary) / f"run-{seed}")
            print(f"seed {seed}: {time.monotonic() - start:.0f} s", flush=True)


def _city(seed: int) -> CityConfig:
    trained = seed == TRAINED
    return CityConfig(
        seed=seed, cities=1, places=160 if trained else 2, images_per_place=4,
        database=20 if trained else 250, queries=10 if trained else 150, size=224, workers=1,
    )  # fmt: skip


class Sets:
    """The cities to measure on; every model is measured against the first one of its set."""

    def __init__(self, cities: Path, out: Path) -> None:
        self.train, self._out = cities / str(TRAINED) / "gsv_xs" / "train", out
        self._tables = {
            f"{seed} {name}": read_evaluation(
                EvaluationData(tree=cities / str(seed) / name / "test")
            )
            for seed, name in TESTS
        }
        self._config = EvalConfig.model_validate({"recall_at": [1], "extract": {"workers": 1}})

    def measure(self, model: VPRModel, name: str, baseline: str | None = None) -> None:
        """Print R@1 of each set, and the difference from a model measured before."""
        for key, tables in self._tables.items():
            out = self._out / name / key
            recall = evaluate_tables(model, tables, self._config, out).recalls[0].percent
            said = f"{name:<24} {key:<12} R@1 {recall:5.1f}  n {len(tables.queries)}"
            if baseline is not None:
                before = SavedEvaluation.read(self._out / baseline / key)
                one = differences(SavedEvaluation.read(out), before).by_condition()[0].comparison
                said += f"  {one.difference:+.1f} [{one.low:+.1f}, {one.high:+.1f}] from {baseline}"
            print(said, flush=True)


def started(sets: Sets, folder: Path) -> VPRModel:
    """The model to start from, measured once."""
    small = OFFLINE_LITE0.preprocessing.model_copy(update={"image_size": (224, 224)})
    start = build_model(OFFLINE_LITE0.model_copy(update={"preprocessing": small}))
    if not folder.exists():
        save_checkpoint(start, folder, {})
        sets.measure(start, "start")
    return start


def recipe(sets: Sets, seed: int, options: argparse.Namespace, start: Path) -> TrainConfig:
    """The recipe `finetune`, shorter; all of what is trained is kept."""
    config = config_yaml.load(
        TrainConfig,
        packaged("finetune"),
        [
            *COMMON,
            f"data.train={sets.train}",
            "data.share=0.5",
            f"fit.start={start}",
            f"fit.seed={seed}",
            f"fit.steps_per_epoch={options.steps}",
            f"model.backbone.freeze={options.freeze}",
            f"optimizer.backbone_lr={1e-4 * float(options.rate)}",
            "optimizer.warmup_steps=5",
            f"fit.keep_norms={options.norms}",
            "batch.places=10",
            "fit.epochs=3",
            "optimizer.schedule.t_max=3",
            "fit.blend=1",
        ],
    )
    return config.model_copy(update={"data": config.data.model_copy(update={"tests": {}})})


def tune(sets: Sets, seed: int, options: argparse.Namespace, run: Path) -> None:
    """Fine-tune once, and measure several shares of what was trained."""
    folder = run.parent / "start"
    start = started(sets, folder)
    fit(recipe(sets, seed, options, folder), run)
    trained = load_model(run)
    for share in (0.5, 1.0):
        with Start(start, share).blended(trained):
            name = f"{options.freeze} x{options.rate} {options.norms} seed {seed} blend {share:g}"
            sets.measure(trained, name, "start")


def lora(sets: Sets, seed: int, options: argparse.Namespace, run: Path) -> None:
    """As :func:`tune`, but what is trained are low-rank changes; they are merged to measure."""
    from peft import LoraConfig, inject_adapter_in_model  # type: ignore[import-not-found]

    folder = run.parent / "start"
    start = started(sets, folder)
    config = recipe(sets, seed, options, folder)
    model = load_model(folder)
    adapted = LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank,
        target_modules=r"backbone\.network\.blocks\.[34]\.\d+\.conv_pwl?",  # of stride 16
    )
    inject_adapter_in_model(adapted, model)
    changed = [p for name, p in model.named_parameters() if "lora_" in name]
    rate = 1e-4 * float(options.rate)
    optimizer = torch.optim.AdamW(
        [{"params": changed, "lr": rate, "base_lr": rate}],
        weight_decay=config.optimizer.weight_decay,
    )
    step = TrainingStep(model, config).train()
    batches = training_batches(training_photos(config.data), config, model.preprocessing)
    steps, began = 0, time.monotonic()
    for epoch in range(config.fit.epochs * -(-options.steps // len(batches))):
        batches.epoch = epoch
        for number, batch in enumerate(batches):
            set_learning_rates(optimizer, config.optimizer, steps // options.steps, steps)
            loss, _ = step(batch.images, batch.places, epoch, number, 0)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
    print(f"{steps} steps in {time.monotonic() - began:.0f} s, loss {loss.item():.3f} at last, ")
    print(f"{sum(p.numel() for p in changed):,} numbers trained", flush=True)
    state = start.state_dict()
    for name, module in model.eval().named_modules():
        if hasattr(module, "base_layer"):
            module.merge()
            state[f"{name}.weight"] = module.base_layer.weight.detach()
    trained = load_model(folder)
    trained.load_state_dict(state)
    for share in (0.5, 1.0):
        with Start(start, share).blended(trained):
            name = f"rank {options.rank} x{options.rate} seed {seed} blend {share:g}"
            sets.measure(trained, name, "start")


def distil(sets: Sets, seed: int, options: argparse.Namespace, run: Path) -> None:
    """Distil, and measure teacher, student before its first step, and student."""
    teacher = load_model("offline-lite0")
    if not (run.parent / "teacher").exists():
        sets.measure(teacher, "teacher")
        print(f"{milliseconds_per_photo(teacher, EXTRACT, 320, 320):.1f} ms a photo", flush=True)
    config = distil_options(
        "offline-lite0",
        sets.train,
        assignments=[
            *COMMON,
            "model.projection.out_dim=256",
            "model.preprocessing.image_size=[160, 160]",
            f"distil.temperature={options.temperature}",
            f"optimizer.lr={1e-4 * float(options.rate)}",
            f"fit.seed={seed}",
            f"fit.keep_norms={options.norms}",
            f"fit.steps_per_epoch={options.steps}",
            "fit.epochs=4",
            "optimizer.warmup_steps=5",
        ],
    )
    photos = taught(training_photos(config.data), teacher, config, run / "teacher")
    student = build_model(config.model)
    batches = training_batches(photos, config, student.preprocessing)
    learn_beginning(student, batches, torch.device("cpu"), seed)
    before = f"T {options.temperature} seed {seed} before"
    sets.measure(student, before, "teacher")
    fit(config, run)
    student, name = load_model(run / "checkpoints" / "last"), before.replace("before", "after")
    sets.measure(student, name, "teacher")
    sets.measure(student, name, before)
    print(f"{milliseconds_per_photo(student, EXTRACT, 160, 160):.1f} ms a photo", flush=True)


EXTRACT = EvalConfig().extract

if __name__ == "__main__":
    main()
