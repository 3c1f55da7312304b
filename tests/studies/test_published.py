"""The study ``published``: models as they are, on each set that is there."""

import csv
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from town import position_fields, write_photo
from two_runs import small_model

import beenhere
from beenhere.cli.app import app
from beenhere.errors import BeenhereError, ConfigError, DataError, TrainingError
from beenhere.models import save_checkpoint
from beenhere.report import study_page
from beenhere.retrieval import extract
from beenhere.studies import published

FAST = ("extract.device=cpu", "extract.precision=32", "extract.workers=1", "resamples=100")
MODELS = ("offline-lite0", "boq-r50", "mine")
SETS = ("sf-xs-test", "pitts30k-test")


@pytest.fixture
def folder(tmp_path: Path, town: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Here lie ``data`` with two published sets, weights of boq-r50, and a checkpoint ``mine``."""
    shutil.copytree(town / "test", tmp_path / "data" / "sf_xs" / "test")
    shutil.copytree(town / "far", tmp_path / "data" / "pitts30k" / "test")
    (tmp_path / "data" / "gsv_xs" / "train").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEENHERE_CACHE", str(tmp_path / "cache"))
    origin = {"published": "boq-r50", "file": {"name": "boq.pth", "checksum": "sha256:" + "5" * 64}}
    save_checkpoint(small_model(1), tmp_path / "cache" / "models" / "boq-r50", origin)
    save_checkpoint(small_model(2), tmp_path / "mine", {})
    monkeypatch.setattr(published, "BUILT_IN", ["offline-lite0"])
    monkeypatch.setattr(extract, "TIMED_PHOTOS", 1)
    monkeypatch.setattr(extract, "TIMED_TRIES", 1)
    return tmp_path


def study(*arguments: str) -> None:
    app(["study", *arguments], result_action="return_value")


def run(*arguments: str) -> None:
    options = [f"--set={option}" for option in FAST]
    study("run", "published", *arguments, *options)


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pictures take seconds."""
    monkeypatch.setattr(study_page, "write_page", lambda results, out, compared: out)


def table(name: str) -> dict[str, dict[str, str]]:
    with Path(f"beenhere-studies/data/published/tables/{name}.csv").open(newline="") as file:
        return {row["row"]: row for row in csv.DictReader(file)}


def evaluation(model: str, name: str) -> dict[str, Any]:
    file = Path(f"beenhere-studies/data/runs/{model}-{name}/tests/{name}/results.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_every_model_that_is_here_on_every_set_that_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--models", "here", "mine")
    said = capsys.readouterr().out
    assert "3 models on SF-XS, test; Pittsburgh 30k, test\n" in said
    assert "beenhere model get NAME" in said and "beenhere data get NAME --to data" in said
    options = {"device": "cpu", "precision": "32", "workers": 1}
    for name, place in zip(SETS, ("sf_xs", "pitts30k"), strict=True):
        rows = table(name)
        assert list(rows) == [*MODELS]
        for model, row in rows.items():
            alone = beenhere.evaluate(
                model,
                data=f"data/{place}/test",
                recall_at=[1, 5, 10],
                resamples=100,
                extract=options,
            )
            saved, weights = evaluation(model, name), beenhere.load_model(model).state_dict()
            assert saved["recalls"] == alone.to_dict()["recalls"]
            assert saved["model"] == json.loads(json.dumps(alone.model))
            for one in alone.recalls:
                for part, value in (("", one.percent), (" low", one.low), (" high", one.high)):
                    assert float(row[f"{name} R@{one.at}{part}"]) == float(f"{value:.6g}")
            assert row["fingerprint"] == alone.model["fingerprint"][:12]
            assert int(row["dim"]) == alone.model["descriptor_dim"]
            size = sum(len(each.numpy().tobytes()) for each in weights.values())
            assert float(row["MB"]) == round(size / 1e6, 1)
            assert float(row["milliseconds per photo"]) > 0 and row["queries"] == "12 in 12"
        assert rows["boq-r50"]["authors' file"] == "sha256:" + "5" * 64
    # One of the two sets has published figures, of one of the three models.
    words = "92.4: test, 384 x 384 (README)"
    here, elsewhere = table("pitts30k-test"), table("sf-xs-test")
    assert [row["published R@1"] for row in here.values()] == ["", "92.4", ""]
    assert here["boq-r50"]["R@1 as published, not measured here"] == words
    assert "published R@1" not in elsewhere["boq-r50"]
    worst = min(here.values(), key=lambda row: float(row["pitts30k-test R@1"]))
    best = max(float(row["pitts30k-test R@1"]) for row in here.values())
    gap = float(worst["pitts30k-test R@1 minus best"])
    assert gap == pytest.approx(float(worst["pitts30k-test R@1"]) - best, abs=1e-3) and gap < 0
    assert f"boq-r50: R@1 as published, not measured here: {words}" in said
    report = Path("beenhere-studies/data/published")
    page = (report / "report.html").read_text(encoding="utf-8")
    assert words in page and "6 evaluations: all finished" in page and "epochs</th>" not in page
    lines = (report / "tables/pitts30k-test.md").read_text(encoding="utf-8").splitlines()
    assert len({line.count(" | ") for line in lines if line.startswith("|")}) == 1

    capsys.readouterr()
    study("status", "published")
    assert capsys.readouterr().out.count(" finished\n") == 6


def test_what_is_done_is_not_done_again(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_page: None
) -> None:
    computed = []
    whole = published.evaluate_tables

    def counted(model: Any, tables: Any, config: Any, out: Path, provenance: Any) -> Any:
        computed.append(out.parents[1].name)
        return whole(model, tables, config, out, provenance)

    monkeypatch.setattr(published, "evaluate_tables", counted)
    run("--models", "boq-r50", "mine")
    assert len(computed) == 4
    before = table("sf-xs-test")
    computed.clear()
    capsys.readouterr()
    run("--models", "boq-r50", "mine")
    assert not computed and capsys.readouterr().out.count("done already, R@1") == 4
    assert table("sf-xs-test") == before

    save_checkpoint(small_model(3), folder / "mine", {})  # another model of that name
    run("--models", "boq-r50", "mine")
    assert sorted(computed) == ["mine-pitts30k-test", "mine-sf-xs-test"]
    assert table("sf-xs-test")["mine"]["fingerprint"] == small_model(3).fingerprint()[:12]

    computed.clear()
    new = folder / "data/sf_xs/test/queries" / f"{position_fields(200)}@p9@@0@@@@201506@@.jpg"
    write_photo(new, 200, 9)  # another photo
    run("--models", "boq-r50", "mine", "--sets", "sf_xs")
    assert sorted(computed) == ["boq-r50-sf-xs-test", "mine-sf-xs-test"]
    assert table("sf-xs-test")["mine"]["queries"] == "13 in 12"

    computed.clear()
    run("--models", "mine", "--sets", "sf_xs", "--set", "thresholds=[250]")  # another question
    assert computed == ["mine-sf-xs-test"] and [*table("sf-xs-test")] == ["mine"]


def test_a_pair_that_fails_is_named_and_the_others_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str], no_page: None
) -> None:
    (folder / "mine" / "model.safetensors").rename(folder / "weights")
    for photo in (folder / "data/pitts30k/test/queries").iterdir():
        photo.unlink()
    with pytest.raises(TrainingError, match="not every row is done"):
        run("--models", "mine", "boq-r50")
    said = capsys.readouterr().out
    assert "[2/4] mine on Pittsburgh 30k, test: FAILED: " in said
    assert "[4/4] boq-r50 on Pittsburgh 30k, test: FAILED: data/pitts30k/test/queries" in said
    assert "[3/4] boq-r50 on SF-XS, test: R@1 " in said
    rows = table("sf-xs-test")
    assert rows["mine"]["state"].startswith("failed: mine") and rows["boq-r50"]["dim"] != ""
    assert rows["mine"]["sf-xs-test R@1"] == ""

    (folder / "weights").rename(folder / "mine" / "model.safetensors")
    run("--models", "mine", "boq-r50", "--sets", "sf_xs")
    assert "boq-r50 on SF-XS, test: done already" in capsys.readouterr().out
    assert table("sf-xs-test")["mine"]["state"] == "finished"


