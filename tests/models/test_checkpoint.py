"""Checkpoints: what is saved is loaded, and nothing else is."""

import os
import pickle
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from safetensors.torch import load_file, save_file

from beenhere.config.models import BUILT_IN, ModelConfig
from beenhere.errors import BeenhereError, ModelError
from beenhere.models import VPRModel, build_model, load_model, read_provenance, save_checkpoint
from beenhere.models.checkpoint import DESCRIPTION, WEIGHTS

OPTIONS = {
    "backbone": {"name": "test_resnet", "pretrained": True, "crop": 1, "freeze": 1},
    "aggregator": {"name": "mixvpr", "out_channels": 8, "out_rows": 2, "depth": 1},
    "preprocessing": {"image_size": [48, 64]},
}


def model(seed: int = 0, **changes: Any) -> VPRModel:
    torch.manual_seed(seed)
    return VPRModel(ModelConfig.model_validate(OPTIONS | changes)).eval()


def photos() -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (2, 3, 80, 100), dtype=torch.uint8, generator=generator)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_checkpoint(model(), tmp_path / "best", {"data": "a set", "recall": {1: 0.5}})
    return tmp_path / "best"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    description = yaml.safe_load((folder / DESCRIPTION).read_text())
    change(description)
    (folder / DESCRIPTION).write_text(yaml.safe_dump(description))


def test_a_loaded_model_is_the_saved_one(saved: Path) -> None:
    loaded = load_model(saved)
    assert torch.equal(loaded(photos()), model()(photos()))
    assert loaded.config == model().config and loaded.config.preprocessing.mean is not None
    assert loaded.fingerprint() == model().fingerprint()
    assert not loaded.training
    assert sorted(path.name for path in saved.parent.iterdir()) == ["best"]
    assert sorted(path.name for path in saved.iterdir()) == [WEIGHTS, DESCRIPTION]


def test_channels_last_weights_come_back(tmp_path: Path) -> None:
    save_checkpoint(model().to(memory_format=torch.channels_last), tmp_path / "x", {})
    assert load_model(tmp_path / "x").fingerprint() == model().fingerprint()


def test_provenance_is_kept_with_versions_and_time(saved: Path) -> None:
    provenance = read_provenance(saved)
    assert provenance["data"] == "a set" and provenance["recall"] == {1: 0.5}
    assert provenance["versions"]["torch"] == str(torch.__version__)
    assert provenance["created"].endswith("+00:00")


def test_a_run_folder_stands_for_its_best_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(model(1), tmp_path / "run" / "checkpoints" / "last", {})
    save_checkpoint(model(2), tmp_path / "run" / "checkpoints" / "best", {})
    assert load_model(str(tmp_path / "run")).fingerprint() == model(2).fingerprint()


def test_offline_lite0_needs_no_file() -> None:
    built = load_model("offline-lite0")
    assert built.descriptor_dim == 112 * 113 // 2 and not built.training
    assert built.preprocessing.target_size(768, 1024) == (320, 427)
    assert built.fingerprint() == load_model("offline-lite0").fingerprint()
    assert built.fingerprint() == build_model(BUILT_IN["offline-lite0"]).fingerprint()
    before = load_model("offline-lite0-gem")
    assert before.descriptor_dim == 112 and before.fingerprint().startswith("f65f9ad6546c6e9a")


def test_saving_again_replaces(saved: Path) -> None:
    save_checkpoint(model(1), saved, {})
    assert load_model(saved).fingerprint() == model(1).fingerprint()
    assert sorted(path.name for path in saved.parent.iterdir()) == ["best"]


def test_others_can_read_what_is_shared(saved: Path) -> None:
    """safetensors makes files that only their owner can read; the umask decides."""
    plain = saved.parent / "plain"
    plain.touch()
    assert {path.stat().st_mode for path in saved.iterdir()} == {plain.stat().st_mode}


