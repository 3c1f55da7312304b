"""What is no path, or an empty one, is refused in a line wherever a function takes a path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import beenhere
from beenhere.config.training import EvaluationData
from beenhere.models.checkpoint import save_checkpoint

TABLE = {"path": ["a.jpg"]}
PHOTOS = beenhere.PhotoTable.from_columns(TABLE)
TAKERS: dict[str, Callable[[Any], Any]] = {
    "load_model": beenhere.load_model,
    "read_photos": beenhere.read_photos,
    "Index.open": beenhere.Index.open,
    "Index.build": lambda path: beenhere.Index.build(path, "offline-lite0", "x.index"),
    "Index.build, path": lambda path: beenhere.Index.build("photos", "offline-lite0", path),
    "Index.build, model": lambda path: beenhere.Index.build(PHOTOS, path, "x.index"),
    "evaluate, model": lambda path: beenhere.evaluate(path, photos=PHOTOS),
    "evaluate, data": lambda path: beenhere.evaluate("offline-lite0", data=path),
    "evaluate, photos": lambda path: beenhere.evaluate("offline-lite0", photos=path),
    "evaluate, database": lambda path: beenhere.evaluate(
        "offline-lite0", database=path, queries="photos"
    ),
    "evaluate, out": lambda path: beenhere.evaluate("offline-lite0", photos="photos", out=path),
    "compare": lambda path: beenhere.compare(path, "run"),
    "PhotoTable.write": lambda path: beenhere.PhotoTable.from_columns(TABLE).write(path),
    "save_checkpoint": lambda path: save_checkpoint(beenhere.load_model("offline-lite0"), path, {}),
}


@pytest.mark.parametrize("given", ["", " ", 3])
@pytest.mark.parametrize("taker", TAKERS)
def test_no_path_is_one_line(
    taker: str, given: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    beenhere.PhotoTable.from_columns(TABLE).write(tmp_path / "photos/photos.csv")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(beenhere.BeenhereError) as error:
        TAKERS[taker](given)
    expected = "an empty name is given" if isinstance(given, str) else "int"
    assert expected in str(error.value) and "\n" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_option_that_is_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="tree is empty; give a value"):
        EvaluationData.model_validate({"tree": ""})
