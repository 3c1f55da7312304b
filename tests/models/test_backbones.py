"""Backbones: what is cropped is gone, what is frozen stays, and the rest is timm's own."""

import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from beenhere.config.models import BackboneConfig
from beenhere.errors import ModelError
from beenhere.models.backbones import Backbone, create_network

RESNET, LITE, CONVNEXT = "resnet18", "tf_efficientnet_lite0", "convnext_atto"
VIT, DINO = "vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2"


def backbone(name: str, *, crop: int = 0, freeze: int | None = None) -> Backbone:
    torch.manual_seed(0)
    built = Backbone(BackboneConfig(name=name, pretrained=False, crop=crop, freeze=freeze))
    with torch.no_grad():
        for module in built.modules():  # statistics that differ from the start's 0 and 1
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return built.eval()


def whole_network(built: Backbone, name: str, **options: object) -> nn.Module:
    """timm's network with the backbone's weights; those of what was cropped stay random."""
    network = timm.create_model(name, **options)
    network.load_state_dict(built.network.state_dict(), strict=False)
    return network.eval()


def images(height: int, width: int) -> torch.Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [RESNET, LITE, CONVNEXT])
def test_uncropped_maps_are_timms_features(name: str) -> None:
    built = backbone(name)
    expected = whole_network(built, name).forward_features(images(64, 96))
    got = built(images(64, 96))
    assert got.shape == (2, built.out_channels, 2, 3) and built.stride == 32
    torch.testing.assert_close(got, expected, atol=0, rtol=0)


@pytest.mark.parametrize(("name", "patch", "prefix"), [(VIT, 16, 1), (DINO, 14, 5)])
def test_tokens_are_folded_row_by_row(name: str, patch: int, prefix: int) -> None:
    built = backbone(name)
    pixels = images(2 * patch, 3 * patch)
    tokens = whole_network(built, name, dynamic_img_size=True).forward_features(pixels)
    got = built(pixels)
    assert got.shape == (2, built.out_channels, 2, 3) and built.stride == patch
    for row in range(2):
        for column in range(3):
            expected = tokens[:, prefix + row * 3 + column]
            torch.testing.assert_close(got[:, :, row, column], expected, atol=0, rtol=0)


