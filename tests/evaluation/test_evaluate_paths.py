"""``beenhere.evaluate``: photos given in one of three ways, options by name."""

from pathlib import Path

import camera
import pytest
from tiny import TinyModel, at_name, write_photo

import beenhere
from beenhere.errors import ConfigError
from beenhere.evaluation import evaluate as evaluation
from beenhere.photos.formats import read_photos

FAST = {"extract": {"device": "cpu", "precision": "32", "workers": 1}}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for side in ("database", "queries"):
        for i in range(6):
            write_photo(tmp_path / "tree" / side / at_name(550_000 + 20 * i, 4_180_000), i)
    monkeypatch.setattr(evaluation, "load_model", lambda spec, device: TinyModel().to(device))
    monkeypatch.setattr(evaluation, "read_provenance", _provenance)
    return tmp_path / "tree"


def _provenance(spec: str) -> dict[str, int]:
    return {} if spec == "offline-lite0" else {"epochs": 3}


def test_every_way_to_give_photos_is_the_same(tree: Path) -> None:
    database, queries = tree / "database", tree / "queries"
    ways = [
        {"data": tree},
        {"data": str(tree)},
        {"database": database, "queries": str(queries)},
        {"database": read_photos(database), "queries": read_photos(queries)},
        {"database": read_photos(database), "queries": queries},
    ]
    found = [beenhere.evaluate("run", **way, **FAST) for way in ways]
    assert all(one.recalls == found[0].recalls for one in found)
    assert found[0].recall() == 100 and found[0].queries == 6


def test_photos_are_each_searched_in_the_rest(tree: Path) -> None:
    for photos in (tree / "database", read_photos(tree / "database")):
        found = beenhere.evaluate("run", photos=photos, thresholds=[25], recall_at=[5], **FAST)
        assert found.recall(5) == 100 and found.queries == found.database == 6
        assert (found.predictions["query"] != found.predictions["database"]).all()


def test_the_model_may_be_one(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "VPRModel", TinyModel)
    found = beenhere.evaluate(TinyModel(), data=tree, **FAST)
    assert found.recall() == 100 and found.model["provenance"] is None


def test_where_the_model_comes_from_is_in_the_results(tree: Path) -> None:
    run = beenhere.evaluate("run", data=tree, **FAST)
    assert run.model["provenance"] == {"model": "run", "epochs": 3}
    built_in = beenhere.evaluate("offline-lite0", data=tree, **FAST)
    assert built_in.model["provenance"] == {"model": "offline-lite0"}


def test_a_repeated_evaluation_opens_no_photo(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = tmp_path / "phone", tmp_path / "out"
    for i in range(10):
        camera.write_photo(photos / f"{i}.jpg", position=(50, 8), seed=i)
    first = beenhere.evaluate("run", photos=photos, out=out, **FAST)
    for reader in ("retrieval.extract.load_photo", "photos.formats.reading.read_facts"):
        monkeypatch.setattr(f"beenhere.{reader}", None)
    again = beenhere.evaluate("run", photos=photos, out=out, thresholds=[10], **FAST)
    assert again.timing.images_computed == 0
    assert again.predictions.equals(first.predictions)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "photos are given by nothing"),
        ({"database": "a"}, "photos are given by database; expected data"),
        ({"data": "a", "photos": "b"}, "photos are given by data and photos"),
        ({"data": "a", "queries": "b"}, "photos are given by data and queries"),
        ({"data": "a", "threshold": [3]}, "did you mean 'thresholds'"),
        ({"data": "a", "recall_at": [0]}, "recall_at.0 is 0"),
    ],
)
def test_what_is_asked_wrongly_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        beenhere.evaluate("run", **given)
