"""Only a model's own file is taken: whole, without anything else, and without running code."""

import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from authors_files import (
    PLAIN,
    Shapes,
    State,
    bags,
    codes,
    cosplace,
    dinov2,
    filled,
    matconvnet,
    mixer,
    resnet,
    transport,
    upconvs,
    write,
    write_matconvnet,
)

from beenhere.errors import ModelError
from beenhere.models.model import VPRModel
from beenhere.models.published.catalogue import published_model
from beenhere.models.published.layouts import converted
from beenhere.models.published.store import authors_weights, take

NAME = "cosplace-r18-32"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEENHERE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def weights() -> State:
    return filled(cosplace("r18", 32))


@cache
def wanted(name: str) -> State:
    with torch.device("meta"):
        return VPRModel(published_model(name).config).state_dict()


def fit(name: str, state: State) -> State:
    """The tensors of a file under our names, for a model of which only shapes are known."""
    layout = published_model(name).layout
    return converted(state, layout, wanted(name), f"x is not a file of {name}")


def refusal(name: str, state: State) -> str:
    with pytest.raises(ModelError) as caught:
        fit(name, state)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


def on_paper(shapes: Shapes) -> State:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def test_another_models_file_is_refused_in_one_line_of_three_keys() -> None:
    file = on_paper(resnet("backbone.model.", PLAIN, 50, 3) | mixer(400, 1024, 256, 2, 4))
    assert refusal(NAME, file) == (
        "x is not a file of cosplace-r18-32: backbone.0.weight is missing, backbone.1.weight is "
        "missing, backbone.1.bias is missing and 386 more; it has 286 tensors"
    )


def test_another_dimension_is_refused() -> None:
    assert refusal(NAME, on_paper(cosplace("r18", 64))) == (
        "x is not a file of cosplace-r18-32: aggregation.3.weight is (64, 512) and not (32, 512), "
        "aggregation.3.bias is (64,) and not (32,); it has 123 tensors"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.pop("backbone.4.0.bn1.bias"), "backbone.4.0.bn1.bias is missing"),
        (lambda one: one.pop("aggregation.1.p"), "aggregation.1.p is missing"),
        (lambda one: one.update(more=torch.zeros(2)), "more is not expected"),
        (
            lambda one: one.update({"backbone.8.weight": torch.zeros(2)}),
            "backbone.8.weight is not expected",
        ),
        (
            lambda one: one.update({"backbone.0.weight": torch.zeros(64, 3, 3, 3)}),
            "backbone.0.weight is (64, 3, 3, 3) and not (64, 3, 7, 7)",
        ),
        (
            lambda one: one.update({"aggregation.1.p": torch.zeros(512)}),
            "aggregation.1.p is (512,)",
        ),
    ],
)
def test_one_tensor_too_few_too_many_or_of_another_shape(
    change: Callable[[State], Any], said: str
) -> None:
    file = on_paper(cosplace("r18", 32))
    change(file)
    message = refusal(NAME, file)
    assert said in message and "more;" not in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.pop("layers.30.weights.0"), "layers.30.weights.0 is missing"),
        (lambda one: one.pop("layers.30.weights.1"), "layers.30.weights.1 is missing"),
        (lambda one: one.pop("layers.33.weights.0"), "layers.33.weights.0 is missing"),
        (lambda one: one.pop("layers.5.weights.1"), "layers.5.weights.1 is missing"),
        (
            lambda one: one.update({"layers.31.weights.0": torch.zeros(3)}),
            "layers.31.weights.0 is not expected",
        ),
        (
            lambda one: one.update({"layers.30.weights.1": torch.zeros(512, 32)}),
            "layers.30.weights.1 is (32, 512) and not (64, 512)",
        ),
    ],
)
def test_a_file_of_matconvnet_is_looked_at_as_hard(
    change: Callable[[State], Any], said: str
) -> None:
    file = on_paper(matconvnet(64, 4096))
    change(file)
    assert said in refusal("netvlad-pitts30k", file)


