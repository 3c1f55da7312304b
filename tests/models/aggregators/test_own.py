"""Aggregators of a person's own: held to what beenhere's promise, saved, loaded when named."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_module import SOURCE, write_own_module

from beenhere.config.models import ModelConfig
from beenhere.errors import ConfigError, ModelError
from beenhere.models import VPRModel, load_model, save_checkpoint

BACKBONE = {"name": "test_resnet", "pretrained": False, "crop": 1}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return write_own_module(tmp_path)


def model(name: str, seed: int = 0, **options: Any) -> VPRModel:
    torch.manual_seed(seed)
    values = {"backbone": BACKBONE, "aggregator": {"name": name, **options}}
    return VPRModel(ModelConfig.model_validate(values)).eval()


def photos(side: int = 64) -> torch.Tensor:
    draw = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (3, 3, side, side + 16), dtype=torch.uint8, generator=draw)


def test_descriptors_are_those_of_the_class(module: str) -> None:
    built = model(f"{module}:Power", p=2, out=5)
    with torch.no_grad():
        maps = built.feature_maps(photos()).numpy().astype(np.float64)
        found = built(photos()).numpy()
    weight, bias = (p.detach().numpy().astype(np.float64) for p in built.aggregator.parameters())
    assert built.descriptor_dim == 5
    for one, vector in zip(maps, found, strict=True):
        pooled = [np.mean([max(v, 1e-6) ** 2 for v in channel.flat]) ** 0.5 for channel in one]
        expected = weight @ np.array(pooled) + bias
        assert np.allclose(vector, expected / np.sqrt((expected**2).sum()), atol=1e-5)


def test_a_pooling_of_the_web_is_asked_for_its_dimension_and_gets_maps_that_it_can_view(
    module: str,
) -> None:
    built = model(f"{module}:Plain")
    last = photos().contiguous(memory_format=torch.channels_last)
    assert built.to(memory_format=torch.channels_last)(last).shape == (3, built.descriptor_dim)


def test_to_try_it_draws_from_no_generator_and_leaves_it_in_training_mode(module: str) -> None:
    values = ModelConfig.model_validate({"backbone": BACKBONE, "aggregator": f"{module}:Plain"})
    torch.manual_seed(5)
    built = VPRModel(values)
    after = torch.rand(1)
    torch.manual_seed(5)
    values = ModelConfig.model_validate({"backbone": BACKBONE, "aggregator": "gem"})
    VPRModel(values)
    assert torch.equal(after, torch.rand(1)) and built.aggregator.training


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Long", r"gives vectors of length \d.*expected 1: end its forward with torch\.nn\.func"),
        ("Wide", r"gives \(2, 4\) of 2 maps; expected \(2, 8\), D as its descriptor_dim says"),
        ("Coarse", r"under mixed precision, gives torch\.bfloat16; expected torch\.float32"),
        ("Map", r"gives \(2, \d+, 7, 7\) of 2 maps; expected \(2, D\)"),
        ("Pair", r"gives a tuple; expected a tensor"),
        ("Broken", r"tried on maps \(2, \d+, 7, 7\): ZeroDivisionError: one two"),
    ],
)
def test_what_is_no_aggregator_is_refused_in_one_line(module: str, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        model(f"{module}:{name}")
    assert str(caught.value).startswith(f"model.aggregator {module}:{name}")
    assert "\n" not in str(caught.value)


def test_a_failure_on_other_maps_later_is_its_own_too(module: str, tmp_path: Path) -> None:
    source = SOURCE + (
        "\n\nclass Square(Plain):\n    def forward(self, maps):\n"
        "        assert maps.shape[2:] == (7, 7), 'no square'\n"
        "        return super().forward(maps)\n"
    )
    name = write_own_module(tmp_path, source)
    built = model(f"{name}:Square")
    with pytest.raises(
        ModelError, match=f"^model.aggregator {name}:Square, on maps .*Assert.*: no square"
    ):
        built(photos())


def test_a_checkpoint_is_loaded_when_its_module_is_named_and_imports_nothing_else(
    module: str, tmp_path: Path
) -> None:
    saved = model(f"{module}:Power", p=2)
    save_checkpoint(saved, tmp_path / "best", {})
    loaded = load_model(tmp_path / "best", parts=[module])
    assert torch.equal(loaded(photos()), saved(photos()))
    assert loaded.fingerprint() == saved.fingerprint() and loaded.config == saved.config

    text = (tmp_path / "best" / "model.yaml").read_text()
    trap = write_own_module(tmp_path, "from pathlib import Path\nPath('sprung').touch()\n" + SOURCE)
    own = [line for line in text.splitlines(keepends=True) if not line.startswith("sha256")]
    (tmp_path / "best" / "model.yaml").write_text("".join(own).replace(module, trap))
    for named in ([], [module]):
        with pytest.raises(ModelError, match=f"{trap}:Power, which is code.*--parts {trap}"):
            load_model(tmp_path / "best", parts=named)
    assert trap not in sys.modules and not (tmp_path / "sprung").exists()
    load_model(tmp_path / "best", parts=[trap])
    assert (tmp_path / "sprung").exists()


def test_a_checkpoint_whose_module_is_not_there_says_so(module: str, tmp_path: Path) -> None:
    save_checkpoint(model(f"{module}:Power"), tmp_path / "best", {})
    file = tmp_path / "best" / "model.yaml"
    file.write_text(file.read_text().replace(module, "gone_module"))
    with pytest.raises(ConfigError, match="there is no module gone_module"):
        load_model(tmp_path / "best", parts=["gone_module"])


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("import torch\n", "import torch\n\n# a remark\n", True),
        ("clamp(min=1e-6)", "clamp(min=1e-5)", False),
        ("maps.float().mean(dim=(2, 3)) + 1", "maps.float().mean(dim=(2, 3)) + 2", True),
    ],
    ids=["a remark", "its own code", "another class"],
)
def test_the_fingerprint_is_of_the_code_too(
    module: str, tmp_path: Path, old: str, new: str, same: bool
) -> None:
    save_checkpoint(model(f"{module}:Power"), tmp_path / "best", {})
    before = load_model(tmp_path / "best", parts=[module]).fingerprint()
    file = tmp_path / f"{module}.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1) + "\n" * 50)
    del sys.modules[module]
    after = load_model(tmp_path / "best", parts=[module]).fingerprint()
    assert (before == after) is same
