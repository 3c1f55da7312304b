"""What trainings start from: k-means centres, principal directions, another model's weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from beenhere.config.models import ModelConfig
from beenhere.config.training import OptimizerConfig, TrainConfig
from beenhere.errors import ConfigError, ModelError, TrainingError
from beenhere.models import VPRModel, load_model, save_checkpoint
from beenhere.training.beginning import Start
from beenhere.training.fit import fit
from beenhere.training.optim import build_optimizer

SMALL = {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2}


def trained(options: dict[str, Any], run: Path, **groups: Any) -> VPRModel:
    merged = {name: {**options.get(name, {}), **groups.get(name, {})} for name in options | groups}
    fit(TrainConfig.model_validate(merged), run)
    return load_model(run / "checkpoints" / "last")


def test_netvlad_starts_at_centres_of_its_photos(options: dict[str, Any], tmp_path: Path) -> None:
    model = {
        "backbone": {**SMALL, "freeze": "all"},
        "aggregator": {"name": "netvlad", "clusters": 4},
    }
    slow = {"lr": 1e-12, "backbone_lr": 1e-12, "weight_decay": 0.0}
    found = trained({**options, "model": model}, tmp_path / "run", optimizer=slow)
    state = found.aggregator.state_dict()
    centres = state["centres"]
    lengths = centres.norm(dim=1)
    assert bool((lengths > 0.5).all() and (lengths <= 1.001).all()), "means of unit vectors"
    weight = state["assign.weight"][:, :, 0, 0]
    sharp = (weight * centres).sum() / centres.square().sum()
    torch.testing.assert_close(weight, sharp * centres, atol=1e-4, rtol=1e-4)  # W = 2 alpha c
    drawn = torch.cdist(centres, centres) + 9 * torch.eye(4)
    assert float(drawn.min()) > 1e-2, "four centres, not one"


def test_a_projection_starts_at_the_principal_directions(
    options: dict[str, Any], town: Path, tmp_path: Path
) -> None:
    model = {
        "backbone": {**SMALL, "freeze": "all"},
        "aggregator": "gem",
        "projection": {"out_dim": 6},
    }
    slow = {"lr": 1e-12, "backbone_lr": 1e-12, "weight_decay": 0.0}
    options = {**options, "model": model, "augment": {"randaugment": 0}}
    found = trained(options, tmp_path / "run", optimizer=slow, batch={"images": 4})
    photos = sorted((town / "train").rglob("*.jpg"))
    assert found.projection is not None
    with torch.inference_mode():
        rows = found.projection.linear.weight.detach()
        torch.testing.assert_close(rows @ rows.T, torch.eye(6), atol=1e-3, rtol=0)
        found.projection = None
        vectors = found.describe(photos)
    centred = vectors - vectors.mean(axis=0)
    _, variances, _ = np.linalg.svd(centred, full_matrices=False)
    along = ((centred @ rows.numpy().T) ** 2).sum(axis=0)
    np.testing.assert_allclose(along, variances[:6] ** 2, rtol=5e-2)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    config = ModelConfig.model_validate({"backbone": SMALL, "aggregator": "gem"})
    save_checkpoint(VPRModel(config), tmp_path / "start", {})
    return tmp_path / "start"


def test_fine_tuning_starts_at_a_model_and_is_compared_with_it(
    options: dict[str, Any], town: Path, start: Path, tmp_path: Path
) -> None:
    data = {**options["data"], "tests": {"near": str(town / "test")}}
    config = TrainConfig.model_validate(
        {
            **options,
            "data": data,
            "model": {"backbone": {"freeze": -1}},
            "fit": {**options["fit"], "epochs": 2, "start": str(start), "blend": 0.25},
            "optimizer": {"lr": 0.01, "layer_decay": 0.5},
        }
    )
    result = fit(config, tmp_path / "one")
    assert result.baseline == str(start) and result.gains["near"].comparison.queries > 0
    whole = json.loads((tmp_path / "one" / "results.json").read_text())
    assert whole["baseline"]["near"]["model"] == load_model(start).fingerprint()

    # Stopped after the first epoch it goes on to the same weights, bit for bit.
    for epochs in (1, 2):
        part = config.fit.model_copy(update={"epochs": epochs})
        fit(config.model_copy(update={"fit": part}), tmp_path / "two")
    one, two = (load_model(tmp_path / run / "checkpoints" / "last") for run in ("one", "two"))
    assert one.fingerprint() == two.fingerprint()

    # What is kept lies a quarter of the way from the start to what was trained.
    state = torch.load(tmp_path / "one" / "checkpoints" / "trainer.ckpt", weights_only=True)
    began, moved = load_model(start).state_dict(), 0
    for name, kept in one.state_dict().items():
        if kept.is_floating_point():
            own = state["state_dict"][f"model.{name}"]
            torch.testing.assert_close(kept, torch.lerp(began[name], own, 0.25), msg=name)
            moved += int(not torch.equal(own, began[name]))
    assert 0 < moved < len(began), "the last stage and the head alone"


def test_a_run_does_not_go_on_from_another_start(
    options: dict[str, Any], start: Path, tmp_path: Path
) -> None:
    config = TrainConfig.model_validate(
        {**options, "fit": {**options["fit"], "epochs": 1, "start": str(start)}}
    )
    fit(config, tmp_path / "run")
    save_checkpoint(VPRModel(load_model(start).config), start, {})  # other random weights
    longer = config.model_copy(update={"fit": config.fit.model_copy(update={"epochs": 2})})
    with pytest.raises(TrainingError, match="is another model now than when this run began"):
        fit(longer, tmp_path / "run")


def test_a_network_of_ones_own_is_no_start(options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own_start.py").write_text(
        "import beenhere, torch\n\n\ndef make():\n    net = torch.nn.Sequential("
        "torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())\n"
        "    return beenhere.wrap(net, image_size=(32, 32))\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        changed = {**options["fit"], "start": "own_start:make"}
        with pytest.raises(ConfigError, match="a network of your own, which cannot be saved"):
            fit(TrainConfig.model_validate({**options, "fit": changed}), tmp_path / "run")


def test_weights_between_two_are_there_for_a_while_only() -> None:
    torch.manual_seed(0)
    model = VPRModel(ModelConfig.model_validate({"backbone": SMALL, "aggregator": "gem"}))
    held = Start(model, 0.5)
    began = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    with held.blended(model):
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameter.data, began[name] + 0.5)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter.data, began[name] + 1)


def test_rates_fall_layer_by_layer() -> None:
    config = {"backbone": {"name": "test_vit", "pretrained": False}, "aggregator": "gem"}
    model = VPRModel(ModelConfig.model_validate(config))
    options = OptimizerConfig(lr=1.0, backbone_lr=0.1, layer_decay=0.5)
    optimizer = build_optimizer(options, model)
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates["head"] == 1.0 and rates["backbone-0"] == 0.1
    depths = [name for name in rates if name.startswith("backbone-")]
    assert len(depths) > 4
    for depth, name in enumerate(depths):
        assert rates[name] == pytest.approx(0.1 * 0.5**depth)
    trained = sum(len(group["params"]) for group in optimizer.param_groups)
    assert trained == len(list(model.parameters())), "each once"
    last = dict(model.backbone.network.named_parameters())["blocks.5.mlp.fc1.weight"]
    first = dict(model.backbone.network.named_parameters())["blocks.0.mlp.fc1.weight"]
    of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert of[id(last)] / of[id(first)] == pytest.approx(2**5)


def test_gradients_are_the_same_when_features_are_computed_twice() -> None:
    config = ModelConfig.model_validate(
        {
            "backbone": {"name": "test_vit", "pretrained": False, "pos_embed": "hub"},
            "aggregator": "gem",
        }
    )
    torch.manual_seed(0)
    model = VPRModel(config)
    images = torch.rand(2, 3, 96, 128)
    gradients = []
    for twice in (False, True):
        if twice:
            model.backbone.checkpoint_gradients()
        model.zero_grad()
        model(images).square().cumsum(1).sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
    plain = VPRModel(
        ModelConfig.model_validate({"backbone": {**SMALL, "name": "vgg11"}, "aggregator": "gem"})
    )
    with pytest.raises(ModelError, match=r"fit\.gradient_checkpointing is true, and VGG"):
        plain.backbone.checkpoint_gradients()


@pytest.mark.parametrize("kept", [True, False])
def test_batch_norms_may_keep_their_statistics(
    options: dict[str, Any], tmp_path: Path, kept: bool
) -> None:
    model = VPRModel(ModelConfig.model_validate({"backbone": SMALL, "aggregator": "gem"}))
    save_checkpoint(model, tmp_path / "start", {})
    fit_options = {**options["fit"], "start": str(tmp_path / "start"), "keep_norms": kept}
    found = trained({**options, "fit": fit_options}, tmp_path / "run").state_dict()
    begun = model.state_dict()
    means = [name for name in begun if name.endswith("running_mean")]
    assert means and all(torch.equal(found[name], begun[name]) == kept for name in means)
    weight = "backbone.network.conv1.0.weight"
    assert weight in begun and not torch.equal(found[weight], begun[weight])
