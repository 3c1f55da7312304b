"""How commands name files, and where they write."""

from pathlib import Path

import pytest

from beenhere.cli.output import (
    distinct_names,
    evaluation_folder,
    few,
    list_files,
    output_file,
)
from beenhere.cli.parameters import EvaluationPhotos, as_typed
from beenhere.errors import DataError


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("runs/x", "offline-lite0", ("x", "offline-lite0")),
        ("/x/run", "/y/run", ("x-run", "y-run")),
        ("/x/checkpoints/best", "/y/checkpoints/best", ("x-best", "y-best")),
        ("/a/x/run", "/b/x/run", ("a-x-run", "b-x-run")),
        ("/x/run", "/x/run", ("run", "run")),
        ("/run", "/y/run", ("run", "y-run")),
    ],
)
def test_names_tell_two_models_apart(one: str, other: str, names: tuple[str, str]) -> None:
    assert distinct_names(Path(one), Path(other)) == names


def test_an_evaluation_is_called_after_model_and_data() -> None:
    name = EvaluationPhotos(Path("sf_xs/test")).name
    assert evaluation_folder("x", name) == Path("evaluations/x-sf_xs-test")
    together = EvaluationPhotos(database=Path("a/database"), queries=Path("a/queries"))
    apart = EvaluationPhotos(database=Path("a/database"), queries=Path("b/new.csv"))
    assert (together.name, apart.name) == ("a", "new.csv")
    assert EvaluationPhotos(photos=Path("my/photos")).name == "my-photos"


def test_files_are_counted_and_the_first_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = [(f"{name}.jpg", "cut off") for name in "abcdef"]
    assert few(["a.jpg"]) == "1: a.jpg"
    assert few(reasons[:2]) == "2: a.jpg (cut off), b.jpg (cut off)"
    assert few(["a", "b", "c", "d"], " (all in x.json)") == "4: a, b, c, ... (all in x.json)"
    list_files("unusable", reasons, every=False)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["  unusable: 6", "    a.jpg: cut off"]
    assert said[-1] == "    ... and 1 more (--list)" and len(said) == 7
    list_files("unusable", reasons, every=True)
    assert len(capsys.readouterr().out.splitlines()) == 7
    list_files("unusable", [], every=True)
    assert capsys.readouterr().out == ""


def test_an_output_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text("before")
    with (
        pytest.raises(DataError, match=r"answers.json cannot be written \(no space left\); mend"),
        output_file(file) as new,
    ):
        new.write_text("half")
        raise OSError(28, "No space left")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("default", "shown"),
    [(False, None), (None, None), ([], None), ([1, 5], "1 5"), ((4, 5), "4 5"), (25.0, "25")],
)
def test_defaults_are_shown_as_a_person_types_them(default: object, shown: str | None) -> None:
    assert as_typed(default) == shown