def save_and_die(folder: Path, steps: int) -> None:
    """Save in a process of its own that kills itself after some steps on the disk."""

    def die_after(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            nonlocal steps
            result = call(*args, **options)
            steps -= 1
            if steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted

    newer = model(1)
    child = os.fork()
    if child == 0:
        safetensors.torch.save_file = die_after(safetensors.torch.save_file)
        Path.write_bytes = die_after(Path.write_bytes)
        Path.rename = die_after(Path.rename)
        save_checkpoint(newer, folder, {})
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("steps", "left"),
    [(1, 0), (2, 0), (3, 0), (4, 1)],
    ids=["weights written", "description written", "old one renamed", "new one renamed"],
)
def test_a_killed_writer_leaves_the_old_checkpoint_or_the_new(
    saved: Path, steps: int, left: int
) -> None:
    save_and_die(saved, steps)
    assert load_model(saved).fingerprint() == model(left).fingerprint()
    save_checkpoint(model(2), saved, {})
    assert load_model(saved).fingerprint() == model(2).fingerprint()
    assert sorted(path.name for path in saved.parent.iterdir()) == ["best"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_run_whose_writer_was_killed_still_has_its_best(tmp_path: Path) -> None:
    best = tmp_path / "run" / "checkpoints" / "best"
    save_checkpoint(model(0), best, {})
    save_and_die(best, 3)
    assert not best.exists()
    assert load_model(tmp_path / "run").fingerprint() == model(0).fingerprint()


def test_other_things_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    for name in ("photos", "file"):
        with pytest.raises(ModelError, match="holds other things than a checkpoint"):
            save_checkpoint(model(), tmp_path / name, {})
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_a_provenance_that_yaml_cannot_hold_is_refused_and_nothing_is_lost(saved: Path) -> None:
    with pytest.raises(ModelError, match="provenance does not go into YAML"):
        save_checkpoint(model(1), saved, {"path": object()})
    assert load_model(saved).fingerprint() == model(0).fingerprint()


def truncate(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def rename_pickle(folder: Path) -> None:
    torch.save(model().state_dict(), folder / WEIGHTS)


def other_weights(folder: Path) -> None:
    save_file(model(aggregator="gem").state_dict(), folder / WEIGHTS)


def other_shapes(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["aggregator.rows.bias"] = torch.zeros(7)
    save_file(weights, folder / WEIGHTS)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (lambda f: f.rename(f.with_name("gone")), r"best does not exist; .*offline-lite0"),
    "empty folder": (lambda f: [p.unlink() for p in f.iterdir()], r"best holds no model; expected"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), r"model\.safetensors is not there"),
    "no description": (lambda f: (f / DESCRIPTION).unlink(), r"model\.yaml is missing"),
    "truncated weights": (truncate, r"model\.safetensors: not a whole safetensors file"),
    "empty weights": (lambda f: (f / WEIGHTS).write_bytes(b""), r"not a whole safetensors file"),
    "a pickle": (rename_pickle, r"not a whole safetensors file .*of another format"),
    "another model's weights": (
        other_weights,
        r"does not fit model\.yaml: aggregator\.blocks\.0\.mix\.0\.weight is missing, .* more",
    ),
    "other shapes": (other_shapes, r"aggregator\.rows\.bias is \(7,\) and not \(2,\)"),
    "not YAML": (lambda f: (f / DESCRIPTION).write_text("a: [b"), r"model\.yaml: not YAML"),
    "not text": (
        lambda f: (f / DESCRIPTION).write_bytes(b"\xff\xfe\x00"),
        r"model\.yaml: cannot be",
    ),
    "a foreign description": (
        lambda f: (f / DESCRIPTION).write_text("model: resnet"),
        r"model\.yaml: not a model of this program; expected 'format: beenhere-model'",
    ),
    "a newer format": (
        lambda f: edit(f, lambda d: d.update(format_version=2)),
        r"has format version 2; this version of beenhere reads 1 to 1",
    ),
    "no version": (
        lambda f: edit(f, lambda d: d.pop("format_version")),
        r"has format version None",
    ),
    "no architecture": (
        lambda f: edit(f, lambda d: d.pop("architecture")),
        r"has no architecture; expected the model's options",
    ),
    "an unknown aggregator": (
        lambda f: edit(f, lambda d: d["architecture"]["aggregator"].update(name="resnet")),
        r"model\.yaml, architecture: aggregator is 'resnet'; expected one of avg, gem",
    ),
    "an unknown option": (
        lambda f: edit(f, lambda d: d["architecture"]["backbone"].update(cropp=1)),
        r"'backbone\.cropp' is not an option; did you mean 'crop'\?",
    ),
    "an unknown backbone": (
        lambda f: edit(f, lambda d: d["architecture"]["backbone"].update(name="resnet81")),
        r"timm does not know",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_checkpoint_is_named_in_one_line(case: str, saved: Path) -> None:
    break_it, message = BROKEN[case]
    break_it(saved)
    with pytest.raises(BeenhereError, match=message) as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.pth", "model.pt", "last.ckpt"])
def test_a_pickled_file_is_not_read_and_the_way_round_is_named(name: str, tmp_path: Path) -> None:
    torch.save(model().state_dict(), tmp_path / name)
    with pytest.raises(ModelError, match=r"model import .* --as NAME .*beenhere\.wrap"):
        load_model(tmp_path / name)


def test_a_part_of_a_checkpoint_names_its_folder(saved: Path) -> None:
    for part in (WEIGHTS, DESCRIPTION):
        with pytest.raises(ModelError, match=f"give its folder, {saved}"):
            load_model(saved / part)


def test_flips_and_cuts_are_errors_or_change_nothing(saved: Path) -> None:
    right, random = load_model(saved)(photos()), np.random.default_rng(3)
    for turn in range(40):
        path = saved / (WEIGHTS, DESCRIPTION)[turn % 2]
        whole = path.read_bytes()
        data = bytearray(whole)
        at = int(random.integers(len(data)))
        if turn < 30:
            data[at] ^= 1 << int(random.integers(8))
        else:
            del data[at:]
        path.write_bytes(data)
        try:
            assert torch.equal(load_model(saved)(photos()), right), (path, at)
        except BeenhereError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000
        path.write_bytes(whole)


def test_weights_that_changed_are_refused_and_old_checkpoints_are_read(saved: Path) -> None:
    data = bytearray((saved / WEIGHTS).read_bytes())
    data[-3] ^= 1
    (saved / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelError, match="best is damaged: its weights or options are not those"):
        load_model(saved)
    edit(saved, lambda description: description.pop("sha256"))
    assert load_model(saved).descriptor_dim == 16


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessing": {"image_size": [100_000, 100_000]}},
        {"preprocessing": {"image_size": [0, 64]}},
        {"aggregator": {"name": "mixvpr", "depth": 10**9}},
        {"aggregator": {"name": "mixvpr", "out_channels": 10**12}},
        {"aggregator": {"name": "sqrt_cov", "out_dim": 10**12}},
    ],
    ids=str,
)
def test_sizes_that_no_machine_holds_are_refused(saved: Path, change: dict[str, Any]) -> None:
    edit(saved, lambda description: description["architecture"].update(change))
    with pytest.raises(BeenhereError, match=r"(less|greater) than or equal to"):
        load_model(saved)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"preprocessing": {"image_size": [8192, 8192]}}, "does not fit model.yaml"),
        ({"aggregator": {"name": "cosplace", "out_dim": 65_536}}, "does not fit model.yaml"),
        ({"aggregator": {"name": "avg", "out_dim": 65_536}}, "does not fit model.yaml"),
    ],
    ids=str,
)
def test_options_take_no_more_memory_than_the_weights(
    saved: Path, change: dict[str, Any], why: str
) -> None:
    edit(saved, lambda description: description["architecture"].update(change))
    with pytest.raises(ModelError, match=why):
        load_model(saved)


