"""A study on certain photos: which trainings it needs, each with a fingerprint to find it by."""

import copy
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from beenhere.config import config_yaml
from beenhere.config.evaluation import AS_BEFORE
from beenhere.config.training import DataConfig, TrainConfig
from beenhere.errors import ConfigError, DataError
from beenhere.evaluation.evaluate import evaluation_fingerprint
from beenhere.photos.formats import read_evaluation, read_photos
from beenhere.photos.reference import nearest, points_of, reference_of
from beenhere.photos.summary import table_fingerprint
from beenhere.studies.study import DataProfile, RowFile, Study, StudyTable
from beenhere.training.run_folder import own_code_of
from beenhere.training.shards.shard_store import is_shards

UNIMPORTANT = (
    *("data.train", "data.validation", "data.tests"),
    *("fit.workers", "fit.wandb", "fit.compile", "evaluation.extract"),
)
"""Options that are no part of a fingerprint: where photos lie (which they are is a part), and how
the machine does its work."""


@dataclass(frozen=True)
class Training:
    """One training: a row with one seed.

    Attributes:
        name: for people.
        fingerprint: of every option that matters, of the photos, and of the code of a person's own
            parts. Rows that have the same are one training.
        tests: fingerprints of the photos of each test set.
    """

    name: str
    config: TrainConfig
    fingerprint: str
    tests: dict[str, Any]

    @property
    def folder(self) -> str:
        """Name of the run folder: whatever a row is called, it finds its training there."""
        config = self.config
        parts = config.model.aggregator.name, config.loss.name, config.optimizer.name
        return re.sub("[_:.]", "-", "-".join((*parts, self.fingerprint[:8])))


@dataclass(frozen=True)
class PlannedRow:
    """A row with its trainings, one a seed.

    Attributes:
        changes: the options that the row names, with the values that they have in the end.
    """

    name: str
    changes: dict[str, Any]
    published: dict[str, dict[str, float]]
    trainings: tuple[Training, ...]


@dataclass(frozen=True)
class PlannedTable:
    """A table, with those of its rows that these photos are for."""

    table: StudyTable
    rows: tuple[PlannedRow, ...]

    @property
    def title(self) -> str:
        """For people."""
        return self.table.file.title or self.table.name


@dataclass(frozen=True)
class Plan:
    """Everything that a study would train.

    Attributes:
        data: the profile's name.
        tables: in the study's order.
        trainings: each once, whatever number of rows share it; in the rows' order.
    """

    study: Study
    data: str
    profile: DataProfile
    tables: tuple[PlannedTable, ...]
    trainings: tuple[Training, ...]


class StudyPhotos:
    """The photos of a study, each set read once: fingerprints, and whether streets are shared.

    Names and positions are read, never pixels (but headers, where positions are in EXIF).
    """

    def __init__(self) -> None:
        self._table, self._tables = cache(read_photos), cache(read_evaluation)
        self.training = cache(lambda path: table_fingerprint(self._table(path), path))
        """Fingerprint of the training photos at a path."""
        self.evaluation = cache(lambda data: evaluation_fingerprint(self._tables(data)))
        """Fingerprints of a database and queries."""

    def check_apart(
        self, data: DataConfig, thresholds: Sequence[float | None], allowed: float
    ) -> None:
        """See that nothing is tested, or the best epoch chosen, on what was trained on.

        Args:
            data: training photos, validation and test sets.
            thresholds: of rows, in the unit of what says where photos were taken; None: those that
                go with it. A photo so near to a training photo is on its street.
            allowed: share of a side's photos that may be.

        Raises:
            DataError: more of them are, and how many; or a test set is the validation set.
        """
        sets = {f"test set {name!r}": path for name, path in data.tests.items()}
        if data.validation is not None:
            for name, path in sets.items():
                if self.evaluation(path) == self.evaluation(data.validation):
                    raise DataError(
                        f"{name} is the validation set, by which the best epoch is chosen: such a "
                        "test is too kind; validate on other photos, or leave this test out"
                    )
            sets["the validation set"] = data.validation
        train = self._table(Path(data.train))
        for name, path in sets.items():
            tables = self._tables(path)
            for what, side in (("queries", tables.queries), ("database photos", tables.database)):
                reference = reference_of([train, side])
                usual = reference.radius
                radius = max(usual if given is None else given for given in thresholds)
                nobody = [np.empty(0, np.intp)] * len(side)
                near = nearest(points_of(train, reference), points_of(side, reference), nobody)
                shared = np.flatnonzero(near <= radius)
                if len(shared) > allowed * len(side):
                    lie = f"lie {reference.within(radius)}" if reference.unit else "have the name"
                    raise DataError(
                        f"{len(shared)} of the {len(side)} {what} of {name} {lie} of a training "
                        f"photo ({side.paths[shared[0]]}): figures from places that were trained "
                        f"on prove nothing. Leave them out of {data.train}, or say how large a "
                        "share is meant by allowed_overlap in the data profile"
                    )


