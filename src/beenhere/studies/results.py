"""The results of a study so far, as plain values.

:meth:`beenhere.studies.folder.StudyFolder.results` reads them from the files of a study;
:mod:`beenhere.report.study_page` and :mod:`beenhere.report.study_tables` read nothing else.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.evaluation.protocol import in_words

State = Literal["waiting", "running", "interrupted", "failed", "finished"]


@dataclass(frozen=True)
class Run:
    """How far one training is, and what came of it.

    Attributes:
        folder: the run folder (see :mod:`beenhere.training.run_folder`).
        seed: None where nothing is trained.
        error: why it failed, one line; empty otherwise.
        options: every option, as in ``config.yaml``.
        epochs: a record each: ``epoch`` (from 1), ``loss``, ``active_pairs``, ``validation``
            (``{"R@1": percent, ...}``), ``lr`` (by parameter group), ``seconds``.
        best_epoch: the one that was tested; 0: the model before its first step, or no epoch has
            finished yet.
        tests: names of the test sets that are evaluated.
        record: what else is known: ``seconds`` (wall clock, all sessions), ``started`` and
            ``finished`` (ISO 8601, UTC), ``hardware``, ``versions`` (mappings of texts), ``data``
            (fingerprints of the training and validation photos).
        beginning: the validation of the model before its first step; empty if not measured.
    """

    folder: Path
    seed: int | None
    state: State
    error: str
    options: dict[str, Any]
    epochs: list[dict[str, Any]]
    best_epoch: int
    tests: tuple[str, ...]
    record: dict[str, Any]
    beginning: dict[str, float] = field(default_factory=dict)

    @cached_property
    def evaluations(self) -> dict[str, SavedEvaluation]:
        """By name of the test set; read when first asked for."""
        return {name: SavedEvaluation.read(self.folder / "tests" / name) for name in self.tests}


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        changes: the options that make it this row, by dotted name.
        published: percent by test set and measure, ``{"sf_xs": {"R@1": 32.8, "R@5": 48.8}}``;
            empty where nothing was.
        shared_with: tables (titles) that have the very same training in a row of theirs.
        runs: one a seed.
    """

    name: str
    changes: dict[str, Any]
    published: dict[str, dict[str, float]]
    shared_with: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def finished(self) -> tuple[Run, ...]:
        """The runs that count."""
        return tuple(run for run in self.runs if run.state == "finished")

    @property
    def facts(self) -> dict[str, Any]:
        """What a table of models says of this one, by column; empty of a training."""
        return self.runs[0].record.get("facts", {}) if self.runs else {}


@dataclass(frozen=True)
class Table:
    """Rows that are compared with each other.

    Attributes:
        name: its key, unique in the study: letters, digits, ``-``.
        title: for people. about: what is asked, in a sentence or two.
        source: of the published figures; empty where there are none.
        rows: in the order of the file.
        thresholds: metres of a recall-against-threshold picture; empty: none is drawn.
        along: a dotted option to draw recall against (``"data.share"``); empty: none is drawn.
    """

    name: str
    title: str
    about: str
    source: str
    rows: tuple[Row, ...]
    thresholds: tuple[float, ...]
    along: str


@dataclass(frozen=True)
class StudyResults:
    """A whole study.

    Attributes:
        name: such as ``"paper"``. title, about: for people.
        data: name of the data profile, such as ``"demo"``.
        data_title: such as ``"the demo city"``.
        caveat: what a reader must know of figures on these data; empty: nothing.
        published_queries: how many queries the published figures rest on, by test set
            (``{"sf_xs": 1000}``): the width of their intervals.
        tests: the test sets in the order of their columns, with titles (``{"sf_xs": "SF-XS"}``).
        recall_at: each N that is measured. threshold: metres within which a match is right, or
            what else says where photos were taken; None: those that go with it.
        confidence: of the intervals, such as 0.95. resamples, seed: of the bootstrap.
        tables: in the order of the study.
        compare: pairs (table, row, row) whose differing queries are shown.
        command: that runs the study.
    """

    name: str
    title: str
    about: str
    data: str
    data_title: str
    caveat: str
    published_queries: dict[str, int]
    tests: dict[str, str]
    recall_at: tuple[int, ...]
    threshold: float | None
    confidence: float
    resamples: int
    seed: int
    tables: tuple[Table, ...]
    compare: tuple[tuple[str, str, str], ...]
    command: str

    @property
    def rows(self) -> list[Row]:
        """Of all tables."""
        return [row for table in self.tables for row in table.rows]

    @property
    def right_in_words(self) -> str:
        """``"within 25 m"``, and on which test sets another rule says what is right instead."""
        runs = [run for row in self.rows for run in row.finished]
        rules: dict[str, list[str]] = {}
        for name, title in self.tests.items():
            found = next((run.evaluations[name] for run in runs if name in run.tests), None)
            if found is None:
                rule = in_words(25.0 if self.threshold is None else self.threshold)
            else:
                rule = in_words(None if found.listed else found.threshold, found.by)
            rules.setdefault(rule, []).append(title)
        first, *others = sorted(rules, key=lambda rule: rule == in_words(None)) or [in_words(25.0)]
        said = [f"{rule} for {', '.join(rules[rule])}" for rule in others]
        return first + (f" ({'; '.join(said)})" if said else "")
