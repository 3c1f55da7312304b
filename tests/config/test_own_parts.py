"""Parts of a person's own, as options name them: what is imported, when, and what is refused."""

import sys
from pathlib import Path

import pytest
import yaml
from own_module import write_own_module
from torch import nn

from beenhere.config import config_yaml
from beenhere.config.options import OwnPart
from beenhere.config.own_parts import build_own, check_named
from beenhere.config.training import TrainConfig
from beenhere.errors import BeenhereError, ConfigError, ModelError


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module in the current folder, which Python's own path does not have."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return write_own_module(tmp_path)


def load(*assignments: str, path: Path | None = None) -> TrainConfig:
    return config_yaml.load(TrainConfig, path, assignments)


def test_yaml_assignments_and_keywords_name_the_same_part(module: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"loss: {{name: '{module}:Margin', margin: 0.3}}\nminer: {module}:First\n")
    config = load(path=file)
    by_set = load(f"loss={module}:Margin", "loss.margin=0.3", f"miner.name={module}:First")
    part = OwnPart(name=f"{module}:Margin", margin=0.3)
    assert config == by_set == TrainConfig(loss=part, miner=OwnPart(name=f"{module}:First"))
    assert load("loss=triplet", path=file).loss == load("loss=triplet").loss
    assert module not in sys.modules, "options import nothing"


def test_written_and_explained_options_read_back_the_same(tmp_path: Path) -> None:
    config = load("model.aggregator={name: some.where:Pool, p: 3, sizes: [1, 2]}")
    config_yaml.write(config, tmp_path / "b.yaml")
    assert load(path=tmp_path / "b.yaml") == config
    text = config_yaml.explain(config)
    assert TrainConfig.model_validate(yaml.safe_load(text)) == config
    assert "avg | gem | " in text and "| tokens | qaa | MODULE:CLASS]" in text


@pytest.mark.parametrize("name", ["my-module:Pool", "pool:", ":Pool", "a:b:c", "a..b:C", "a: C"])
def test_what_is_no_module_and_class(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^--set: loss\.name is .*expected MODULE:CLASS"):
        load(f"loss.name='{name}'")


def test_a_class_of_the_script_that_runs_cannot_be_found_again() -> None:
    with pytest.raises(ConfigError, match="into a file of its own"):
        load("loss=__main__:Margin")


def test_a_wrong_name_is_told_what_a_person_may_give() -> None:
    with pytest.raises(ConfigError, match="contrastive, triplet, multi_similarity, MODULE:CLASS"):
        load("loss=x")


def test_arguments_are_what_the_signature_says(module: str) -> None:
    built = build_own(OwnPart(name=f"{module}:Margin", margin=1), "loss", nn.Module, unused=3)
    assert type(built).__name__ == "Margin" and type(built.margin) is float and built.margin == 1
    plain = build_own(OwnPart(name=f"{module}:Plain", p="3"), "x", nn.Module)
    assert plain.options == {"p": "3"}, "a class with ** takes all, as it is"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"name": "{}:Margin", "margn": 1}, "'margn' is not an option; did you mean 'margin'?"),
        ({"name": "{}:Margin", "margin": "wide"}, "margin is 'wide': input should be a valid num"),
        ({"name": "{}:Power"}, "'shape' is missing"),
        ({"name": "{}:Margn"}, "has no Margn; did you mean 'Margin'?"),
        ({"name": "{}:torch"}, "is no class that derives from torch's Module"),
        ({"name": "{}:NoModule"}, "is no class that derives from torch's Module"),
        ({"name": "no_such.module:Loss"}, "there is no module no_such in "),
        ({"name": "{}.inner:Loss"}, ".inner in "),
        ({"name": "{}:Broken", "options": {}}, None),
    ],
)
def test_what_is_wrong_is_one_line(module: str, part: dict, message: str | None) -> None:
    own = OwnPart.model_validate(part | {"name": part["name"].format(module)})
    if message is None:
        build_own(own, "loss", nn.Module)
        return
    with pytest.raises(ConfigError) as caught:
        build_own(own, "loss", nn.Module)
    assert str(caught.value).startswith(f"loss {own.name}") and message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_thing_at_all", "No module named 'no_such_thing_at_all'"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_cannot_be_imported(
    module: str, tmp_path: Path, source: str, message: str
) -> None:
    name = write_own_module(tmp_path, source)
    with pytest.raises(ConfigError, match=f"{name}:X cannot be imported.*{message}"):
        build_own(OwnPart(name=f"{name}:X"), "loss", nn.Module)


def test_what_a_class_raises_is_said_to_be_its_own(module: str, tmp_path: Path) -> None:
    source = "from torch import nn\nclass X(nn.Module):\n    def __init__(self): nobody()\n"
    name = write_own_module(tmp_path, source)
    with pytest.raises(ModelError, match=f"^loss {name}:X: NameError: name 'nobody'") as caught:
        build_own(OwnPart(name=f"{name}:X"), "loss", nn.Module)
    assert isinstance(caught.value.__cause__, NameError)


def test_the_current_folder_hides_no_installed_module(module: str, tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('the wrong one')")
    sys.modules.pop("colorsys", None)
    with pytest.raises(BeenhereError, match=r"lib/python.*colorsys\.py has no X"):
        build_own(OwnPart(name="colorsys:X"), "loss", nn.Module)


def test_a_module_is_named_for_one_checkpoint() -> None:
    part = OwnPart(name="my_module:Pool")
    check_named(part, ["my_module"], "run")
    check_named(TrainConfig().model.aggregator, [], "run")
    for named in ([], ["my_modul"], ["my_module:Pool"]):
        with pytest.raises(ModelError, match=r"run is a model with my_module:Pool.*--parts my_mod"):
            check_named(part, named, "run")
