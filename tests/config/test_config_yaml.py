"""Options from YAML and assignments, and what a person is told when one is wrong."""

from pathlib import Path

import pytest
import yaml

from beenhere.config import config_yaml
from beenhere.config.evaluation import EvalConfig
from beenhere.config.objective import (
    MultiSimilarityLossConfig,
    PairMarginMinerConfig,
    TripletConfig,
)
from beenhere.config.tools import CityConfig
from beenhere.config.training import TrainConfig
from beenhere.errors import ConfigError


def load(*assignments: str, path: Path | None = None) -> TrainConfig:
    return config_yaml.load(TrainConfig, path, assignments)


def test_file_then_assignments_in_order(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("optimizer: {lr: 0.5, momentum: 0.1}\nfit: {epochs: 3}\n")
    config = load("optimizer.lr=1e-4", "fit.epochs=7", "fit.epochs=8", path=file)
    assert config.optimizer.lr == 1e-4
    assert config.optimizer.momentum == 0.1
    assert config.fit.epochs == 8


def test_keywords_yaml_and_assignments_give_the_same_object(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("loss: {name: triplet, margin: 0.3}\n")
    by_keyword = TrainConfig(loss=TripletConfig(margin=0.3))
    assert load(path=file) == load("loss.name=triplet", "loss.margin=0.3") == by_keyword


def test_written_options_read_back_the_same(tmp_path: Path) -> None:
    config = load("miner=pair_margin", "optimizer.schedule=cosine", "data.tests={night: t}")
    config_yaml.write(config, tmp_path / "b.yaml")
    assert load(path=tmp_path / "b.yaml") == config


def test_explained_options_are_yaml_of_the_same_options() -> None:
    config = load("miner=triplet", "data.validation=sf/val")
    text = config_yaml.explain(config)
    assert TrainConfig.model_validate(yaml.safe_load(text)) == config
    assert "# learning rate" in text


def test_choosing_another_loss_forgets_the_options_of_the_first(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("loss: {name: contrastive, neg_margin: 0.7}\n")
    assert load("loss.name=triplet", path=file).loss == TripletConfig()
    assert load("loss=triplet", path=file).loss == TripletConfig()
    with pytest.raises(ConfigError, match=r"loss.*neg_margin.*not an option"):
        load("loss.name=triplet", "loss.neg_margin=1", path=file)


@pytest.mark.parametrize(
    ("preset", "expected"), [("library", (2.0, 50.0, 0.5)), ("vpr", (1.0, 50.0, 0.0))]
)
def test_a_preset_fills_what_is_not_given(preset: str, expected: tuple[float, ...]) -> None:
    loss = load("loss=multi_similarity", f"loss.preset={preset}").loss
    assert isinstance(loss, MultiSimilarityLossConfig)
    assert (loss.alpha, loss.beta, loss.base) == expected
    given = load("loss=multi_similarity", f"loss.preset={preset}", "loss.alpha=9").loss
    assert isinstance(given, MultiSimilarityLossConfig)
    assert (given.alpha, given.beta, given.base) == (9.0, *expected[1:])


def test_the_pair_margin_presets_measure_different_things() -> None:
    library = PairMarginMinerConfig(preset="library")
    assert (library.measure, library.pos_margin, library.neg_margin) == ("distance", 0.2, 0.8)
    vpr = PairMarginMinerConfig()
    assert (vpr.measure, vpr.pos_margin, vpr.neg_margin) == ("similarity", 0.7, 0.3)


def test_tests_of_a_file_can_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("data: {tests: {near: data/near, far: data/far}}\n")
    assert list(load("data.tests.far=null", path=file).data.tests) == ["near"]
    for nothing in ("null", "{}"):
        assert load(f"data.tests={nothing}", path=file).data.tests == {}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("optimizer.lrr=1", "'optimizer.lrr' is not an option; did you mean 'lr'?"),
        ("optimiser.lr=1", "'optimiser' is not an option; did you mean 'optimizer'?"),
        ("loss=multi_simlarity", "loss is 'multi_simlarity'; did you mean 'multi_similarity'?"),
        ("model.aggregator.depht=1", "did you mean 'depth'?"),
        ("optimizer.lr=-1", "optimizer.lr is -1: input should be greater than 0"),
        ("fit.epochs=many", "fit.epochs is 'many': input should be a valid integer"),
        (
            "data.validation.database=x",
            "--set: data.validation: give either tree, or both database and queries",
        ),
        ("fit", "expected NAME=VALUE"),
        ("fit.epochs.x=1", "'fit.epochs.x=1'"),
    ],
)
def test_a_wrong_option_is_one_line_with_a_next_step(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("fit.epochs=3", assignment)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not YAML"), ("- 1", "holds a list"), ("\0", "not YAML")]
)
def test_a_file_that_holds_no_options(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(path=file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read"):
        load(path=tmp_path / "missing.yaml")


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    assert load(path=tmp_path / "empty.yaml") == TrainConfig()


@pytest.mark.parametrize("kind", [TrainConfig, EvalConfig, CityConfig])
def test_every_option_says_what_it_means(kind: type) -> None:
    text = config_yaml.explain(kind())
    bare = [line for line in text.splitlines() if "#" not in line and "name:" not in line]
    assert bare == []


def test_a_preset_replaces_the_values_of_a_file_that_spells_them_out(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(config_yaml.explain(load("loss=multi_similarity")))
    loss = load("loss.preset=library", "loss.beta=40", path=file).loss
    assert isinstance(loss, MultiSimilarityLossConfig)
    assert (loss.alpha, loss.beta, loss.base) == (2.0, 40.0, 0.5)


@pytest.mark.parametrize("value", [".inf", ".nan"])
def test_numbers_are_finite(value: str) -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.lr is .*finite"):
        load(f"optimizer.lr={value}")


def test_an_error_names_who_is_at_fault(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("fit: {epochs: 3}")
    with pytest.raises(ConfigError, match=r"^--set: fit\.epochs is 0"):
        config_yaml.load(TrainConfig, path, ["fit.epochs=0"])
    path.write_text("fit: {epochs: 0}")
    with pytest.raises(ConfigError, match=r"mine\.yaml: fit\.epochs is 0"):
        config_yaml.load(TrainConfig, path, ["fit.seed=1"])
    assert config_yaml.load(TrainConfig, path, ["fit.epochs=2"]).fit.epochs == 2


def test_a_test_set_without_a_name_says_how_to_give_one():
    with pytest.raises(ConfigError, match=r"data\.tests is 'sf'.*data\.tests\.sf_xs=PATH"):
        config_yaml.load(TrainConfig, None, ["data.tests=sf"])


def test_a_figure_that_is_asked_for_twice_is_given_once():
    found = config_yaml.load(TrainConfig, None, ["evaluation.thresholds=[25, 5, 25]"])
    assert found.evaluation.thresholds == [25, 5]


def test_changes_go_into_groups_and_replace_choices():
    values = {"optimizer": {"lr": 1e-3}, "loss": {"name": "triplet", "margin": 0.2}}
    config_yaml.change(
        values, {"optimizer": {"weight_decay": 0.1}, "loss": {"name": "contrastive"}}
    )
    assert values["optimizer"] == {"lr": 1e-3, "weight_decay": 0.1}
    assert values["loss"] == {"name": "contrastive"}
    config_yaml.change(values, {"loss.neg_margin": 0.5, "miner.name": "triplet"})
    assert values["loss"] == {"name": "contrastive", "neg_margin": 0.5}
    assert values["miner"] == {"name": "triplet"}
