"""A whole training on tar shards: as on the folder they were made of, and as resumable."""

import json
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from beenhere.config.training import ShardsConfig, TrainConfig
from beenhere.errors import ConfigError
from beenhere.models import load_model, read_provenance
from beenhere.photos.formats import read_photos
from beenhere.studies.plan import _check_there
from beenhere.training.fit import fit
from beenhere.training.shards import write_shards
from beenhere.training.source import training_batches, training_photos


@pytest.fixture(scope="module")
def sharded(town, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sharded") / "town"
    write_shards(read_photos(town / "train"), out)
    return out


def on(options: dict, train: Path | str, **fit_options: object) -> TrainConfig:
    return TrainConfig.model_validate(
        options
        | {"data": {**options["data"], "train": train}, "fit": {**options["fit"], **fit_options}}
    )


def losses(run: Path) -> list[float]:
    return [epoch["loss"] for epoch in json.loads((run / "results.json").read_text())["epochs"]]


def test_a_run_goes_on_bit_for_bit(options, sharded, tmp_path):
    whole = fit(on(options, sharded), tmp_path / "whole")
    fit(on(options, sharded, epochs=1), tmp_path / "parts")
    result = fit(on(options, sharded), tmp_path / "parts")
    assert (result.trained, result.epochs) == (1, 2)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    expected = load_model(whole.run_dir / "checkpoints" / "last").state_dict()
    for name, value in load_model(result.run_dir / "checkpoints" / "last").state_dict().items():
        assert torch.equal(value, expected[name])


def test_shards_that_are_others_when_a_run_goes_on_are_told(
    options, town, sharded, tmp_path, capsys
):
    shutil.copytree(sharded, tmp_path / "shards")
    config = on(options, tmp_path / "shards", epochs=1)
    fit(config, tmp_path / "run")
    fit(config, tmp_path / "run")
    assert capsys.readouterr().err == ""
    shutil.rmtree(tmp_path / "shards")
    write_shards(read_photos(town / "train"), tmp_path / "shards", ShardsConfig(seed=1))
    fit(on(options, tmp_path / "shards", epochs=2), tmp_path / "run")
    said = f"{tmp_path}/shards holds other photos than when epoch 1 was trained: the run goes on"
    assert capsys.readouterr().err.startswith(said)


def test_the_model_says_which_shards_it_was_trained_on(options, sharded, tmp_path, capsys):
    config = on(options, sharded / "shards.yaml", epochs=1)
    mixvpr = config.model_copy(
        update={"model": config.model.model_validate({"aggregator": "mixvpr", **_TINY})}
    )
    fit(mixvpr, tmp_path)
    assert "64 x 64, that of the training photos" in capsys.readouterr().out
    data = read_provenance(tmp_path / "checkpoints" / "best")["data"]
    tars = sorted(sharded.glob("*.tar"))
    assert (data["photos"], data["places"]) == (40, 10)
    assert data["shards"] == {
        "at": str(sharded),
        "files": len(tars),
        "bytes": sum(tar.stat().st_size for tar in tars),
    }
    assert len(data["sha256"]) == 64


_TINY = {"backbone": {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2}}


def test_shards_go_to_the_processes_of_several_devices(options, sharded):
    config = on(options, sharded)
    preprocessing = SimpleNamespace(target_size=lambda *size: size, interpolation="bilinear")
    seen = []
    for rank in range(2):
        there = pickle.loads(pickle.dumps(training_photos(config.data)))
        batches = training_batches(there, config, preprocessing, rank, 2)
        assert len(batches) == 2
        seen += [place for batch in batches for place in batch.places.tolist()]
    assert sorted(seen) == sorted([*range(10)] * 2)


def test_what_shards_cannot_do_is_told_before_the_run_begins(options, sharded, tmp_path):
    config = on(options | {"batch": {**options["batch"], "shuffle": "within_cities"}}, sharded)
    with pytest.raises(ConfigError, match="train on the folder of photos"):
        fit(config, tmp_path / "run")
    secret = on(options, "s3://key:secret@bucket/gsv")
    with pytest.raises(ConfigError) as error:
        fit(secret, tmp_path / "secret")
    assert "secret@" not in str(error.value)
    assert not (tmp_path / "secret").exists(), "nothing with the secret was written"
    with pytest.raises(Exception, match="a study looks at where each training photo was taken"):
        _check_there(config.data, "mine")


def test_the_loss_curve_is_the_folders(options, town, sharded, tmp_path):
    """Mean losses of each epoch over seeds; the two lie within the noise of the seeds."""
    curves = {}
    for name, train in (("folder", town / "train"), ("shards", sharded)):
        runs = []
        for seed in range(3):
            config = on(options, train, seed=seed, epochs=3)
            data = config.data.model_copy(update={"validation": None})
            fit(config.model_copy(update={"data": data}), tmp_path / f"{name}-{seed}")
            runs.append(losses(tmp_path / f"{name}-{seed}"))
        curves[name] = np.array(runs)
    difference = curves["folder"].mean(0) - curves["shards"].mean(0)
    error = np.sqrt(sum(curve.var(0, ddof=1) / len(curve) for curve in curves.values()))
    assert (np.abs(difference) < 5 * error).all(), (curves, difference / error)
    for curve in curves.values():
        assert curve[:, -1].mean() < 0.8 * curve[:, 0].mean(), "both learn"
