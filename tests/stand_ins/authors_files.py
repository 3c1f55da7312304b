"""The files that authors of published models hand out: names and shapes as they have them.

Sizes are arguments, so that a test can have the same file of a tiny network.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import scipy.io
import torch

Shapes = dict[str, tuple[int, ...]]
State = dict[str, torch.Tensor]

BOTTLENECKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Numbers of the convolutions in torchvision's ``features``."""
BLOCKS_OF_VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

PLAIN = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
NUMBERED = ("0", "1", "4", "5", "6", "7")
"""The parts of a ResNet by name, and as children of a Sequential."""


def layer(name: str, *shape: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})


def batch_norm(name: str, channels: int) -> Shapes:
    statistics: Shapes = {f"{name}.{one}": (channels,) for one in ("running_mean", "running_var")}
    return layer(name, channels) | statistics | {f"{name}.num_batches_tracked": ()}


def resnet(prefix: str, names: Sequence[str], depth: int, stages: int = 4) -> Shapes:
    conv, norm, *layers = (f"{prefix}{name}" for name in names)
    shapes = layer(conv, 64, 3, 7, 7, bias=False) | batch_norm(norm, 64)
    wide = 1 if depth == 18 else 4
    counts, channels = BOTTLENECKS.get(depth, (2, 2, 2, 2)), 64
    for stage in range(stages):
        width = 64 << stage
        out = width * wide
        for number in range(counts[stage]):
            block = f"{layers[stage]}.{number}"
            kernels = ((width, channels, 3), (width, width, 3))
            if wide == 4:
                kernels = ((width, channels, 1), (width, width, 3), (out, width, 1))  # type: ignore[assignment]
            for i, (outs, ins, side) in enumerate(kernels, 1):
                shapes |= layer(f"{block}.conv{i}", outs, ins, side, side, bias=False)
                shapes |= batch_norm(f"{block}.bn{i}", outs)
            if channels != out:
                shapes |= layer(f"{block}.downsample.0", out, channels, 1, 1, bias=False)
                shapes |= batch_norm(f"{block}.downsample.1", out)
            channels = out
    return shapes


def vgg16(prefix: str) -> Shapes:
    shapes, channels, numbers = Shapes(), 3, iter(VGG16)
    for width, count in BLOCKS_OF_VGG16:
        for _ in range(count):
            shapes |= layer(f"{prefix}{next(numbers)}", width, channels, 3, 3)
            channels = width
    return shapes


def dinov2(
    prefix: str,
    width: int = 768,
    depth: int = 12,
    registers: int = 0,
    mask: bool = True,
    norm: bool = True,
) -> Shapes:
    shapes: Shapes = {
        f"{prefix}cls_token": (1, 1, width),
        f"{prefix}pos_embed": (1, 37 * 37 + 1, width),
    }
    if registers:
        shapes[f"{prefix}register_tokens"] = (1, registers, width)
    if mask:
        shapes[f"{prefix}mask_token"] = (1, width)
    shapes |= layer(f"{prefix}patch_embed.proj", width, 3, 14, 14)
    for number in range(depth):
        block = f"{prefix}blocks.{number}"
        shapes |= layer(f"{block}.norm1", width) | layer(f"{block}.norm2", width)
        shapes |= layer(f"{block}.attn.qkv", 3 * width, width)
        shapes |= layer(f"{block}.attn.proj", width, width)
        shapes |= layer(f"{block}.mlp.fc1", 4 * width, width)
        shapes |= layer(f"{block}.mlp.fc2", width, 4 * width)
        shapes |= {f"{block}.ls{i}.gamma": (width,) for i in (1, 2)}
    return shapes | (layer(f"{prefix}norm", width) if norm else {})


def attention(name: str, dim: int) -> Shapes:
    return {
        f"{name}.in_proj_weight": (3 * dim, dim),
        f"{name}.in_proj_bias": (3 * dim,),
    } | layer(f"{name}.out_proj", dim, dim)


