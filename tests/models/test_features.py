"""What stands beside a map: tokens; and position embeddings at other sizes than the trained one."""

import pytest
import timm
import tiny_vit
import torch
from naive_models import positions
from torch import nn

from beenhere.config.models import BackboneConfig
from beenhere.models.backbones import Backbone
from beenhere.models.features import hub_positions

SIZES = [(322, 322), (322, 448), (98, 154), (518, 518), (560, 98)]


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    made: nn.Module = timm.create_model(tiny_vit.tiny_dinov2.__name__, dynamic_img_size=True).eval()
    with torch.no_grad():
        made.get_parameter("pos_embed").normal_()
        made.get_parameter("cls_token").normal_()
    return made


@pytest.mark.parametrize("size", SIZES)
def test_hub_positions_are_a_bicubic_by_hand(size: tuple[int, int]) -> None:
    made, (height, width) = network(), (size[0] // 14, size[1] // 14)
    embedding = made.get_parameter("pos_embed")
    patches = torch.zeros(2, height, width, tiny_vit.WIDTH)
    with torch.inference_mode():
        found = hub_positions(made, patches)
        expected = positions(embedding[:, 1:], height, width)
    torch.testing.assert_close(found[:1, 1:], expected, atol=2e-5, rtol=0)
    torch.testing.assert_close(found[:, :1], (embedding[:, :1] + made.cls_token).expand(2, -1, -1))  # type: ignore[operator]


@pytest.mark.parametrize("size", SIZES)
def test_timms_are_others_but_at_the_trained_size(size: tuple[int, int]) -> None:
    made, (height, width) = network(), (size[0] // 14, size[1] // 14)
    patches = torch.zeros(1, height, width, tiny_vit.WIDTH)
    with torch.inference_mode():
        apart = (hub_positions(made, patches) - made._pos_embed(patches)).abs().max()  # type: ignore[operator]
    assert apart == 0 if size == (518, 518) else apart > 0.05


def test_the_option_decides_and_the_descriptors_of_timms_way_stay() -> None:
    name, images = tiny_vit.tiny_dinov2.__name__, torch.randn(1, 3, 322, 448)
    made = network()
    backbones = [
        Backbone(BackboneConfig(name=name, pretrained=False, pos_embed=way), made.state_dict())
        for way in ("hub", "timm")
    ]
    with torch.inference_mode():
        hub, timms = (backbone.eval()(images) for backbone in backbones)
        plain = made.forward_features(images)[:, 1:]  # type: ignore[operator]
    assert hub.shape == timms.shape == (1, tiny_vit.WIDTH, 23, 32)
    assert torch.equal(timms, plain.transpose(1, 2).reshape(timms.shape))
    assert (hub - timms).abs().max() > 0.01


def test_a_network_in_half_precision_keeps_its_type() -> None:
    made = network().to(torch.bfloat16)
    patches = torch.zeros(1, 23, 23, tiny_vit.WIDTH, dtype=torch.bfloat16)
    assert hub_positions(made, patches).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("name", "registers"),
    [("vit_small_patch16_dinov3.lvd1689m", 4), ("test_vit", 0)],
)
def test_tokens_stand_beside_the_map(name: str, registers: int) -> None:
    """DINOv3 in timm is another class of network than ViT."""
    backbone = Backbone(BackboneConfig(name=name, pretrained=False)).eval()
    with torch.inference_mode():
        images = torch.rand(2, 3, 96, 128)
        found = backbone.features(images)
        torch.testing.assert_close(found.maps, backbone(images))
    channels = backbone.out_channels
    assert found.maps.shape == (2, channels, 6, 8)
    assert found.class_token is not None and found.class_token.shape == (2, channels)
    assert (0 if found.registers is None else found.registers.shape[1]) == registers
    assert found.tokens is None


def test_a_pyramid_has_no_tokens() -> None:
    backbone = Backbone(BackboneConfig(name="test_convnext", pretrained=False)).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        found = backbone.features(images)
        torch.testing.assert_close(found.maps, backbone(images))
    assert found.class_token is None and found.registers is None and found.tokens is None