def test_a_descriptor_that_no_machine_holds_is_refused(tmp_path: Path) -> None:
    small = {"name": "convap", "out_channels": 8}
    save_checkpoint(model(aggregator=small), tmp_path / "x", {})
    large = {"aggregator": small | {"s1": 65_536, "s2": 65_536}}
    edit(tmp_path / "x", lambda description: description["architecture"].update(large))
    with pytest.raises(ModelError, match="descriptors have 34,359,738,368 numbers; expected"):
        load_model(tmp_path / "x")


def test_no_code_in_a_checkpoint_is_run(saved: Path) -> None:
    proof = saved.parent / "proof"
    code = f"!!python/object/apply:os.mkdir ['{proof}']"
    (saved / DESCRIPTION).write_text(f"format: beenhere-model\nprovenance: {code}\n")
    with pytest.raises(BeenhereError, match="not YAML"):
        load_model(saved)

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(proof),)

    shutil.rmtree(saved)
    save_checkpoint(model(), saved, {})
    (saved / WEIGHTS).write_bytes(pickle.dumps(Payload()))
    with pytest.raises(BeenhereError, match="not a whole safetensors file"):
        load_model(saved)
    assert not proof.exists()


def test_loading_does_not_ask_the_hub(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert yaml.safe_load((saved / DESCRIPTION).read_text())["architecture"]["backbone"][
        "pretrained"
    ]
    ask = "beenhere.models.model.pretrained_weights"
    monkeypatch.setattr(ask, lambda *_: pytest.fail("asked for pretrained weights"))
    load_model(saved)
