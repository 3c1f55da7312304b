"""The model of an index: kept in it, read from it, and told from others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from beenhere.config import config_yaml
from beenhere.config.evaluation import ComputeConfig, ExtractConfig
from beenhere.devices import choose_device
from beenhere.errors import BeenhereError, ConfigError, ModelError
from beenhere.models.checkpoint import BUILT_IN, load_model, read_provenance, save_checkpoint
from beenhere.retrieval.extract import precision_on
from beenhere.retrieval.index.change import MODEL, Change
from beenhere.retrieval.index.manifest import IndexedModel
from beenhere.retrieval.index.snapshot import MEND, damage_of

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel


def keep_model(
    change: Change, model: "VPRModel", spec: str | None, config: ComputeConfig
) -> IndexedModel:
    """Write a model into a new index, so that nothing else is needed to search it.

    Args:
        change: that makes the index.
        model: to keep, on the device that descriptors will be computed on.
        spec: what it was read from, if it was; a built-in one is not kept but named.
        config: settles the precision.

    Raises:
        ModelError: it cannot be written.
    """
    name = spec if spec in BUILT_IN else None
    provenance: dict[str, Any] = {}
    if spec is not None:
        provenance = {"model": spec} | (read_provenance(spec) if name is None else {})
    parts = []
    if name is None:
        save_checkpoint(model, change.folder / MODEL, provenance)
        parts = [change.sealed(path) for path in sorted((change.folder / MODEL).iterdir())]
    return IndexedModel(
        name=name,
        fingerprint=model.fingerprint(),
        dim=model.descriptor_dim,
        precision=precision_on(next(model.parameters()).device, config),
        config=config_yaml.plain(model.config),
        provenance=provenance,
        parts=tuple(parts),
    )


def indexed_model(folder: Path, entry: IndexedModel, device: str) -> "VPRModel":
    """The model of an index, on a device; ``"auto"``: the first GPU if there is one.

    Raises:
        ModelError: it is not as it was when the index was built; the damaged file is named.
        ConfigError: no such device.
    """
    spec = entry.name if entry.name is not None else folder / MODEL
    chosen = choose_device(device)
    try:
        model = load_model(spec, chosen)
        check_model(folder, entry, model)
    except BeenhereError as error:
        # Read whole only now: it takes as long as loading, and nearly always says nothing new.
        for part in entry.parts:
            damage = damage_of(folder, part)
            if damage is not None:
                raise ModelError(f"{damage}; {MEND}") from error
        raise
    return model


def extraction(
    entry: IndexedModel, config: ComputeConfig, dtype: Literal["float32", "float16"]
) -> ExtractConfig:
    """How descriptors are computed to stand beside those of an index: in its precision.

    Raises:
        ConfigError: another precision is asked for.
    """
    if config.precision not in ("auto", entry.precision):
        raise ConfigError(
            f"precision is {config.precision}, but the index's descriptors were computed in "
            f"{entry.precision}; leave it out, or build another index"
        )
    given = config.model_dump(exclude={"precision"})
    return ExtractConfig(**given, precision=entry.precision, dtype=dtype)


def check_model(folder: Path, entry: IndexedModel, model: "VPRModel") -> None:
    """See that a model is the one whose descriptors an index holds.

    Raises:
        ModelError: it is another.
    """
    fingerprint = model.fingerprint()
    if fingerprint != entry.fingerprint:
        name = entry.name or entry.provenance.get("model")
        wanted = f"{entry.fingerprint[:16]} ({name})" if name else entry.fingerprint[:16]
        raise ModelError(
            f"{folder} holds descriptors of the model {wanted}, and was given the model "
            f"{fingerprint[:16]}; give that one, or build another index with this one"
        )