def mixer(positions: int, channels: int, out: int, rows: int, depth: int) -> Shapes:
    shapes = Shapes()
    for number in range(depth):
        block = f"aggregator.mix.{number}.mix"
        shapes |= layer(f"{block}.0", positions)
        shapes |= layer(f"{block}.1", positions, positions)
        shapes |= layer(f"{block}.3", positions, positions)
    shapes |= layer("aggregator.channel_proj", out, channels)
    return shapes | layer("aggregator.row_proj", rows, positions)


def transport(
    prefix: str,
    width: int,
    token: int,
    dim: int,
    clusters: int,
    hidden: int = 512,
    dust_bin: bool = True,
) -> Shapes:
    shapes: Shapes = {f"{prefix}dust_bin": ()} if dust_bin else {}
    shapes |= layer(f"{prefix}token_features.0", hidden, width)
    shapes |= layer(f"{prefix}token_features.2", token, hidden)
    for name, out in (("cluster_features", dim), ("score", clusters)):
        shapes |= layer(f"{prefix}{name}.0", hidden, width, 1, 1)
        shapes |= layer(f"{prefix}{name}.3", out, hidden, 1, 1)
    return shapes


def upconvs(width: int) -> Shapes:
    """Of FoL's second stage."""
    return {
        "upconv.weight": (width, 256, 3, 3),
        "upconv.bias": (256,),
        "upconv2.weight": (256, 128, 3, 3),
        "upconv2.bias": (128,),
    }


def bags(channels: int, dim: int, queries: int = 64, layers: int = 2, rows: int = 32) -> Shapes:
    shapes = layer("aggregator.proj_c", dim, channels, 3, 3) | layer("aggregator.norm_input", dim)
    for number in range(layers):
        bag = f"aggregator.boqs.{number}"
        shapes[f"{bag}.queries"] = (1, queries, dim)
        shapes |= attention(f"{bag}.encoder.self_attn", dim)
        shapes |= layer(f"{bag}.encoder.linear1", 4 * dim, dim)
        shapes |= layer(f"{bag}.encoder.linear2", dim, 4 * dim)
        shapes |= layer(f"{bag}.encoder.norm1", dim) | layer(f"{bag}.encoder.norm2", dim)
        shapes |= attention(f"{bag}.self_attn", dim) | attention(f"{bag}.cross_attn", dim)
        shapes |= layer(f"{bag}.norm_q", dim) | layer(f"{bag}.norm_out", dim)
    return shapes | layer("aggregator.fc", rows, layers * queries)


def codes(width: int, queries: int = 256, dim: int = 128, clusters: int = 64) -> Shapes:
    shapes: Shapes = {"aggregator.dust_bin": ()}
    for name, size in (("queries_feature", dim), ("queries_score", width)):
        shapes[f"aggregator.{name}.queries"] = (1, queries, size)
        shapes |= attention(f"aggregator.{name}.self_attn", size)
        shapes |= layer(f"aggregator.{name}.norm_q", size)
    shapes |= attention("aggregator.score.cross_attn", width)
    shapes |= layer("aggregator.score.norm_out", width)
    shapes |= layer("aggregator.score.conv", clusters, width, 1)
    return shapes | layer("aggregator.score.norm2_out", clusters)


def gem_and_linear(channels: int, out: int) -> Shapes:
    return {"aggregation.1.p": (1,)} | layer("aggregation.3", out, channels)


def cosplace(backbone: str, out: int) -> Shapes:
    """Of CosPlace and EigenPlaces; ``backbone`` is such as ``r101``, or ``vgg16``."""
    if backbone == "vgg16":
        return vgg16("backbone.") | gem_and_linear(512, out)
    depth = int(backbone[1:])
    channels = 512 if depth == 18 else 2048
    return resnet("backbone.", NUMBERED, depth) | gem_and_linear(channels, out)


def patch_netvlad(clusters: int, out: int) -> Shapes:
    pool: Shapes = {"pool.conv.weight": (clusters, 512, 1, 1), "pool.centroids": (clusters, 512)}
    return vgg16("encoder.") | pool | layer("WPCA.0", out, clusters * 512, 1, 1)


