"""Train a model from its options into a run folder, or go on with the run that is there."""

from dataclasses import dataclass, field
from pathlib import Path

from beenhere.config import config_yaml
from beenhere.config.models import ModelConfig
from beenhere.config.training import EvaluationData, TrainConfig
from beenhere.errors import ConfigError, DataError
from beenhere.evaluation.differences import ConditionDifference, differences
from beenhere.evaluation.evaluate import (
    check_truth,
    evaluate_tables,
    evaluation_fingerprint,
    first_threshold,
)
from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.evaluation.protocol import in_words
from beenhere.files.atomic import write_json
from beenhere.models import VPRModel, load_model, read_provenance
from beenhere.photos.formats import EvaluationTables, read_evaluation
from beenhere.training.beginning import started_from
from beenhere.training.loop import (
    choose_fit_device,
    choose_precision,
    named_recalls,
    train,
    with_recall_at_1,
)
from beenhere.training.processes import run_on_devices
from beenhere.training.run_folder import RunFolder
from beenhere.training.source import TrainingPhotos, training_photos
from beenhere.training.teacher import taught
from beenhere.wording import count


@dataclass(frozen=True)
class FitResult:
    """How a run went.

    Attributes:
        run_dir: its folder; ``beenhere.load_model(run_dir)`` gives the best model.
        epochs: finished, in all.
        trained: of these, now.
        best_epoch: the one in ``checkpoints/best``, from 1; 0: the model before its first step.
        validation: its recalls, ``{"R@1": 61.2, ...}`` in percent; empty without validation.
        tests: the best model's recalls on each test set.
        unreadable: training photos that could not be read, with reasons.
        beginning: validation recalls of the model before its first step, alike; empty where they
            were not measured.
        gains: what the best model finds more than the baseline on each test set, in R@1; empty
            without a baseline.
        baseline: the model that it was compared with.
    """

    run_dir: Path
    epochs: int
    trained: int
    best_epoch: int
    validation: dict[str, float]
    tests: dict[str, dict[str, float]]
    unreadable: dict[str, str]
    beginning: dict[str, float] = field(default_factory=dict)
    gains: dict[str, ConditionDifference] = field(default_factory=dict)
    baseline: str | None = None


