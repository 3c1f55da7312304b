"""Compare two models from what they left on disk: run folders and evaluations."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.errors import DataError, ModelError
from beenhere.evaluation.differences import Differences, differences
from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.files.regular import named
from beenhere.models.load import known_name, load_model, own_function
from beenhere.models.published.catalogue import refuse_misspelt

if TYPE_CHECKING:
    import torch

    from beenhere.models.model import VPRModel


@dataclass(frozen=True)
class Contender:
    """One of two models that are compared.

    Attributes:
        name: as it was given.
        model: what :func:`beenhere.models.load_model` takes; None: nobody knows any more.
        evaluation: the one that was given in place of a model.
        tests: the evaluations of a run folder, by name of the test set.
    """

    name: str
    model: str | None
    evaluation: SavedEvaluation | None
    tests: dict[str, Path]

    @classmethod
    def find(cls, given: str | Path) -> "Contender":
        """From a model by name, a run folder, a checkpoint, or the folder of an evaluation.

        Raises:
            DataError: there is no such folder, or an evaluation that is not whole.
            ConfigError: there is none, and it is nearly a model's name.
        """
        name, folder = str(given), named(given)
        if known_name(name) is not None or own_function(name) is not None:
            return cls(name, name, None, {})
        if not folder.exists():
            refuse_misspelt(name)
            raise DataError(
                f"{name} does not exist; expected a run folder, a checkpoint, the folder of an "
                "evaluation, or a model by name ('beenhere model list' has them)"
            )
        if (folder / "predictions.parquet").is_file():
            evaluation = SavedEvaluation.read(folder)
            return cls(name, _made_by(evaluation), evaluation, {})
        tests = sorted(path.parent for path in folder.glob("tests/*/results.json"))
        return cls(name, name, None, {test.name: test for test in tests})

    @property
    def known_model(self) -> str:
        """The argument for :func:`beenhere.models.load_model`.

        Raises:
            ModelError: nobody knows any more.
        """
        if self.model is None:
            raise ModelError(
                f"{self.name}: the model of this evaluation cannot be found; give its run folder "
                "or checkpoint instead, or do without similarity maps (--no-maps)"
            )
        return self.model

    def load(self, evaluation: SavedEvaluation, device: "str | torch.device" = "cpu") -> "VPRModel":
        """The model that made an evaluation of this contender.

        Raises:
            ModelError: it is not to be found, or has other weights now.
        """
        model = load_model(self.known_model, device)
        if model.fingerprint() != evaluation.results["model"]["fingerprint"]:
            raise ModelError(
                f"{evaluation.folder} was made by another model than {self.model} is now; "
                "evaluate it again, or do without similarity maps (--no-maps)"
            )
        return model


def compare(
    a: str | Path | Contender,
    b: str | Path | Contender,
    *,
    at: int = 1,
    threshold: float | None = None,
) -> list[Differences]:
    """Compare two models query by query, on every test set that both were evaluated on.

    >>> (found,) = beenhere.compare("evaluations/lite0", "evaluations/lite0-again")
    >>> found.threshold, len(found.right_a)
    (25.0, 3)

    Nothing is computed from photos; ``beenhere.evaluate(model, data=..., out=...)`` makes an
    evaluation that can be given here.

    Args:
        a, b: run folders (their ``tests/`` are taken) or folders of evaluations.
        at: N of Recall@N.
        threshold: metres within which a prediction is right; None: the first of A's evaluation.
            Test sets that list what is right have none: :attr:`Differences.threshold` is None.

    Raises:
        DataError: no such folders, no test set in common, or other photos in it.
    """
    one, two = (
        given if isinstance(given, Contender) else Contender.find(given) for given in (a, b)
    )
    return [differences(*pair, at=at, threshold=threshold) for pair in _shared(one, two)]


def _shared(a: Contender, b: Contender) -> list[tuple[SavedEvaluation, SavedEvaluation]]:
    if a.evaluation and b.evaluation:
        return [(a.evaluation, b.evaluation)]
    if a.evaluation:
        return [(a.evaluation, _same_data(b, a.evaluation))]
    if b.evaluation:
        return [(_same_data(a, b.evaluation), b.evaluation)]
    names = sorted(a.tests.keys() & b.tests.keys())
    if not names:
        tests = " and ".join(f"{one.name} ({_named(one.tests)})" for one in (a, b))
        raise DataError(
            f"{tests} share no test set; give photos to evaluate both on, such as by --data"
        )
    return [
        (SavedEvaluation.read(a.tests[name]), SavedEvaluation.read(b.tests[name])) for name in names
    ]


def _same_data(run: Contender, wanted: SavedEvaluation) -> SavedEvaluation:
    # Of two tests on the same photos the one of the same name is meant.
    for folder in sorted(run.tests.values(), key=lambda test: test.name != wanted.folder.name):
        evaluation = SavedEvaluation.read(folder)
        if evaluation.results["data"] == wanted.results["data"]:
            return evaluation
    raise DataError(
        f"{run.name} ({_named(run.tests)}) was not evaluated on the photos of {wanted.folder}; "
        "give photos to evaluate both on, such as by --data"
    )


def _named(tests: dict[str, Path]) -> str:
    return f"tests {', '.join(tests)}" if tests else "no tests"


def _made_by(evaluation: SavedEvaluation) -> str | None:
    run = evaluation.folder.absolute().parent.parent
    if evaluation.folder.absolute().parent.name == "tests" and (run / "checkpoints").is_dir():
        return str(run)
    given = (evaluation.results["model"]["provenance"] or {}).get("model")
    if not isinstance(given, str):
        return None
    return given if known_name(given) is not None or Path(given).exists() else None
