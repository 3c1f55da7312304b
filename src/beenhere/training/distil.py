"""A small model from a big one: what `beenhere distil` trains, and how the two compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beenhere.config import config_yaml
from beenhere.config.shipped import abouts, packaged
from beenhere.config.training import TrainConfig
from beenhere.errors import ConfigError
from beenhere.models import VPRModel, load_model
from beenhere.models.load import own_function
from beenhere.retrieval.extract import milliseconds_per_photo
from beenhere.training.fit import FitResult, fit
from beenhere.training.source import FolderPhotos, training_photos

RECIPE = "distil"
"""The configuration that ships for it."""
VALIDATION = "validation"
"""The test set on which student and teacher are compared at the end."""


def distil(
    teacher: str | Path,
    photos: str | Path,
    *,
    student: str | Path | None = None,
    validation: str | Path | None = None,
    out: str | Path,
    assignments: Sequence[str] = (),
) -> FitResult:
    """Train a student to see photos as alike as its teacher does; no photo needs a label.

    >>> from beenhere.training.distil import distil
    >>> quick = ["fit.epochs=1", "fit.steps_per_epoch=1"]
    >>> result = distil("offline-lite0", "photos", out="runs/small", assignments=quick)
    >>> beenhere.load_model("runs/small").descriptor_dim
    512

    Args:
        teacher: any model: a name, a checkpoint, a run folder.
        photos: a folder or table that :func:`beenhere.read_photos` reads.
        student: a YAML file with ``model:``, a configuration that ships, or a model to start from;
            None: that of the configuration ``distil``.
        validation: a folder with ``database/`` and ``queries/``, by which the best epoch is chosen
            and both models are compared; None: the best epoch is the one that most agrees with the
            teacher on photos held out.
        out: the folder of the run; interrupted, the same call goes on.
        assignments: options such as ``"fit.epochs=20"``.

    Raises:
        BeenhereError: as :func:`beenhere.training.fit.fit`.
    """
    return fit(distil_options(teacher, photos, student, validation, assignments), Path(out))


def distil_options(
    teacher: str | Path,
    photos: str | Path,
    student: str | Path | None = None,
    validation: str | Path | None = None,
    assignments: Sequence[str] = (),
) -> TrainConfig:
    """The recipe ``distil`` for a teacher, photos and a student; see :func:`distil`.

    Raises:
        ConfigError: a student that cannot be saved, a file that holds none, an unknown option.
    """
    recipe = config_yaml.read_yaml(packaged(RECIPE))
    recipe["distil"]["teacher"] = _where(teacher)
    recipe["data"] = {"train": str(photos)}
    if validation is not None:
        recipe["data"] |= {"validation": str(validation), "tests": {VALIDATION: str(validation)}}
    if student is not None:
        recipe |= _student(str(student), recipe)
    options = config_yaml.validate(TrainConfig, recipe, f"the configuration {RECIPE}")
    options = config_yaml.assign(options, assignments)
    if not any(one.startswith("optimizer.schedule") for one in assignments):
        # Else the rate would rise again in a longer training.
        options = config_yaml.assign(options, [f"optimizer.schedule.t_max={options.fit.epochs}"])
    return options


def _student(student: str, recipe: dict[str, Any]) -> dict[str, Any]:
    path = Path(student)
    if path.suffix in (".yaml", ".yml") or path.is_file() or student in abouts():
        given = config_yaml.read_yaml(packaged(student) if student in abouts() else path)
        if "model" not in given:
            raise ConfigError(f"{student}: has no 'model:', which the student is to be")
        return {"model": given["model"]}
    if own_function(student) is not None:
        raise ConfigError(
            f"the student is {student}, a network of your own, which cannot be saved; expected a "
            "YAML file with 'model:', a configuration that ships, a checkpoint or a run folder"
        )
    return {"model": {}, "fit": {**recipe["fit"], "start": _where(student)}}


def _where(model: str | Path) -> str:
    """A path that holds wherever the run goes on, or a name as it is."""
    return str(Path(model).absolute()) if Path(model).exists() else str(model)


def milliseconds_beside(options: TrainConfig, student: VPRModel) -> tuple[VPRModel, float, float]:
    """The teacher, and what one of the photos costs in its network and in the student's."""
    assert options.distil is not None
    photos, teacher = training_photos(options.data), load_model(options.distil.teacher)
    found = photos.image_size() if isinstance(photos, FolderPhotos) else None
    costs = [
        milliseconds_per_photo(
            model,
            options.evaluation.extract,
            *model.preprocessing.target_size(*found or (480, 640)),
        )
        for model in (teacher, student)
    ]
    return teacher, costs[0], costs[1]
