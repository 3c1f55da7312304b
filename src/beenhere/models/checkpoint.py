"""Checkpoints: a folder with ``model.safetensors`` (weights) and ``model.yaml`` (all else).

No pickle is read, and no code is run that the caller has not named. A write is complete or not
there: the new folder is made beside the old one and takes its name at the end; see
:func:`save_checkpoint`.
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
import yaml
from safetensors import SafetensorError

from beenhere import __version__
from beenhere.config import config_yaml
from beenhere.config.models import ModelConfig, WrappedConfig
from beenhere.config.options import OwnPart
from beenhere.config.own_parts import check_named
from beenhere.errors import ModelError
from beenhere.files.atomic import BESIDE, replacing, sync_folder, write_file
from beenhere.files.bounded_yaml import dump_yaml
from beenhere.files.regular import named, open_regular
from beenhere.models.backbones import check_fit
from beenhere.models.model import VPRModel
from beenhere.models.pretrained import read_safetensors

FORMAT = "beenhere-model"
FORMAT_VERSION = 1
"""Raised when an older reader would misread the folder."""

MOST_NUMBERS = 1 << 22
"""Of a descriptor."""

WEIGHTS, DESCRIPTION = "model.safetensors", "model.yaml"


def save_checkpoint(model: VPRModel, folder: str | Path, provenance: Mapping[str, Any]) -> None:
    """Write a checkpoint; one that is there is replaced.

    A killed process leaves the old checkpoint or the new one for :func:`load_model` to find. For
    one moment of a replacement the folder's name is free; then the old one waits beside it, named
    ``.NAME.previous``, where :func:`load_model` looks too. One writer at a time.

    Args:
        model: on any device.
        folder: made with its parents.
        provenance: how the weights came to be, in YAML's own types (mappings, lists, texts,
            numbers); versions and the time are added.

    Raises:
        ModelError: a wrapped network, a provenance that YAML cannot hold, a place that cannot be
            written, or one that holds anything else than a checkpoint.
    """
    if isinstance(model.config, WrappedConfig):
        raise ModelError(
            f"{model.config.network} is a network of your own, and a checkpoint holds no code; "
            "keep its weights yourself, such as by torch.save(network.state_dict(), file)"
        )
    target = named(folder).absolute()
    if target.exists() and not _is_replaceable(target):
        raise ModelError(f"{folder} holds other things than a checkpoint; give another folder")
    new, previous = target.with_name(f"{BESIDE}{target.name}"), _previous(target)
    packages = {"torch": str(torch.__version__), "timm": timm.__version__}
    architecture = config_yaml.plain(model.config)
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "architecture": architecture,
        "provenance": {
            **provenance,
            "versions": {"beenhere": __version__, **packages},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    try:
        dump_yaml(description)  # what it cannot hold is refused before anything is written
        shutil.rmtree(new, ignore_errors=True)  # of a process that was killed
        new.mkdir(parents=True)
        with replacing(new / WEIGHTS) as weights:
            safetensors.torch.save_file(state, weights)
        description["sha256"] = _digest(new, architecture)
        text = dump_yaml(description)
        write_file(new / DESCRIPTION, text)
        # No system swaps two folders in one step, so the old one goes before the new one comes.
        if target.exists():
            shutil.rmtree(previous, ignore_errors=True)
            target.rename(previous)
        new.rename(target)
        sync_folder(target.parent)
        shutil.rmtree(previous, ignore_errors=True)
    except yaml.YAMLError as error:
        raise ModelError(f"{folder}: the provenance does not go into YAML ({error})") from error
    except (OSError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise ModelError(f"{folder}: the checkpoint cannot be written ({error})") from error


def read_checkpoint(path: str | Path, parts: Collection[str] = ()) -> VPRModel:
    """The model of a checkpoint folder or of a run's folder, on the CPU.

    Args:
        path: of the folder.
        parts: modules of a person's own that it may use.

    Raises:
        ModelError, ConfigError: as :func:`beenhere.models.load_model`.
    """
    folder = find_checkpoint(named(path))
    description = _read_description(folder)
    architecture = description.get("architecture")
    if not isinstance(architecture, dict):
        raise ModelError(
            f"{folder / DESCRIPTION}: has no architecture; expected the model's options"
        )
    config = config_yaml.validate(
        ModelConfig, architecture, f"{folder / DESCRIPTION}, architecture"
    )
    check_named(config.aggregator, parts, str(folder))
    weights = read_safetensors(folder / WEIGHTS)
    wrong = f"{folder}: {WEIGHTS} does not fit {DESCRIPTION}"
    if not isinstance(config.aggregator, OwnPart):
        # Options of a few bytes may ask for any memory; here none is taken.
        with torch.device("meta"):
            plan = VPRModel(config)
        check_fit(weights, plan.state_dict(), wrong)
        if plan.descriptor_dim > MOST_NUMBERS:
            raise ModelError(
                f"{folder}: its descriptors have {plan.descriptor_dim:,} numbers; expected "
                f"{MOST_NUMBERS:,} at most"
            )
    model = VPRModel(config)
    check_fit(weights, model.state_dict(), wrong)
    model.load_state_dict(dict(weights))
    # Last, as it says least. Before there were checksums none was written.
    if "sha256" in description and description["sha256"] != _digest(folder, architecture):
        raise ModelError(
            f"{folder} is damaged: its weights or options are not those that were saved; bring "
            f"back a copy, or, if you changed them yourself, remove sha256 from {DESCRIPTION}"
        )
    return model


def checkpoint_provenance(path: Path) -> dict[str, Any]:
    """How a checkpoint's weights came to be, as it says itself.

    Raises:
        ModelError, ConfigError: as :func:`read_checkpoint`.
    """
    provenance = _read_description(find_checkpoint(path)).get("provenance")
    return provenance if isinstance(provenance, dict) else {}


def find_checkpoint(path: Path) -> Path:
    """The checkpoint folder that a path stands for."""
    if path.is_file():
        if path.name in (WEIGHTS, DESCRIPTION):
            raise ModelError(f"{path} is a part of a checkpoint; give its folder, {path.parent}")
        raise ModelError(
            f"{path} is a file; expected a checkpoint folder. Of a published model: beenhere model "
            f"import {path} --as NAME ('beenhere model list' has the names); of a network of your "
            "own: give beenhere.wrap(network, image_size=...), in Python"
        )
    best = path / "checkpoints" / "best"
    for folder in (path, _previous(path.absolute()), best, _previous(best)):
        if (folder / DESCRIPTION).is_file() or (folder / WEIGHTS).is_file():
            return folder
    if path.is_dir():
        raise ModelError(
            f"{path} holds no model; expected {WEIGHTS} and {DESCRIPTION}, or a run folder with "
            "checkpoints/best"
        )
    raise ModelError(
        f"{path} does not exist; expected a checkpoint folder, a run folder, a model by name such "
        "as offline-lite0 ('beenhere model list' has them all), or a function of your own as "
        "MODULE:FUNCTION"
    )


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ModelError(f"{path} is missing; a checkpoint is {WEIGHTS} and {DESCRIPTION}")
    description = config_yaml.read_yaml(path)
    if description.get("format") != FORMAT:
        raise ModelError(f"{path}: not a model of this program; expected 'format: {FORMAT}'")
    number = description.get("format_version")
    if not isinstance(number, int) or not 1 <= number <= FORMAT_VERSION:
        raise ModelError(
            f"{path}: has format version {number!r}; this version of beenhere reads 1 to "
            f"{FORMAT_VERSION}: a newer beenhere reads newer ones"
        )
    return description


def _digest(folder: Path, architecture: Mapping[str, Any]) -> str:
    """SHA-256 of the options and the file of the weights."""
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True, default=str).encode())
    path = folder / WEIGHTS
    try:
        with open_regular(path) as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); expected weights") from error
    return digest.hexdigest()


def _is_replaceable(target: Path) -> bool:
    """Whether nothing but a checkpoint is lost when this folder goes."""
    return target.is_dir() and {path.name for path in target.iterdir()} <= {WEIGHTS, DESCRIPTION}


def _previous(folder: Path) -> Path:
    """Where the old checkpoint waits while the new one takes its name."""
    return folder.parent / f".{folder.name}.previous"