def test_channels_last_networks_give_channels_first() -> None:
    built = backbone("test_mambaout")
    expected = whole_network(built, "test_mambaout").forward_features(images(64, 96))
    assert expected.shape == (2, 2, 3, built.out_channels)
    torch.testing.assert_close(built(images(64, 96)), expected.permute(0, 3, 1, 2), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("name", "crop", "last", "channels", "stride"),
    [
        (RESNET, 1, "layer3", 256, 16),
        (RESNET, 2, "layer2", 128, 8),
        (LITE, 1, "blocks.4", 112, 16),
        (LITE, 3, "blocks.1", 24, 4),
        (CONVNEXT, 2, "stages.1", 80, 8),
    ],
)
def test_cropped_pyramids_end_after_a_stage(
    name: str, crop: int, last: str, channels: int, stride: int
) -> None:
    built = backbone(name, crop=crop)
    network, outputs = whole_network(built, name), []
    network.get_submodule(last).register_forward_hook(lambda _m, _i, out: outputs.append(out))
    network(images(64, 96))
    got = built(images(64, 96))
    assert got.shape == (2, channels, 64 // stride, 96 // stride)
    assert (built.out_channels, built.stride) == (channels, stride)
    torch.testing.assert_close(got, outputs[0], atol=0, rtol=0)


def test_cropped_transformers_end_after_a_block_without_norm() -> None:
    built = backbone(VIT, crop=9)
    network = whole_network(built, VIT, dynamic_img_size=True)
    tokens = network._pos_embed(network.patch_embed(images(32, 48)))
    for block in network.blocks[:3]:
        tokens = block(tokens)
    expected = tokens[:, 1:].transpose(1, 2).reshape(2, 192, 2, 3)
    torch.testing.assert_close(built(images(32, 48)), expected, atol=1e-6, rtol=1e-5)
    assert "network.norm.weight" not in built.state_dict()


@pytest.mark.parametrize(
    ("name", "crop", "gone"),
    [
        (RESNET, 0, ["fc"]),
        (RESNET, 1, ["layer4", "fc"]),
        (RESNET, 2, ["layer3", "layer4", "fc"]),
        (LITE, 0, ["classifier"]),
        (LITE, 1, ["blocks.5", "blocks.6", "conv_head", "bn2", "classifier"]),
        (CONVNEXT, 0, ["head"]),
        (CONVNEXT, 1, ["stages.3", "norm_pre", "head"]),
        (VIT, 0, ["head"]),
        (VIT, 2, ["blocks.10", "blocks.11", "norm", "head"]),
    ],
)
def test_what_is_removed_is_neither_there_nor_computed(
    name: str, crop: int, gone: list[str]
) -> None:
    built, whole = backbone(name, crop=crop), create_network(name)
    prefixes = tuple(f"{part}." for part in gone)
    assert set(built.network.state_dict()) == {
        key for key in whole.state_dict() if not key.startswith(prefixes)
    }
    pixels = (
        images(32, 64) if built.sizes.multiple == 1 else images(*[built.sizes.multiple * 2] * 2)
    )
    with FlopCounterMode(display=False, depth=9) as all_of_it:
        whole.eval()(pixels)
    with FlopCounterMode(display=False, depth=9) as what_is_left:
        built(pixels)
    counts = all_of_it.get_flop_counts()
    removed = sum(sum(counts.get(f"{type(whole).__name__}.{part}", {}).values()) for part in gone)
    assert removed > 0
    assert what_is_left.get_total_flops() == all_of_it.get_total_flops() - removed


@pytest.mark.parametrize(
    ("name", "freeze", "frozen"),
    [
        (RESNET, 0, ["conv1", "bn1"]),
        (RESNET, 1, ["conv1", "bn1", "layer1"]),
        (RESNET, 3, ["conv1", "bn1", "layer1", "layer2", "layer3"]),
        (LITE, 0, ["conv_stem", "bn1", "blocks.0"]),
        (LITE, 3, ["conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2", "blocks.3", "blocks.4"]),
        (CONVNEXT, 0, ["stem"]),
        (CONVNEXT, 2, ["stem", "stages.0", "stages.1"]),
        (VIT, 0, ["cls_token", "pos_embed", "patch_embed"]),
        ("test_vit", 2, ["cls_token", "pos_embed", "patch_embed", "blocks.0", "blocks.1"]),
    ],
)
def test_nothing_frozen_moves_and_all_else_does(name: str, freeze: int, frozen: list[str]) -> None:
    built = backbone(name, freeze=freeze).eval().train()
    before = {key: value.clone() for key, value in built.network.state_dict().items()}
    trained = [p for p in built.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1, weight_decay=0.1, momentum=0.9)
    for _ in range(2):
        maps = built(images(64, 96))
        (maps * torch.randn(maps.shape)).mean().backward()
        optimizer.step()
    moved = {
        key for key, value in built.network.state_dict().items() if (value != before[key]).any()
    }
    expected = {
        key
        for key in before
        if not any(key == part or key.startswith(f"{part}.") for part in frozen)
    }
    biases = {key for key in expected if key.endswith("attn.qkv.bias")}
    assert moved | biases == expected  # batch norm's buffers are among them
    assert moved >= expected - biases


def test_freezing_everything_kept_records_no_graph() -> None:
    built = backbone(RESNET, crop=2, freeze=2).train()
    assert not built(images(64, 64)).requires_grad
    norms = [module for module in built.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms)


def test_the_frozen_part_records_no_graph() -> None:
    built = backbone(RESNET, freeze=2).train()
    recorded = {}
    for part in ("layer2", "layer3"):
        module = built.network.get_submodule(part)
        module.register_forward_hook(
            lambda _m, _i, output, part=part: recorded.update({part: output.requires_grad})
        )
    built(images(64, 64))
    assert recorded == {"layer2": False, "layer3": True}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (RESNET, {"crop": 4}, r"crop is 4; resnet18 has 4 stages: expected 0 to 3"),
        (
            RESNET,
            {"freeze": 5},
            r"freeze is 5; of resnet18's 4 stages 4 are kept: expected -4 to 4",
        ),
        (RESNET, {"crop": 2, "freeze": 3}, r"2 are kept: expected -2 to 2"),
        (VIT, {"crop": 12}, r"has 12 stages: expected 0 to 11"),
        ("resnet81", {}, r"'resnet81', which timm does not know; did you mean .*resnet18"),
        ("qqqqqqqq", {}, r"timm\.list_models\(\) names them"),
        ("resnet18.tv_in2k", {}, r"timm knows .*resnet18\.tv_in1k"),
        ("hf-hub:someone/model", {}, r"timm does not know"),
    ],
)
def test_options_that_cannot_be_are_named(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        Backbone(BackboneConfig(name=name, pretrained=False, **options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        (DINO, (30, 56), r"30 x 56 pixels.* multiples of 14: .*nearest \[28, 56\]"),
        (VIT, (5, 100), r"nearest \[16, 96\]"),
        (CONVNEXT, (20, 64), r"32 x 32 or more"),
        ("mixer_s32_224", (256, 224), r"takes 224 x 224 alone"),
    ],
)
def test_sizes_that_cannot_be_are_named(name: str, size: tuple[int, int], message: str) -> None:
    built = backbone(name)
    with pytest.raises(ModelError, match=message):
        built(images(*size))
    with pytest.raises(ModelError, match=message):
        built.map_size(*size)


@pytest.mark.parametrize(
    ("name", "crop", "size"),
    [(RESNET, 1, (65, 97)), (LITE, 1, (101, 75)), (CONVNEXT, 0, (70, 50)), (VIT, 6, (48, 32))],
)
def test_the_foretold_map_size_is_the_computed_one(
    name: str, crop: int, size: tuple[int, int]
) -> None:
    built = backbone(name, crop=crop)
    assert tuple(built(images(*size)).shape[2:]) == built.map_size(*size)


def test_networks_that_cache_in_evaluation_mode_still_run() -> None:
    built = backbone("levit_128s")
    assert built.map_size(224, 224) == (4, 4)
    assert built(images(224, 224)).shape[2:] == (4, 4)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_channels_last_and_compiled_are_the_same(name: str) -> None:
    built = backbone(name, crop=1)
    expected = built(images(64, 96))
    last = built.to(memory_format=torch.channels_last)
    pixels = images(64, 96).to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(pixels), expected, atol=1e-4, rtol=1e-4)
    compiled = torch.compile(built, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(pixels), expected, atol=1e-4, rtol=1e-4)