def matconvnet(clusters: int, out: int) -> Shapes:
    """hloc's NetVLAD; names are ``layers.N.weights.I``."""
    shapes = Shapes()
    for name, shape in vgg16("layers.").items():
        number, kind = name.split(".")[1:]
        turned = (3, 3, shape[1], shape[0]) if kind == "weight" else shape
        shapes[f"layers.{number}.weights.{int(kind == 'bias')}"] = turned
    shapes |= {f"layers.30.weights.{i}": (512, clusters) for i in (0, 1)}
    return shapes | {
        "layers.33.weights.0": (1, 1, clusters * 512, out),
        "layers.33.weights.1": (out,),
    }


# What follows an L2 norm gets inputs so small that usual weights would leave the biases alone.
ON_UNIT_VECTORS = {
    **dict.fromkeys(("pool.conv.weight", "layers.30.weights.0", "aggregation.conv.weight"), 3.0),
    **dict.fromkeys(("pool.centroids", "layers.30.weights.1"), 0.05),
    **dict.fromkeys(("WPCA.0.weight", "layers.33.weights.0", "aggregation.3.weight"), 1.0),
    "aggregator.linear.weight": 1.0,
}


def filled(shapes: Shapes, seed: int = 0) -> State:
    """Random numbers of a size that keeps activations near 1; nothing is at its start."""
    generator = torch.Generator().manual_seed(seed)

    def number(name: str, shape: tuple[int, ...]) -> torch.Tensor:
        def normal(scale: float) -> torch.Tensor:
            return scale * torch.randn(shape, generator=generator)

        if name.endswith("num_batches_tracked"):
            return torch.tensor(1234)
        last = name.rpartition(".")[2]
        if last == "p":
            return torch.full(shape, 2.6)
        if last == "running_var" or last == "gamma" or (last == "weight" and len(shape) == 1):
            return 0.5 + torch.rand(shape, generator=generator)
        if name in ON_UNIT_VECTORS:
            return normal(ON_UNIT_VECTORS[name])
        if name.endswith(".score.3.weight"):  # else one step of the transport would be enough
            return normal(1.0)
        if last in ("weight", "in_proj_weight"):
            return normal((2 / max(1, int(np.prod(shape[1:])))) ** 0.5)
        if last == "0" and len(shape) == 4 and name.startswith("layers."):  # (h, w, in, out)
            return normal((2 / int(np.prod(shape[:3]))) ** 0.5)
        return normal(0.3)

    return {name: number(name, shape) for name, shape in shapes.items()}


def write(state: State, file: Path, wrap: str = "", prefix: str = "", **beside: Any) -> Path:
    """A file of tensors, by its ending; in torch's they may stand under a key, with others beside.

    NumPy's are named as NumPy 1 named them, with which these files were written.

    Args:
        wrap: the key.
        prefix: before every name.
    """
    named = {f"{prefix}{name}": value for name, value in state.items()}
    if file.suffix == ".safetensors":
        safetensors.torch.save_file(named, file)
        return file
    torch.save({wrap: named, **beside} if wrap else named, file)
    if any(isinstance(value, np.ndarray | np.generic) for value in beside.values()):
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data.replace(b"cnumpy._core.", b"cnumpy.core."))
    return file


def write_matconvnet(state: State, file: Path, colour: Sequence[float]) -> Path:
    """A ``.mat`` with cells of structs, as MatConvNet writes them; also layers without weights."""
    layers = np.empty((1, 35), object)
    for number in range(35):
        layers[0, number] = {"type": "relu", "name": f"layer{number}"}
        weights = np.empty((1, 2), object)
        for i in (0, 1):
            value = state.get(f"layers.{number}.weights.{i}")
            if value is not None:
                one = value.numpy()
                weights[0, i] = one[:, None] if one.ndim == 1 else one
                layers[0, number]["weights"] = weights
    mean = np.broadcast_to(np.array(colour, np.float32), (224, 224, 3))
    net = {"layers": layers, "meta": {"normalization": {"averageImage": mean}}}
    scipy.io.savemat(file, {"net": net})
    return file