def test_interrupted_it_goes_on(
    folder: Path, warm_python: Path, capsys: pytest.CaptureFixture[str], no_page: None
) -> None:
    names = ["boq-r50", "offline-lite0"]
    options = [f"--set={option}" for option in FAST]
    command = ["study", "run", "published", "--models", *names, *options]
    process = subprocess.Popen(
        [warm_python / "beenhere", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "[2/4]" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "go on with: beenhere study run published" in said
    study("status", "published")
    left = capsys.readouterr().out
    assert left.count(" finished\n") == 2
    assert left.count(" interrupted\n") + left.count(" waiting\n") == 2
    run("--models", *names)
    assert capsys.readouterr().out.count("done already") == 2
    cut = {name: table(name) for name in SETS}
    shutil.rmtree("beenhere-studies")
    run("--models", *names)
    for name in SETS:
        for model, row in table(name).items():
            before = cut[name][model]
            del row["milliseconds per photo"], before["milliseconds per photo"]
            assert row == before and row["state"] == "finished"


def test_folders_of_ones_own_are_sets(folder: Path, no_page: None) -> None:
    shutil.copytree(folder / "data/sf_xs/test", folder / "streets")
    shutil.copytree(folder / "data/sf_xs/test", folder / "other" / "streets")
    run("--models", "mine", "--sets", "here", "streets", "other/streets", "data/sf_xs")
    names = [
        one.name for one in published.sets_of(["here", "streets", "other/streets"], Path("data"))
    ]
    assert names[:3] == [*SETS, "streets"] and names[3].startswith("other-streets-")
    assert table("streets")["mine"]["state"] == "finished"
    assert [one.data.tree for one in published.sets_of(["data/pitts30k"], Path("nowhere"))] == [
        Path("data/pitts30k/test")
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--data", "empty"), DataError, "no set to measure on lies in empty; get one: beenhere"),
        (("--sets", "tokyo_xs"), DataError, "data/tokyo_xs is not there; beenhere data get tokyo"),
        (("--sets", "tokio_xs"), ConfigError, "no set is called 'tokio_xs'; did you mean tokyo_xs"),
        (("--seeds", "3"), ConfigError, "for studies that train; published has --models"),
        (("--set", "recal_at=[1]"), ConfigError, "recal_at"),
    ],
)
def test_bad_input(
    arguments: tuple[str, ...], error: type[BeenhereError], message: str, folder: Path
) -> None:
    with pytest.raises(error, match=r"^[^\n]*$") as raised:
        run(*arguments)
    assert message in str(raised.value)
    assert not Path("beenhere-studies").exists()


def test_models_and_sets_are_for_this_study_alone(folder: Path) -> None:
    with pytest.raises(ConfigError, match="--models and --sets are for the study published"):
        study("run", "paper", "--models", "megaloc")
    with pytest.raises(ConfigError, match="was not run"):
        study("status", "published")
