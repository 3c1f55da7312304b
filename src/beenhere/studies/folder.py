"""The folders that studies live in: which runs there are, how far each is, their results.

- ``OUT/DATA/runs/RUN/``: a run folder (see :mod:`beenhere.training.run_folder`), and in it
  ``row.yaml`` (its options), ``row.json`` (how far it is), ``log.txt``; all studies on these photos
  share them
- ``OUT/DATA/STUDY/study.json``: the tables, and which run belongs to which row
- ``OUT/DATA/STUDY/report.html``, ``tables/``: the report
"""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any

from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.errors import ConfigError, DataError, TrainingError
from beenhere.files.atomic import replacing, write_json
from beenhere.files.locks import holder, locked
from beenhere.files.regular import read_json, read_regular
from beenhere.studies.plan import Plan, Training, flat, matters
from beenhere.studies.results import Row, Run, State, StudyResults, Table
from beenhere.training.run_folder import RunFolder

FORMAT = 2
"""Of ``study.json`` and ``row.json``; raised when the meaning of a field changes."""


class RowFolder:
    """The files of one training."""

    def __init__(self, path: Path) -> None:
        self.run = RunFolder(path)
        self.path = path
        self.options = path / "row.yaml"
        self.log = path / "log.txt"
        self._record = path / "row.json"
        self._lock = path / ".row.lock"

    def prepare(self, training: Training) -> None:
        """Write what a process needs in order to work on it.

        Raises:
            TrainingError: another process trains it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self.lock():  # no two processes write row.json at once
            with replacing(self.options) as new:
                config_yaml.write(training.config, new)
            self.update(fingerprint=training.fingerprint, name=training.name)

    def read(self) -> dict[str, Any]:
        """``row.json``; empty where there is none."""
        return _read_json(self._record) if self._record.exists() else {}

    def update(self, **values: Any) -> None:
        """Change some fields of ``row.json``, all of them or none."""
        write_json(self._record, {"format": FORMAT} | self.read() | values)

    def lock(self, wait: float = 0) -> AbstractContextManager[None]:
        """While a process has this lock, or its parent for it, the row is running.

        Args:
            wait: seconds to wait for another process that has it.

        Raises:
            TrainingError: on entry: another process has it still.
        """
        return locked(self._lock, "another process trains it", wait, error=TrainingError)

    def state(self) -> State:
        """How far it is; a run whose process is gone is interrupted."""
        state: State = self.read().get("state", "waiting")
        gone = state == "running" and holder(self._lock) is None
        return "interrupted" if gone else state

    def is_done(self, training: Training) -> bool:
        """Whether it is trained, and tested on these very photos."""
        return self.state() == "finished" and self.read().get("tests") == training.tests


class StudyFolder:
    """The files of one study on certain photos."""

    def __init__(self, out: Path, data: str, study: str) -> None:
        self.path = out / data / study
        self.runs = out / data / "runs"
        self.description = self.path / "study.json"

    def row(self, training: Training) -> RowFolder:
        """Of one training."""
        return RowFolder(self.runs / training.folder)

    def changed(self, plan: Plan) -> list[str]:
        """Rows that have been trained, at least in part, with other options or photos than now.

        Returns:
            A line each: table, row, and the options that differ.
        """
        if not self.description.exists():
            return []
        lines = []
        before = {
            (table["title"], row["name"]): row["runs"]
            for table in _read_json(self.description)["tables"]
            for row in table["rows"]
        }
        for title, row in [(table.title, row) for table in plan.tables for row in table.rows]:
            runs = before.get((title, row.name), [])
            for old, training in zip(runs, row.trainings, strict=False):
                folder, there = RowFolder(self.runs / old), self.row(training).path.exists()
                if old != training.folder and folder.run.state.exists() and not there:
                    lines.append(f"{row.name} ({title}): {_difference(folder, training)}")
                    break
        return lines

    def write(self, plan: Plan, command: str) -> None:
        """Write ``study.json``, with the command that runs the study.

        Raises:
            ConfigError: the folder is of another study that has the same name.
        """
        if self.description.exists():
            other = Path(_read_json(self.description).get("file", plan.study.path))
            if other.exists() and not other.samefile(plan.study.path):
                raise ConfigError(
                    f"{self.path} holds the study of another file, {other}; give {plan.study.path} "
                    "another name, or another folder by --out"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.description, _description(plan) | {"command": command})

    def is_older_than_files(self) -> bool:
        """Whether a file of the study has been changed since ``study.json`` was written."""
        hashes: dict[str, str] = self._read_description()["files"]
        return any(Path(file).exists() and _hash(Path(file)) != was for file, was in hashes.items())

    def results(self) -> StudyResults:
        """The results so far.

        Raises:
            DataError: the study has not been run here, or by another version of beenhere.
        """
        if not self.description.exists():
            raise DataError(f"{self.path} holds no study; run it first: beenhere study run")
        described = self._read_description()
        values = {field.name: described[field.name] for field in fields(StudyResults)}
        values["recall_at"] = tuple(described["recall_at"])
        values["compare"] = tuple(map(tuple, described["compare"]))
        values["tables"] = tuple(self._table(table) for table in described["tables"])
        return StudyResults(**values)

    def _read_description(self) -> dict[str, Any]:
        described = _read_json(self.description)
        if described.get("format") != FORMAT:
            raise DataError(
                f"{self.description} has format {described.get('format')}, expected {FORMAT}: it "
                "was written by another version of beenhere; run the study again (what is trained "
                "stays)"
            )
        return described

    def _table(self, table: dict[str, Any]) -> Table:
        rows = []
        for row in table["rows"]:
            runs = tuple(_read_run(RowFolder(self.runs / name)) for name in row["runs"])
            rows.append(Row(**row | {"shared_with": tuple(row["shared_with"]), "runs": runs}))
        return Table(**table | {"rows": tuple(rows), "thresholds": tuple(table["thresholds"])})


def _read_json(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = read_json(file)
    return values


def _read_run(folder: RowFolder) -> Run:
    """One run of a study; its folder need not be there yet."""
    record, results = folder.read(), folder.run.read_results()
    options: dict[str, Any] = {}
    if folder.options.exists():
        options = config_yaml.plain(config_yaml.load(TrainConfig, folder.options))
    return Run(
        folder=folder.path,
        seed=options.get("fit", {}).get("seed"),
        state=folder.state(),
        error=record.get("error", ""),
        options=options,
        epochs=results.get("epochs", []),
        best_epoch=results.get("best_epoch", 0),
        tests=tuple(results.get("tests", {})),
        record=record,
        beginning=results.get("beginning", {}),
    )


def _difference(old: RowFolder, training: Training) -> str:
    before = flat(config_yaml.plain(config_yaml.load(TrainConfig, old.options)))
    now = flat(config_yaml.plain(training.config))
    changes = [
        f"{name} {before.get(name)} -> {now.get(name)}"
        for name in {**before, **now}
        if before.get(name) != now.get(name) and matters(name)
    ]
    return ", ".join(changes) or "its photos, or code of yours"


def _hash(path: Path) -> str:
    return hashlib.sha256(read_regular(path)).hexdigest()


def _description(plan: Plan) -> dict[str, Any]:
    """All that :class:`beenhere.studies.results.StudyResults` has but runs; as JSON holds it."""
    file, profile = plan.study.file, plan.profile
    evaluation = plan.trainings[0].config.evaluation
    holders: dict[str, list[str]] = {}
    for table in plan.tables:
        for row in table.rows:
            holders.setdefault(row.trainings[0].fingerprint, []).append(table.title)
    tests = dict.fromkeys(name for one in plan.trainings for name in one.config.data.tests)
    return {
        "format": FORMAT,
        "file": str(plan.study.path.resolve()),
        "files": {str(path.resolve()): _hash(path) for path in plan.study.files},
        "name": plan.study.name,
        "title": file.title or plan.study.name,
        "about": file.about,
        "data": plan.data,
        "data_title": profile.title,
        "caveat": profile.caveat,
        "published_queries": file.published_queries,
        "tests": {name: profile.titles.get(name, name) for name in tests},
        "threshold": evaluation.thresholds[0] if evaluation.thresholds else None,
        **evaluation.model_dump(include={"recall_at", "confidence", "resamples", "seed"}),
        "compare": file.compare,
        "tables": [
            {
                "name": table.table.name,
                "title": table.title,
                **table.table.file.model_dump(include={"about", "source", "thresholds", "along"}),
                "rows": [
                    {
                        "name": row.name,
                        "changes": row.changes,
                        "published": row.published,
                        "shared_with": [
                            title
                            for title in holders[row.trainings[0].fingerprint]
                            if title != table.title
                        ],
                        "runs": [one.folder for one in row.trainings],
                    }
                    for row in table.rows
                ],
            }
            for table in plan.tables
        ],
    }
