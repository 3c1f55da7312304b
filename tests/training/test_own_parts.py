"""Losses, miners and aggregators of a person's own in training."""

import json
import linecache
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_module import write_own_module

from beenhere.config.objective import ContrastiveConfig, LossConfig, MinerConfig, NoMinerConfig
from beenhere.config.options import OwnPart
from beenhere.config.own_parts import build_own
from beenhere.config.training import TrainConfig
from beenhere.errors import ConfigError, ModelError, TrainingError
from beenhere.models import load_model
from beenhere.training.fit import fit
from beenhere.training.objectives import Objective, ObjectiveValue
from beenhere.training.optim import build_optimizer
from beenhere.training.processes import run_on_devices
from beenhere.training.run_folder import RunFolder


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return write_own_module(tmp_path)


PLACES = torch.tensor([0, 0, 1, 2])


def score(loss: LossConfig, miner: MinerConfig) -> tuple[ObjectiveValue, np.ndarray]:
    """The value, and the similarities in float64."""
    draw = torch.Generator().manual_seed(0)
    descriptors = torch.nn.functional.normalize(torch.randn(4, 3, generator=draw), dim=1)
    exact = descriptors.double().numpy()
    return Objective(loss, miner)(descriptors.bfloat16().float(), PLACES), exact @ exact.T


def test_a_loss_gets_all_pairs_or_those_that_were_mined(module: str) -> None:
    loss = OwnPart(name=f"{module}:Margin", margin=-0.5)
    value, similarity = score(loss, NoMinerConfig())
    far = [
        max(0.0, similarity[a, b] + 0.5)
        for a in range(4)
        for b in range(4)
        if PLACES[a] != PLACES[b]
    ]
    assert value.loss.item() == pytest.approx(2 * sum(far), rel=0.02)
    assert value.active_pairs == 1
    value, _ = score(loss, OwnPart(name=f"{module}:First"))
    far = [max(0.0, similarity[row, 3] + 0.5) for row in (0, 1)]
    assert value.loss.item() == pytest.approx(2 * sum(far), rel=0.02)
    assert value.active_pairs.item() == pytest.approx(4 / 12)


def test_a_loss_of_beenhere_takes_pairs_of_a_miner_of_ones_own(module: str) -> None:
    value, similarity = score(ContrastiveConfig(), OwnPart(name=f"{module}:First"))
    distance = np.sqrt(np.maximum(0, 2 - 2 * similarity))
    assert min(distance[0, 3], distance[1, 3]) > 1, "negatives cost nothing here"
    expected = distance[0, 1]
    assert value.loss.item() == pytest.approx(expected, rel=0.02)


def test_a_loss_of_pytorch_metric_learning_by_name() -> None:
    from pytorch_metric_learning.losses import CircleLoss

    part = OwnPart(name="pytorch_metric_learning.losses:CircleLoss", m=0.3, gamma=8)
    draw = torch.Generator().manual_seed(1)
    descriptors = torch.nn.functional.normalize(torch.randn(4, 3, generator=draw), dim=1)
    value = Objective(part, NoMinerConfig())(descriptors, PLACES)
    assert torch.equal(value.loss, CircleLoss(m=0.3, gamma=8)(descriptors, PLACES))


@pytest.mark.parametrize(
    ("loss", "miner", "message"),
    [
        ("EachOwn", None, r"^loss .*EachOwn gives torch\.float32 \(4,\); expected a tensor of one"),
        ("EachOwn", "First", r"^loss .*EachOwn: TypeError: .*takes 3 positional arguments but 4"),
        ("Margin", "Floats", r"^miner .*Floats gives a tuple of 3; expected rows of the batch"),
    ],
)
def test_what_is_no_loss_or_miner_is_one_line(
    module: str, loss: str, miner: str | None, message: str
) -> None:
    mined = NoMinerConfig() if miner is None else OwnPart(name=f"{module}:{miner}")
    with pytest.raises(ModelError, match=message) as caught:
        score(OwnPart(name=f"{module}:{loss}"), mined)
    assert "\n" not in str(caught.value)


def own_config(module: str, options: dict[str, Any], **fit: Any) -> TrainConfig:
    aggregator = {"name": f"{module}:Power", "p": 2}
    return TrainConfig.model_validate(
        {
            **options,
            "model": {**options["model"], "aggregator": aggregator},
            "loss": {"name": f"{module}:Margin", "margin": -0.2},
            "miner": f"{module}:First",
            "fit": {**options["fit"], **fit},
        }
    )


def test_a_run_goes_on_with_the_state_of_its_loss_too(
    module: str, options: dict[str, Any], tmp_path: Path
) -> None:
    fit(own_config(module, options), tmp_path / "whole")
    fit(own_config(module, options, epochs=1), tmp_path / "two")
    fit(own_config(module, options), tmp_path / "two")
    states = [
        torch.load(tmp_path / run / "checkpoints" / "trainer.ckpt", weights_only=True)
        for run in ("whole", "two")
    ]
    one, two = (state["state_dict"] for state in states)
    assert one["objective.loss.inner.scale"] != 2, "it is trained"
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert load_model(tmp_path / "two", parts=[module]).descriptor_dim == 8
    with pytest.raises(ModelError, match=f"--parts {module}"):
        load_model(tmp_path / "two")


def test_a_run_does_not_go_on_with_other_code(
    module: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, source = tmp_path / "run", tmp_path / f"{module}.py"
    fit(own_config(module, options, epochs=1), run)
    kept = (run / "code.json").read_text()
    assert sorted(json.loads(kept)) == ["loss", "miner", "model.aggregator"]
    text = source.read_text()

    def again(changed: str, epochs: int) -> None:
        source.write_text(changed)
        for cache in source.parent.glob("__pycache__"):
            shutil.rmtree(cache)
        linecache.checkcache()
        sys.modules.pop(module)
        fit(own_config(module, options, epochs=epochs), run)

    # Another class of the file, comments, and blank lines decide nothing.
    again(text.replace("class Broken(Plain):", "# no more\n\nclass Broken(Plain):"), 2)
    assert (run / "code.json").read_text() == kept
    other = text.replace("return self.scale * far.sum()", "return self.scale * far.mean()")
    with pytest.raises(TrainingError, match=r"^the code of loss is not that which .*code\.json$"):
        again(other, 3)
    # Nothing was touched, so the old code goes on; and so does the new one if that is meant.
    again(text, 3)
    (run / "code.json").unlink()
    again(other, 4)
    assert (run / "code.json").read_text() != kept
    assert len(RunFolder(run).read_results()["epochs"]) == 4
    # A run of a version that wrote none down goes on.
    (run / "code.json").unlink()
    again(text, 5)


def test_each_devices_process_finds_the_module(module: str) -> None:
    part = OwnPart(name=f"{module}:Margin", margin="wide")
    with pytest.raises(ConfigError, match="margin is 'wide'"):
        run_on_devices(1, build_own, part, "loss", object)


def test_parameters_of_a_loss_are_trained_at_the_rate_of_the_head(module: str) -> None:
    config = TrainConfig()
    model = torch.nn.Module()
    model.backbone = torch.nn.Linear(2, 2)
    objective = Objective(OwnPart(name=f"{module}:Margin"), NoMinerConfig())
    groups = build_optimizer(config.optimizer, model, objective).param_groups
    assert [(group["name"], group["lr"]) for group in groups] == [
        ("backbone", 1e-4),
        ("loss", 1e-4),
    ]