def make_plan(
    study: Study,
    data: str,
    profile: DataProfile,
    seeds: int | None = None,
    assignments: Sequence[str] = (),
) -> Plan:
    """Work out and check every option of every row, and only then look at the photos.

    The options of a row are its base's, then the photos' paths, then what the table, the row and
    the profile set, in this order; the profile's factors; the assignments. Assignments of
    ``data`` change the profile: a row may name photos of its own over them.

    Args:
        study: as read.
        data: the profile's name.
        profile: where the photos are, and what they ask of every row.
        seeds: trainings of each row; None: as the study says.
        assignments: ``"a.b=c"`` for every row.

    Raises:
        ConfigError: an unknown option or a value out of range, with file and row; two rows of a
            table that are the same training; no row is left.
        DataError: photos that cannot be read, or a test set on streets that are trained on.
    """
    of_data = [text for text in assignments if text.strip().startswith("data.")]
    profile = config_yaml.assign(profile, of_data)
    rest = [text for text in assignments if text not in of_data]
    drafts = []
    for table in study.tables:
        chosen = [row for row in table.rows if row.only is None or data in row.only]
        rows = [(row, _config(table, row, profile, rest)) for row in chosen]
        _check_different(table, rows)
        drafts.append((table, rows))
    configs = [config for _, rows in drafts for _, config in rows]
    if not configs:
        raise ConfigError(f"{study.path}: no row is for the data profile {data!r}")
    known = {name for config in configs for name in flat(config_yaml.plain(config))}
    for name in profile.scale.keys() - known:
        raise ConfigError(f"data profile {data!r}: scale names {name!r}, which no row has")
    photos = StudyPhotos()
    given = [config.evaluation.thresholds for config in configs]
    widest = [None if one is None else one[0] for one in given]
    for places in {config.data.model_dump_json(): config.data for config in configs}.values():
        _check_there(places, data)
        photos.check_apart(places, widest, profile.allowed_overlap)
    count = seeds or study.file.seeds
    tables = tuple(
        PlannedTable(table, tuple(_planned(row, config, photos, count) for row, config in rows))
        for table, rows in drafts
        if rows
    )
    once: dict[str, Training] = {}
    for one in (one for planned in tables for row in planned.rows for one in row.trainings):
        once.setdefault(one.fingerprint, one)
    return Plan(study, data, profile, tables, tuple(once.values()))


def _check_there(data: DataConfig, profile: str) -> None:
    if is_shards(data.train):
        raise DataError(
            f"data profile {profile!r}: {data.train} holds shards, and a study looks at where each "
            "training photo was taken; give the folder of photos by --set data.train=PATH"
        )
    paths = [("train", Path(data.train))]
    tests = {f"tests.{key}": one for key, one in data.tests.items()}
    for name, pair in ({"validation": data.validation} | tests).items():
        if pair is not None:
            paths += [(name, path) for path in (pair.tree, pair.database, pair.queries) if path]
    for name, path in paths:
        if not path.exists():
            raise DataError(
                f"data profile {profile!r}: {path} is not there; say where these photos are by "
                f"--set data.{name}=PATH, or try --data demo, which needs none"
            )


def _config(
    table: StudyTable, row: RowFile, profile: DataProfile, assignments: Sequence[str]
) -> TrainConfig:
    where = f"{table.path}, row {row.name!r}"
    values = table.base(row) | {"data": config_yaml.plain(profile.data)}
    try:
        for changes in (table.file.set, row.set, profile.set):
            config_yaml.change(values, copy.deepcopy(changes))
        config = config_yaml.validate(TrainConfig, values)
        config = config_yaml.validate(TrainConfig, _scaled(config, profile.scale))
        where = "--set"
        return config_yaml.assign(config, assignments)
    except ConfigError as error:
        raise ConfigError(f"{where}: {str(error).removeprefix('options: ')}") from error


def _scaled(config: TrainConfig, factors: dict[str, float]) -> dict[str, Any]:
    values = config_yaml.plain(config)
    found = flat(values)
    for name in factors.keys() & found.keys():
        scaled = found[name]
        if isinstance(scaled, int):
            scaled = max(1, round(scaled * factors[name]))
        elif isinstance(scaled, float):
            # As it is: 1e-3 x 20 would read 0.020000000000000004 in a table.
            scaled = float(f"{scaled * factors[name]:.12g}")
        config_yaml.change(values, {name: scaled})
    return values


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Groups within groups as one mapping by dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def matters(name: str) -> bool:
    """Whether an option, by its dotted name, is a part of fingerprints."""
    return not any(name == out or name.startswith(f"{out}.") for out in UNIMPORTANT)


def _check_different(table: StudyTable, rows: list[tuple[RowFile, TrainConfig]]) -> None:
    seen: dict[str, str] = {}
    for row, config in rows:
        before = seen.setdefault(config.model_dump_json(), row.name)
        if before != row.name:
            raise ConfigError(
                f"{table.path}: rows {before!r} and {row.name!r} are the same training; a row must "
                "change an option that the other leaves, and that the data profile does not set"
            )


def _planned(row: RowFile, config: TrainConfig, photos: StudyPhotos, seeds: int) -> PlannedRow:
    trainings = []
    tests = {name: photos.evaluation(path) for name, path in config.data.tests.items()}
    for seed in range(config.fit.seed, config.fit.seed + seeds):
        one = config.model_copy(update={"fit": config.fit.model_copy(update={"seed": seed})})
        name = f"{row.name}, seed {seed}" if seeds > 1 else row.name
        trainings.append(Training(name, one, _fingerprint(one, photos), tests))
    real = flat(config_yaml.plain(config))
    named = ({"base": row.base} if row.base else {}) | flat(row.set)
    changes = {name: real.get(name, value) for name, value in named.items()}
    return PlannedRow(row.name, changes, row.published, tuple(trainings))


def _fingerprint(config: TrainConfig, photos: StudyPhotos) -> str:
    values = flat(config_yaml.plain(config))
    kept = {name: value for name, value in values.items() if matters(name)}
    if kept["evaluation.thresholds"] is None:
        kept["evaluation.thresholds"] = AS_BEFORE  # what is trained stays
    data = config.data
    if data.share == 1:
        del kept["data.share"], kept["data.share_seed"]
    kept |= {f"code of {option}": code for option, code in own_code_of(config).items()}
    kept["training photos"] = photos.training(Path(data.train))
    if data.validation is not None:
        kept["validation photos"] = photos.evaluation(data.validation)
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