def test_a_file_of_matlab_that_is_no_network(tmp_path: Path) -> None:
    text = tmp_path / "Pitts30K_struct.mat"
    text.write_text("not Matlab's")
    with pytest.raises(ModelError, match="not a network of MatConvNet"):
        take(published_model("netvlad-pitts30k"), text, "a test")
    write_matconvnet({}, text, (1, 2, 3))
    with pytest.raises(ModelError, match=r"layers\.0\.weights\.0 is missing"):
        take(published_model("netvlad-pitts30k"), text, "a test")


@pytest.mark.parametrize("wrap", ["", "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."]
)
def test_wrappers_are_taken_off(wrap: str, prefix: str, tmp_path: Path) -> None:
    state = filled({"backbone.model.weight": (2, 3), "aggregator.p": (1,)})
    file = write(state, tmp_path / "x.pth", wrap, prefix)
    found = authors_weights(file)
    assert set(found) == set(state)
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_a_prefix_that_not_all_have_is_a_name(tmp_path: Path) -> None:
    state = filled({"module.weight": (2,), "head.weight": (2,)})
    assert set(authors_weights(write(state, tmp_path / "x.pth"))) == set(state)


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("save", ["torch", "pickle"])
def test_code_in_a_file_does_not_run(save: str, weights: State, tmp_path: Path) -> None:
    sprung, file = tmp_path / "sprung", tmp_path / "ResNet18_32_cosplace.pth"
    content = {"state_dict": weights, "callbacks": Trap(sprung)}
    if save == "torch":
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content))
    with pytest.raises(ModelError, match="not a torch file of tensors alone") as caught:
        take(published_model(NAME), file, "a test")
    assert "\n" not in str(caught.value)
    assert save == "pickle" or "(it holds getattr)" in str(caught.value)
    assert not sprung.exists() and not published_model(NAME).folder.exists()
    torch.load(file, weights_only=False) if save == "torch" else pickle.loads(file.read_bytes())
    assert sprung.exists()  # it is a trap


UNUSED = {
    "salad": ["backbone.model.mask_token"],
    "fol-base": ["backbone.model.mask_token", "upconv.weight", "upconv2.bias"],
    "boq-dinov2": ["backbone.dino.mask_token", "backbone.dino.norm.weight"],
    "supervlad": ["backbone.mask_token"],
    "qaa-8192": [
        "backbone.model.mask_token",
        "aggregator.dust_bin",
        "aggregator.score.norm2_out.weight",
    ],
}


def test_nothing_is_left_out_but_what_is_written_down() -> None:
    boq = on_paper(dinov2("backbone.dino.") | bags(768, 384))
    qaa = on_paper(dinov2("backbone.model.") | codes(768))
    vit = on_paper(dinov2("backbone.model."))
    fol = vit | on_paper(transport("aggregator.", 768, 256, 128, 64, dust_bin=False) | upconvs(768))
    for name, file in (("boq-dinov2", boq), ("qaa-8192", qaa), ("fol-base", fol)):
        fit(name, file)
        fit(name, {key: value for key, value in file.items() if key not in UNUSED[name]})
        for key in ("aggregator.mask_token", "backbone.norm2.weight", "dust_bin"):
            assert f"{key} is not expected" in refusal(name, file | {key: torch.zeros(1)})
    assert "backbone.model.norm.weight is missing" in refusal(
        "qaa-8192", {key: value for key, value in qaa.items() if "model.norm." not in key}
    )


def test_a_count_of_steps_may_be_absent_and_statistics_may_not() -> None:
    file = on_paper(cosplace("r18", 32))
    old = {key: value for key, value in file.items() if not key.endswith("num_batches_tracked")}
    assert int(fit(NAME, old)["backbone.network.bn1.num_batches_tracked"]) == 0
    without = {key: value for key, value in file.items() if not key.endswith("running_var")}
    assert "running_var is missing" in refusal(NAME, without)


def test_half_precision_becomes_single(weights: State, tmp_path: Path) -> None:
    half = {
        key: value.half() if value.is_floating_point() else value for key, value in weights.items()
    }
    state = fit(NAME, half)
    assert state["aggregator.linear.weight"].dtype == torch.float32
