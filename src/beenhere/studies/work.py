"""One training of a study, in a process of its own: ``python -m beenhere.studies.work FOLDER``."""

import os
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.devices import hardware
from beenhere.errors import BeenhereError
from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.studies.folder import RowFolder
from beenhere.wording import one_line


def work(path: Path) -> None:
    """Train and test what ``row.yaml`` in a folder says, or go on with it.

    However it ends, but by a kill, ``row.json`` says so; errors are written there and raised
    nowhere.
    """
    folder = RowFolder(path)
    folder.update(state="running", error="", started=folder.read().get("started") or _now())
    start = time.monotonic()
    state, error = "failed", ""
    found: dict[str, Any] = {}
    try:
        # These take seconds to import: only now, when row.json says that the row is running.
        from beenhere.training.fit import fit
        from beenhere.training.run_folder import versions

        config = config_yaml.load(TrainConfig, folder.options)
        found = {"hardware": hardware(), "versions": versions()}
        fit(config, path)
        found["milliseconds_per_photo"] = _cost(config, path)
        state = "finished"
    except BeenhereError as problem:
        error = str(problem)
    except KeyboardInterrupt:
        state = "interrupted"
    except Exception as problem:
        traceback.print_exc()
        error = f"{type(problem).__name__}: {one_line(problem, None)}"
    results = folder.run.read_results()
    tests = results.get("tests", {})
    # A session that was killed has not said how long it took, but its epochs have.
    epochs = sum(epoch["seconds"] for epoch in results.get("epochs", []))
    seconds = max(folder.read().get("seconds", 0) + time.monotonic() - start, epochs)
    folder.update(
        state=state,
        error=error,
        finished=_now(),
        seconds=round(seconds, 1),
        tests={name: test.get("photos") for name, test in tests.items()},
        **found,
    )


def _cost(config: TrainConfig, path: Path) -> float | None:
    """Milliseconds of a forward pass, for a photo as the first query; None if none can be read."""
    from beenhere.models import load_model
    from beenhere.retrieval.extract import milliseconds_for
    from beenhere.training.loop import choose_fit_device

    tested = SavedEvaluation.read(path / "tests" / next(iter(config.data.tests)))
    model = load_model(path, choose_fit_device(config.fit), config.model.own_modules)
    return milliseconds_for(model, config.evaluation.extract, tested.queries["query"].to_list())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _leave_with_parent() -> None:
    """Who started us holds the other end of our standard input: its end is the end of both."""
    os.read(sys.stdin.fileno(), 1)  # not by sys.stdin, whose lock would trouble our own end
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    work(Path(sys.argv[1]))
