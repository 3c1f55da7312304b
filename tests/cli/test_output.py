"""Names of the folders that commands write to."""

from pathlib import Path

import pytest

from beenhere.cli.output import data_name, distinct_names, evaluation_folder


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
    name = data_name(Path("sf_xs/test"), None, None, None)
    assert evaluation_folder("x", name) == Path("evaluations/x-sf_xs-test")
    together = data_name(None, Path("a/database"), Path("a/queries"), None)
    apart = data_name(None, Path("a/database"), Path("b/new.csv"), None)
    assert (together, apart) == ("a", "new.csv")
    assert data_name(None, None, None, Path("my/photos")) == "my-photos"