def fit(config: TrainConfig, run_dir: Path) -> FitResult:
    """Train, validate after each epoch, and test the best model at the end.

    A folder that holds a run with the same options goes on after its last finished epoch, with
    the same weights as if it had never been interrupted (bit for bit on a CPU in float32).

    Args:
        config: every option.
        run_dir: made if it is not there; see :mod:`beenhere.training.run_folder`.

    Raises:
        TrainingError: the folder holds another run, or is in use by another process.
        ConfigError: a device or precision that this machine does not have.
        DataError: photos that cannot be trained, validated or tested on.
        ModelError: an architecture that cannot be built.
        KeyboardInterrupt: by the person; the run can go on after its last finished epoch.
    """
    distil = config.distil
    if config.fit.early_stop is not None and config.data.validation is None and distil is None:
        raise ConfigError(
            f"fit.early_stop is {config.fit.early_stop} and there are no validation photos to stop "
            "by; set data.validation, or fit.early_stop=null"
        )
    start = config.fit.start if distil is None else distil.teacher
    baseline_of = config.fit.baseline or (start if config.data.tests else None)
    if config.fit.baseline is not None and not config.data.tests:
        raise ConfigError(
            f"fit.baseline is {config.fit.baseline!r} and there is no test set to compare on; set "
            "data.tests.NAME, or fit.baseline=null"
        )
    device = choose_fit_device(config.fit)
    choose_precision(config.fit)
    photos = training_photos(config.data)
    named = config.data.validation
    validation = _evaluation("data.validation", named) if named else None
    if validation is not None:
        _refuse_hopeless(validation, config)
    # Tests are read now too: a wrong path must not show after hours.
    tests = {
        name: _evaluation(f"data.tests.{name}", data) for name, data in config.data.tests.items()
    }
    architecture = config.model if config.fit.start else _with_image_size(config.model, photos)
    baseline = None if baseline_of is None else load_model(baseline_of, device)
    run = RunFolder(run_dir)
    if distil is not None:
        teacher = load_model(distil.teacher, device)
        # A student that cannot be built must show before all photos have been described.
        started_from(config.fit.start, None) if config.fit.start else VPRModel(architecture)
    with run.locked():
        run.write_config(config)
        if distil is not None:
            photos = taught(photos, teacher, config, run.path / "teacher")
        before = run.read_results().get("epochs", [])
        arguments = (config, architecture, run.path, photos, validation)
        if config.fit.devices > 1:
            run_on_devices(config.fit.devices, train, *arguments)
        else:
            train(*arguments)
        results = run.read_results()
        contenders = {
            "tests": (
                load_model(run.best, device, config.model.own_modules),
                read_provenance(run.best),
            )
        }
        if baseline is not None:
            contenders["baseline"] = baseline, {"model": baseline_of}
        options, gains = with_recall_at_1(config.evaluation), {}
        for name, tables in tests.items():
            for part, (model, provenance) in contenders.items():
                asked = {
                    "model": model.fingerprint(),
                    "data": config_yaml.plain(config.data.tests[name]),
                    "photos": evaluation_fingerprint(tables),
                    "evaluation": config_yaml.plain(config.evaluation),
                }
                done = results.setdefault(part, {}).get(name, {})
                # A run that goes on has tested its best model already, unless that is another now.
                if any(done.get(key) != value for key, value in asked.items()):
                    evaluation = evaluate_tables(
                        model, tables, options, run.path / part / name, provenance
                    )
                    results[part][name] = {"recalls": named_recalls(evaluation), **asked}
                    write_json(run.results, results)
            if baseline is not None:
                ours, theirs = (SavedEvaluation.read(run.path / part / name) for part in contenders)
                gains[name] = differences(ours, theirs).by_condition()[0]
    epoch, beginning = results["best_epoch"], results.get("beginning", {})
    return FitResult(
        run_dir=run.path,
        epochs=len(results["epochs"]),
        trained=len(results["epochs"]) - len(before),
        best_epoch=epoch,
        validation=results["epochs"][epoch - 1]["validation"] if epoch else beginning,
        beginning=beginning,
        tests={name: results["tests"][name]["recalls"] for name in tests},
        gains=gains,
        baseline=baseline_of,
        unreadable={photo["path"]: photo["reason"] for photo in results["unreadable"]},
    )


def _evaluation(option: str, data: EvaluationData) -> EvaluationTables:
    """Read what an option names; paths of a configuration that comes with us nobody has typed."""
    try:
        return read_evaluation(data)
    except DataError as error:
        raise DataError(f"{option}: {error}; {option}=null goes without") from error


def _refuse_hopeless(validation: EvaluationTables, config: TrainConfig) -> None:
    """Where no query can be right, every epoch is as good as the next, and none is the best."""
    check_truth(validation)
    threshold = first_threshold(config.evaluation, validation)
    if not any(map(len, validation.truth.positives(threshold))):
        right = in_words(threshold, validation.reference.kind)
        raise DataError(
            f"data.validation: {validation.name}: none of "
            f"{count(len(validation.queries), 'query', 'queries')} has a database photo {right}, "
            "so no model could find one; give photos of the same places on both sides, or "
            "data.validation=null goes without"
        )


def _with_image_size(config: ModelConfig, photos: TrainingPhotos) -> ModelConfig:
    """MixVPR's layers are tied to one image size: unless given, that of the training photos."""
    if config.aggregator.name != "mixvpr" or config.preprocessing.image_size is not None:
        return config
    size = photos.image_size()
    if size is None:
        return config
    print(f"mixvpr takes images of one size: {size[0]} x {size[1]}, that of the training photos")
    preprocessing = config.preprocessing.model_copy(update={"image_size": size})
    return config.model_copy(update={"preprocessing": preprocessing})
