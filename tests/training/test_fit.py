"""A whole training: what it writes, how it goes on, what it refuses."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from beenhere.config import config_yaml
from beenhere.config.evaluation import ExtractConfig
from beenhere.config.training import TrainConfig
from beenhere.errors import BeenhereError, ConfigError, DataError, TrainingError
from beenhere.models import VPRModel, load_model, read_provenance
from beenhere.photos.formats import read_photos
from beenhere.retrieval.extract import extract
from beenhere.training import loop
from beenhere.training.fit import fit


def with_(options: dict, **groups: dict) -> TrainConfig:
    return TrainConfig.model_validate(
        {name: {**options.get(name, {}), **groups.get(name, {})} for name in {**options, **groups}}
    )


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_model(folder).state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, town) -> Path:
    """A run of two epochs with a test set; tests look at it and change nothing."""
    from_scratch = {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2}
    run = tmp_path_factory.mktemp("runs") / "finished"
    config = TrainConfig.model_validate(
        {
            "data": {
                "train": town / "train",
                "validation": town / "val",
                "tests": {"near": town / "test"},
            },
            "model": {"backbone": from_scratch, "aggregator": "gem"},
            "batch": {"places": 4, "images": 2, "min_images": 2},
            "optimizer": {
                "lr": 0.01,
                "backbone_lr": 0.002,
                "warmup_steps": 4,
                "schedule": {"name": "multi_step", "milestones": [1], "gamma": 0.5},
            },
            "fit": {"epochs": 2, "precision": "32", "accelerator": "cpu", "workers": 1},
            "evaluation": {"resamples": 100, "recall_at": [5], "thresholds": [25, 500]},
        }
    )
    result = fit(config, run)
    assert (result.epochs, result.trained) == (2, 2)
    return run


def test_every_step_and_epoch_is_in_the_metrics(finished):
    records = lines(finished / "metrics.jsonl")
    steps = [record for record in records if "validation" not in record]
    epochs = [record for record in records if "validation" in record]
    # 10 places by 4: batches of 4, 4 and 2.
    assert [(r["epoch"], r["step"]) for r in steps] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 4),
        (2, 5),
        (2, 6),
    ]
    assert [r["lr"] for r in steps] == [
        {"backbone": pytest.approx(0.002 * factor), "head": pytest.approx(0.01 * factor)}
        for factor in (0.25, 0.5, 0.75, 0.5, 0.5, 0.5)
    ]
    for epoch, own in zip(epochs, (steps[:3], steps[3:]), strict=True):
        for name in ("loss", "active_pairs"):
            assert epoch[name] == pytest.approx(sum(r[name] for r in own) / 3)
        assert set(epoch["validation"]) == {"R@1", "R@5", "R@1 500 m", "R@5 500 m"}
        assert epoch["seconds"] > 0


def test_the_run_folder_holds_what_is_promised(finished):
    kept = config_yaml.load(TrainConfig, finished / "config.yaml")
    assert kept.optimizer.lr == 0.01
    assert list((finished / "tensorboard").glob("events.*"))
    table = pl.read_csv(finished / "csv" / "start-1" / "metrics.csv")
    assert table["lr/head"].drop_nulls().len() == 6
    predictions = pl.read_parquet(finished / "tests" / "near" / "predictions.parquet")
    assert predictions["query"].n_unique() == 12
    results = json.loads((finished / "results.json").read_text())
    assert [epoch["epoch"] for epoch in results["epochs"]] == [1, 2]
    assert set(results["tests"]["near"]["recalls"]) == {"R@1", "R@5", "R@1 500 m", "R@5 500 m"}
    assert not list(finished.rglob(".new-*")), "nothing half written stays behind"


def test_the_best_epoch_has_the_highest_first_recall(finished):
    results = json.loads((finished / "results.json").read_text())
    recalls = [epoch["validation"]["R@1"] for epoch in results["epochs"]]
    recalls.insert(0, results["beginning"]["R@1"])
    assert results["best_epoch"] == recalls.index(max(recalls))
    best = read_provenance(finished / "checkpoints" / "best")
    assert best["metrics"].get("epoch", 0) == results["best_epoch"]
    assert read_provenance(finished / "checkpoints" / "last")["metrics"]["epoch"] == 2


def test_a_checkpoint_says_where_it_comes_from(finished):
    provenance = read_provenance(finished)
    assert provenance["training"]["optimizer"]["warmup_steps"] == 4
    assert provenance["data"]["photos"] == 40
    assert provenance["data"]["places"] == 10
    assert len(provenance["data"]["sha256"]) == 64
    assert {"python", "lightning-fabric", "pytorch-metric-learning"} <= set(
        provenance["trained_with"]
    )


def test_the_state_is_read_without_unpickling(finished):
    state = torch.load(finished / "checkpoints" / "trainer.ckpt", weights_only=True)
    assert state["epoch"] == 1


def test_a_finished_run_is_not_trained_again(finished, tmp_path):
    run = tmp_path / "again"
    shutil.copytree(finished, run)
    before = (run / "checkpoints" / "last" / "model.safetensors").stat().st_mtime_ns
    result = fit(config_yaml.load(TrainConfig, run / "config.yaml"), run)
    assert (result.epochs, result.trained) == (2, 0)
    assert (run / "checkpoints" / "last" / "model.safetensors").stat().st_mtime_ns == before
    assert set(result.tests["near"]) >= {"R@1"}


def test_epochs_in_two_goes_are_those_of_one(options, tmp_path, monkeypatch):
    """Bit for bit, with every source of chance at work, dropout too."""
    build, plain = loop.build_model, loop.VPRModel

    def with_dropout(make):
        def made(config):
            model = make(config)
            model.backbone.register_forward_hook(
                lambda module, images, maps: F.dropout(maps, 0.3, module.training)
            )
            return model

        return made

    monkeypatch.setattr(loop, "build_model", with_dropout(build))
    monkeypatch.setattr(loop, "VPRModel", with_dropout(plain))
    groups = {
        "augment": {"randaugment": 3, "flip": 0.5},
        "optimizer": {
            "name": "adamw",
            "lr": 0.01,
            "warmup_steps": 5,
            "schedule": {"name": "cosine", "t_max": 2},
        },
    }
    config = with_(options, **groups, fit={**options["fit"], "epochs": 3, "accumulate": 2})
    fit(config, tmp_path / "one")
    for epochs in (1, 3):
        longer = config.fit.model_copy(update={"epochs": epochs})
        fit(config.model_copy(update={"fit": longer}), tmp_path / "two")
    assert same(
        weights(tmp_path / "one/checkpoints/last"), weights(tmp_path / "two/checkpoints/last")
    )
    one, two = (lines(tmp_path / name / "metrics.jsonl") for name in ("one", "two"))
    assert [r | {"seconds": 0} for r in one] == [r | {"seconds": 0} for r in two]


def test_a_run_that_lightnings_trainer_wrote_goes_on(options, tmp_path):
    """Its state has the history of epochs elsewhere, and active pairs under another name."""
    config = with_(options, fit={**options["fit"], "epochs": 1})
    fit(config, tmp_path / "new")
    shutil.copytree(tmp_path / "new", tmp_path / "old")
    file = tmp_path / "old" / "checkpoints" / "trainer.ckpt"
    state = torch.load(file, weights_only=True)
    history, unreadable = state.pop("history"), state.pop("unreadable")
    history[0]["teaching"] = history[0].pop("active_pairs")
    callbacks = {"EpochEnd": {"history": history, "unreadable": unreadable}}
    torch.save({**state, "callbacks": callbacks, "loops": {}, "lr_schedulers": []}, file)
    longer = with_(options, fit={**options["fit"], "epochs": 2})
    assert fit(longer, tmp_path / "old").trained == fit(longer, tmp_path / "new").trained == 1
    old, new = (weights(tmp_path / name / "checkpoints" / "last") for name in ("old", "new"))
    assert same(old, new)
    results = json.loads((tmp_path / "old" / "results.json").read_text())
    assert [epoch["epoch"] for epoch in results["epochs"]] == [1, 2]


def test_a_state_that_cannot_be_read_is_told_and_kept(options, tmp_path):
    config = with_(options, fit={**options["fit"], "epochs": 1})
    run = tmp_path / "run"
    fit(config, run)
    file = run / "checkpoints" / "trainer.ckpt"
    whole = file.read_bytes()
    torch.save({"state_dict": {}}, file)
    foreign = file.read_bytes()
    for content, message in (
        (whole[: len(whole) // 2], "not a whole state of training"),
        (foreign, "not a state of training (it lacks global_step, history, "),
    ):
        file.write_bytes(content)
        with pytest.raises(TrainingError) as error:
            fit(with_(options, fit={**options["fit"], "epochs": 2}), run)
        assert message in str(error.value) and "\n" not in str(error.value)
        assert file.read_bytes() == content
        assert load_model(run)


def test_training_changes_weights_and_seeds_matter(options, tmp_path):
    short = {**options["fit"], "epochs": 1}
    fit(with_(options, fit=short), tmp_path / "a")
    fit(with_(options, fit=short), tmp_path / "b")
    fit(with_(options, fit={**short, "seed": 1}), tmp_path / "c")
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert same(a, b)
    assert not same(a, c)


def test_other_options_in_the_same_folder_are_refused_by_name(finished, options, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    config = config_yaml.load(
        TrainConfig, run / "config.yaml", ["loss=triplet", "optimizer.lr=0.5", "fit.epochs=9"]
    )
    with pytest.raises(TrainingError) as error:
        fit(config, run)
    message = str(error.value)
    assert "loss is triplet, was multi_similarity; optimizer.lr is 0.5, was 0.01." in message
    assert "epochs" not in message, "it may change"
    assert f"beenhere train {run}" in message
    assert config_yaml.load(TrainConfig, run / "config.yaml").optimizer.lr == 0.01


def test_a_folder_without_a_finished_epoch_takes_new_options(options, tmp_path):
    broken = with_(options, data={"train": options["data"]["validation"] + "/database"})
    with pytest.raises(DataError, match="no photo has a place label"):
        fit(broken, tmp_path / "run")
    assert fit(with_(options, fit={**options["fit"], "epochs": 1}), tmp_path / "run").epochs == 1


def test_early_stop_and_no_training_after_it(options, tmp_path, monkeypatch):
    recalls = iter([10.0, 50.0, 60.0, 60.0, 55.0, 99.0, 99.0])
    monkeypatch.setattr(loop, "named_recalls", lambda evaluation: {"R@1": next(recalls)})
    config = with_(options, fit={**options["fit"], "epochs": 6, "early_stop": 2})
    result = fit(config, tmp_path / "run")
    assert (result.epochs, result.best_epoch, result.validation) == (4, 2, {"R@1": 60.0})
    assert fit(config, tmp_path / "run").trained == 0


def test_a_training_that_makes_a_model_worse_leaves_it_as_it_began(
    options, tmp_path, monkeypatch, capsys
):
    recalls = iter([50.0, 50.0, 40.0, 30.0, 20.0])
    monkeypatch.setattr(loop, "named_recalls", lambda evaluation: {"R@1": next(recalls)})
    longer = {**options["fit"], "epochs": 4}
    result = fit(with_(options, fit={**longer, "early_stop": 2}), tmp_path / "run")
    assert (result.epochs, result.best_epoch) == (2, 0)
    assert result.validation == result.beginning == {"R@1": 50.0}
    assert capsys.readouterr().out.startswith("epoch 0 of 4  R@1 50.0  (before training)\n")
    torch.manual_seed(0)
    begun = loop.build_model(with_(options).model).state_dict()
    assert same(weights(tmp_path / "run/checkpoints/best"), begun)
    # What began is known when the run goes on, and still the best.
    assert fit(with_(options, fit=longer), tmp_path / "run").best_epoch == 0


def test_an_epoch_of_so_many_steps_is_as_many_passes(options, tmp_path):
    # 10 places by 4: 3 batches a pass.
    two = with_(options, fit={**options["fit"], "epochs": 2, "steps_per_epoch": 4})
    fit(two, tmp_path / "two")
    steps = [r for r in lines(tmp_path / "two" / "metrics.jsonl") if "validation" not in r]
    assert [(r["epoch"], r["step"]) for r in steps] == [(1 + s // 6, 1 + s) for s in range(12)]
    fit(two.model_copy(update={"fit": two.fit.model_copy(update={"epochs": 1})}), tmp_path / "go")
    fit(two, tmp_path / "go")
    assert same(
        weights(tmp_path / "two/checkpoints/last"), weights(tmp_path / "go/checkpoints/last")
    )
    once = with_(options, fit={**options["fit"], "epochs": 2, "steps_per_epoch": 3})
    plain = with_(options, fit={**options["fit"], "epochs": 2})
    fit(once, tmp_path / "once")
    fit(plain, tmp_path / "plain")
    assert same(
        weights(tmp_path / "once/checkpoints/last"), weights(tmp_path / "plain/checkpoints/last")
    )


HEAD = {
    "backbone": {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2, "freeze": "all"},
    "aggregator": {"name": "whitened_cov", "directions": 20, "hidden": 8},
}


def test_a_head_that_begins_by_its_photos_goes_on_bit_for_bit(options, town, tmp_path):
    config = with_(
        {**options, "model": HEAD}, fit={**options["fit"], "epochs": 2}, batch={"images": 4}
    )
    fit(config, tmp_path / "one")
    for epochs in (1, 2):
        part = config.fit.model_copy(update={"epochs": epochs})
        fit(config.model_copy(update={"fit": part}), tmp_path / "two")
    one, two = (weights(tmp_path / name / "checkpoints/last") for name in ("one", "two"))
    assert same(one, two)

    # What it begins with is the whitening of what differs within the places.
    pooled = {**HEAD, "aggregator": "sqrt_cov"}
    model = VPRModel(with_({**options, "model": pooled}).model)
    model.backbone.load_state_dict(
        {k.removeprefix("backbone."): v for k, v in one.items() if k.startswith("backbone.")}
    )
    exactly = ExtractConfig(device="cpu", precision="32")
    table = read_photos(town / "train")
    vectors = extract(model, table, exactly, None, None).vectors.astype(np.float64)
    np.testing.assert_allclose(one["aggregator.mean"], vectors.mean(axis=0), atol=1e-4)
    within = vectors.copy()
    places = table.frame["place"].to_numpy()
    for place in set(places):
        within[places == place] -= vectors[places == place].mean(axis=0)
    variances = np.linalg.svd(within, compute_uv=False)[:30] ** 2 / len(within)
    floor = 0.25 * variances.mean()
    gains = np.sqrt(floor / (variances[:20] + floor)) - 1
    np.testing.assert_allclose(one["aggregator.gains"], gains, atol=1e-3)
    found = one["aggregator.directions"].double().numpy()
    along = ((within @ found.T) ** 2).mean(axis=0)
    np.testing.assert_allclose(along, variances[:20], rtol=1e-2)


def test_the_best_model_is_compared_with_a_baseline(options, town, tmp_path, finished):
    data = {**options["data"], "tests": {"near": str(town / "test")}}
    config = with_({**options, "data": data}, fit={**options["fit"], "epochs": 1})
    compared = config.fit.model_copy(update={"baseline": str(finished)})
    fit(config, tmp_path / "run")
    result = fit(config.model_copy(update={"fit": compared}), tmp_path / "run")
    assert result.trained == 0, "a baseline may be added to a finished run"
    kept = json.loads((tmp_path / "run" / "results.json").read_text())
    gain = result.gains["near"]
    assert gain.recall_a == pytest.approx(result.tests["near"]["R@1"])
    assert gain.recall_b == pytest.approx(kept["baseline"]["near"]["recalls"]["R@1"])
    assert kept["baseline"]["near"]["model"] == load_model(finished).fingerprint()
    assert gain.comparison.difference == pytest.approx(gain.recall_a - gain.recall_b)
    with pytest.raises(ConfigError, match=r"fit\.baseline is 'x' and there is no test set"):
        fit(with_(options, fit={**options["fit"], "baseline": "x"}), tmp_path / "run")


def test_without_validation_the_last_epoch_is_the_best(options, tmp_path):
    result = fit(with_(options, data={"validation": None}), tmp_path / "run")
    assert (result.best_epoch, result.validation) == (2, {})
    assert same(
        weights(tmp_path / "run/checkpoints/best"), weights(tmp_path / "run/checkpoints/last")
    )


def test_mixvpr_takes_the_training_photos_size(options, tmp_path, capsys):
    model = {
        **options["model"],
        "aggregator": {"name": "mixvpr", "out_channels": 8, "out_rows": 2, "depth": 1},
    }
    fit(with_(options, model=model, fit={**options["fit"], "epochs": 1}), tmp_path / "run")
    assert "64 x 64" in capsys.readouterr().out
    assert load_model(tmp_path / "run").preprocessing.target_size(300, 200) == (64, 64)


def test_mixed_sizes_are_refused_before_the_first_step(options, town, tmp_path):
    shutil.copytree(town / "train", tmp_path / "train")
    odd = sorted((tmp_path / "train").rglob("*.jpg"))[3]
    Image.new("RGB", (80, 60)).save(odd)
    config = with_(options, data={"train": str(tmp_path / "train")})
    with pytest.raises(DataError, match=r"60 x 80.*model\.preprocessing\.image_size"):
        fit(config, tmp_path / "run")


def test_unreadable_photos_are_counted_over_the_epochs(options, town, tmp_path):
    shutil.copytree(town / "train", tmp_path / "train")
    broken = sorted((tmp_path / "train").rglob("*.jpg"))[6]
    broken.write_bytes(broken.read_bytes()[:700])
    result = fit(with_(options, data={"train": str(tmp_path / "train")}), tmp_path / "run")
    assert list(result.unreadable) == [str(broken)]
    kept = json.loads((tmp_path / "run" / "results.json").read_text())["unreadable"]
    assert [photo["path"] for photo in kept] == [str(broken)]


def test_the_same_folder_twice_at_once_is_refused(options, tmp_path):
    from beenhere.training.run_folder import RunFolder

    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(TrainingError, match="another process trains in"),
    ):
        fit(with_(options), tmp_path / "run")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"fit": {"precision": "16-mixed", "accelerator": "cpu"}}, "needs a GPU"),
        ({"data": {"train": "nowhere"}}, "nowhere"),
        ({"batch": {"places": 30}}, "found 10 places"),
        ({"fit": {"early_stop": 2}, "data": {"validation": None}}, "set data.validation"),
        (
            {"data": {"validation": "nowhere"}},
            "data.validation: nowhere: no such folder; data.validation=null goes without",
        ),
        (
            {"data": {"tests": {"sf_xs": "nowhere"}}},
            "data.tests.sf_xs: nowhere: no such folder; data.tests.sf_xs=null goes without",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(groups, message, options, tmp_path):
    with pytest.raises(BeenhereError) as error:
        fit(with_(options, **groups), tmp_path / "run")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_validation_in_which_nothing_can_be_right_is_refused(options, town, tmp_path):
    """Its best epoch would be the first of many with an R@1 of 0.0."""
    apart = {"database": town / "train", "queries": town / "val/queries"}
    with pytest.raises(DataError, match=r"data\.validation: .* has a database photo within 25 m"):
        fit(with_(options, data={"validation": apart}), tmp_path / "run")


def test_wandb_that_is_not_installed(options, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_lightning.loggers", None)
    with pytest.raises(TrainingError, match=r"pip install 'beenhere\[wandb\]'"):
        fit(with_(options, fit={**options["fit"], "wandb": "project"}), tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(options, tmp_path):
    with pytest.raises(ConfigError, match="cuda"):
        fit(with_(options, fit={"accelerator": "gpu"}), tmp_path / "run")


def test_bfloat16_and_compile_leave_plain_float32_weights(options, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda forward: compiled.append(forward) or forward)
    one = {**options["fit"], "epochs": 1, "precision": "bf16-mixed", "compile": True}
    config = with_(options, fit=one)
    result = fit(config, tmp_path / "run")
    assert [forward.__name__ for forward in compiled] == ["forward"]
    state = weights(result.run_dir)
    assert all(value.dtype != torch.bfloat16 for value in state.values())
    assert all(torch.isfinite(value).all() for value in state.values())


def test_a_training_that_diverges_stops_and_says_so(options, tmp_path):
    config = with_(options, optimizer={"name": "sgd", "lr": 1e30})
    with pytest.raises(TrainingError, match=r"epoch 1, batch \d: .* a lower optimizer\.lr$"):
        fit(config, tmp_path / "run")
