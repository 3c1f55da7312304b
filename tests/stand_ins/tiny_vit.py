"""DINOv2's vision transformers in small, as timm models by name: patch 14, trained at 518 px."""

from typing import Any

from timm.models import generate_default_cfgs, register_model
from timm.models.vision_transformer import VisionTransformer, _create_vision_transformer

WIDTH, DEPTH, HEADS = 64, 3, 4

_NATIVE = {
    "input_size": (3, 518, 518),
    "fixed_input_size": True,
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
    "first_conv": "patch_embed.proj",
    "classifier": "head",
}
default_cfgs = generate_default_cfgs({"tiny_dinov2": _NATIVE, "tiny_reg4_dinov2": _NATIVE})


@register_model
def tiny_dinov2(pretrained: bool = False, **options: Any) -> VisionTransformer:
    return _tiny("tiny_dinov2", pretrained, **options)


@register_model
def tiny_reg4_dinov2(pretrained: bool = False, **options: Any) -> VisionTransformer:
    return _tiny("tiny_reg4_dinov2", pretrained, reg_tokens=4, no_embed_class=True, **options)


def _tiny(name: str, pretrained: bool, **options: Any) -> VisionTransformer:
    sizes = {"patch_size": 14, "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS}
    network: VisionTransformer = _create_vision_transformer(
        name, pretrained, img_size=518, init_values=1e-5, num_classes=0, **sizes, **options
    )
    return network
