"""Published models from their papers' equations, on the names of the authors' files.

Nothing of this package is in them. ``w`` are the tensors of a file, ``x`` normalised images
``(B, 3, H, W)``, maps are ``(B, C, h, w)``.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from authors_files import VGG16, State

Tensor = torch.Tensor


def batch_norm(w: State, name: str, x: Tensor) -> Tensor:
    mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    scale = w[f"{name}.weight"] / torch.sqrt(var + 1e-5)
    shift = w[f"{name}.bias"] - mean * scale
    return x * scale[:, None, None] + shift[:, None, None]


def resnet(w: State, prefix: str, names: Sequence[str], x: Tensor) -> Tensor:
    """He et al., 2016, with the stride in the 3 x 3 convolution, as torchvision has it."""
    conv, norm, *stages = (f"{prefix}{name}" for name in names)
    x = F.conv2d(x, w[f"{conv}.weight"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(batch_norm(w, norm, x)), 3, stride=2, padding=1)
    for number, stage in enumerate(stages):
        block = 0
        while f"{stage}.{block}.conv1.weight" in w:
            x = _block(w, f"{stage}.{block}", x, 2 if number and not block else 1)
            block += 1
    return x


def _block(w: State, name: str, x: Tensor, stride: int) -> Tensor:
    skip, last = x, 3 if f"{name}.conv3.weight" in w else 2
    if f"{name}.downsample.0.weight" in w:
        skip = F.conv2d(x, w[f"{name}.downsample.0.weight"], stride=stride)
        skip = batch_norm(w, f"{name}.downsample.1", skip)
    strided = last - 1  # conv2 of a bottleneck, conv1 of a basic block
    for i in range(1, last + 1):
        kernel = w[f"{name}.conv{i}.weight"]
        step, pad = (stride if i == strided else 1), kernel.shape[-1] // 2
        x = batch_norm(w, f"{name}.bn{i}", F.conv2d(x, kernel, stride=step, padding=pad))
        x = F.relu(x + skip if i == last else x)
    return x


def vgg16(w: State, prefix: str, x: Tensor) -> Tensor:
    """To the last convolution, without the ReLU and the pooling behind it."""
    for number in VGG16:
        if number in (5, 10, 17, 24):
            x = F.max_pool2d(x, 2)
        x = F.conv2d(x, w[f"{prefix}{number}.weight"], w[f"{prefix}{number}.bias"], padding=1)
        x = F.relu(x) if number != VGG16[-1] else x
    return x


def linear(w: State, name: str, x: Tensor) -> Tensor:
    """``(..., in) -> (..., out)``; of a 1 x 1 convolution too."""
    return x @ w[f"{name}.weight"].flatten(1).T + w[f"{name}.bias"]


def layer_norm(w: State, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    normal = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + eps)
    return normal * w[f"{name}.weight"] + w[f"{name}.bias"]


def unit(x: Tensor, dim: int = 1) -> Tensor:
    return x / x.square().sum(dim, keepdim=True).sqrt()


def heads_of(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Scaled dot products of each head by itself; ``(B, n, d)``."""
    size, outs = q.shape[-1] // heads, []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[..., part] @ k[..., part].transpose(-1, -2) / math.sqrt(size)
        outs.append(torch.softmax(scores, -1) @ v[..., part])
    return torch.cat(outs, -1)


def cubic(side: int, trained: int, scale: float) -> Tensor:
    """``(side, trained)`` weights of bicubic interpolation, a = -0.75, borders repeated."""
    rows = torch.zeros(side, trained, dtype=torch.float64)
    a = -0.75
    for i in range(side):
        at = (i + 0.5) / scale - 0.5
        first = math.floor(at)
        for tap in range(first - 1, first + 3):
            far = abs(at - tap)
            near = (a + 2) * far**3 - (a + 3) * far**2 + 1
            wide = a * far**3 - 5 * a * far**2 + 8 * a * far - 4 * a
            rows[i, min(max(tap, 0), trained - 1)] += near if far <= 1 else wide
    return rows


def positions(embedding: Tensor, height: int, width: int) -> Tensor:
    """DINOv2's own: ``(1, 37 * 37, C)`` brought to ``(1, height * width, C)``, offset 0.1."""
    if (height, width) == (37, 37):
        return embedding
    grid = embedding.double().reshape(37, 37, -1)
    down, across = (cubic(side, 37, (side + 0.1) / 37) for side in (height, width))
    return torch.einsum("hi,wj,ijc->hwc", down, across, grid).flatten(0, 1)[None].float()


def dinov2(
    w: State,
    prefix: str,
    x: Tensor,
    heads: int,
    finish: bool = True,
    learnt: Tensor | None = None,
    before: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Oquab et al., 2023: the learnt tokens, the class token and the map."""
    x = F.conv2d(x, w[f"{prefix}patch_embed.proj.weight"], w[f"{prefix}patch_embed.proj.bias"], 14)
    height, width = x.shape[2:]
    embedding = w[f"{prefix}pos_embed"]
    x = x.flatten(2).transpose(1, 2) + positions(embedding[:, 1:], height, width)
    front = [w[f"{prefix}cls_token"] + embedding[:, :1]]
    if f"{prefix}register_tokens" in w:
        front.append(w[f"{prefix}register_tokens"])
    x = torch.cat([*(token.expand(len(x), -1, -1) for token in front), x], 1)
    number = 0
    while f"{prefix}blocks.{number}.norm1.weight" in w:
        if learnt is not None and number == before:
            x = torch.cat([learnt.expand(len(x), -1, -1), x], 1)
        block = f"{prefix}blocks.{number}"
        normed = layer_norm(w, f"{block}.norm1", x, 1e-6)
        q, k, v = linear(w, f"{block}.attn.qkv", normed).chunk(3, -1)
        seen = linear(w, f"{block}.attn.proj", heads_of(q, k, v, heads))
        x = x + w[f"{block}.ls1.gamma"] * seen
        inner = linear(w, f"{block}.mlp.fc1", layer_norm(w, f"{block}.norm2", x, 1e-6))
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        x = x + w[f"{block}.ls2.gamma"] * linear(w, f"{block}.mlp.fc2", inner)
        number += 1
    if finish:
        x = layer_norm(w, f"{prefix}norm", x, 1e-6)
    count = 0 if learnt is None else learnt.shape[1]
    patches = x[:, -height * width :].transpose(1, 2).reshape(len(x), -1, height, width)
    return x[:, :count], x[:, count], patches


def gem_and_linear(w: State, maps: Tensor) -> Tensor:
    """Berton et al., 2022."""
    p = w["aggregation.1.p"]
    pooled = unit(maps).clamp(min=1e-6).pow(p).mean((2, 3)).pow(1 / p)
    return unit(linear(w, "aggregation.3", pooled))


def convap(w: State, maps: Tensor) -> Tensor:
    """Ali-bey et al., 2022; on maps of even sides."""
    pooled = linear(w, "aggregator.channel_pool", maps.permute(0, 2, 3, 1))
    rows, columns = (side // 2 for side in maps.shape[2:])
    cells = [
        pooled[:, i * rows : (i + 1) * rows, j * columns : (j + 1) * columns].mean((1, 2))
        for i in (0, 1)
        for j in (0, 1)
    ]
    return unit(torch.stack(cells, 2).flatten(1))


def mixvpr(w: State, maps: Tensor) -> Tensor:
    """Ali-bey et al., 2023, equations 1 to 5."""
    x, number = maps.flatten(2), 0
    while f"aggregator.mix.{number}.mix.0.weight" in w:
        block = f"aggregator.mix.{number}.mix"
        hidden = linear(w, f"{block}.1", layer_norm(w, f"{block}.0", x))
        x = x + linear(w, f"{block}.3", hidden.clamp(min=0))
        number += 1
    x = linear(w, "aggregator.channel_proj", x.transpose(1, 2)).transpose(1, 2)
    return unit(linear(w, "aggregator.row_proj", x).flatten(1))


def salad(w: State, prefix: str, token: Tensor, maps: Tensor, bins: Tensor | None = None) -> Tensor:
    """Izquierdo and Civera, 2024: Sinkhorn's algorithm on masses themselves, in float64."""
    local = maps.flatten(2).transpose(1, 2)

    def mlp(name: str, last: int, x: Tensor) -> Tensor:
        return linear(w, f"{prefix}{name}.{last}", linear(w, f"{prefix}{name}.0", x).clamp(min=0))

    features, scores = mlp("cluster_features", 3, local), mlp("score", 3, local).double()
    count, clusters = scores.shape[1:]
    if bins is None:
        bins = w[f"{prefix}dust_bin"].expand(len(scores), count)
    bins = bins.double()[:, :, None]
    kernel = torch.exp(torch.cat([scores, bins], 2))  # (B, n, m + 1)
    mass = torch.ones(clusters + 1, dtype=torch.float64)
    mass[-1] = count - clusters
    by_feature = torch.ones(len(scores), count, 1, dtype=torch.float64)
    for _ in range(3):
        by_cluster = mass / (kernel * by_feature).sum(1)
        by_feature = 1 / (kernel * by_cluster[:, None]).sum(2, keepdim=True)
    plan = (kernel * by_feature * by_cluster[:, None])[..., :-1].float()
    sums = unit(torch.einsum("bnl,bnk->blk", features, plan), 1).flatten(1)
    return unit(torch.cat([unit(mlp("token_features", 2, token)), sums], 1))


def fol(w: State, x: Tensor, heads: int) -> Tensor:
    """Wang et al., 2025: the bins' scores are 1 - what the last block's class token attends to."""
    before = {
        name: value
        for name, value in w.items()
        if name.split(".")[:4] != ["backbone", "model", "blocks", str(last_block(w))]
    }
    _, token, maps = dinov2(before, "backbone.model.", x, heads, finish=False)
    tokens = torch.cat([token[:, None], maps.flatten(2).transpose(1, 2)], 1)
    block = f"backbone.model.blocks.{last_block(w)}"
    q, k, _ = linear(w, f"{block}.attn.qkv", layer_norm(w, f"{block}.norm1", tokens, 1e-6)).chunk(
        3, -1
    )
    size, seen = q.shape[-1] // heads, torch.zeros(tokens.shape[:2])
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = torch.einsum("bd,bnd->bn", q[:, 0, part], k[..., part]) / math.sqrt(size)
        seen += torch.softmax(scores, 1)
    seen = seen[:, 1:]
    assert 0 < (seen < 0.01).float().mean() < 1  # both cases occur
    bins = 1 - seen * (seen >= 0.01)
    return salad(w, "aggregator.", *dinov2(w, "backbone.model.", x, heads)[1:], bins)


def last_block(w: State) -> int:
    return max(int(name.split(".")[3]) for name in w if name.startswith("backbone.model.blocks."))


def attention(w: State, name: str, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """``torch.nn.MultiheadAttention``'s, by its names."""
    weights = w[f"{name}.in_proj_weight"].chunk(3)
    biases = w[f"{name}.in_proj_bias"].chunk(3)
    q, k, v = (x @ a.T + b for x, a, b in zip((q, k, v), weights, biases, strict=True))
    return linear(w, f"{name}.out_proj", heads_of(q, k, v, heads))


def boq(w: State, maps: Tensor) -> Tensor:
    """Ali-bey et al., 2024; a head has 64 numbers."""
    x = F.conv2d(maps, w["aggregator.proj_c.weight"], w["aggregator.proj_c.bias"], padding=1)
    x = layer_norm(w, "aggregator.norm_input", x.flatten(2).transpose(1, 2))
    heads, outs = x.shape[-1] // 64, []
    while f"aggregator.boqs.{len(outs)}.queries" in w:
        bag = f"aggregator.boqs.{len(outs)}"
        seen = attention(w, f"{bag}.encoder.self_attn", x, x, x, heads)
        x = layer_norm(w, f"{bag}.encoder.norm1", x + seen)
        inner = linear(w, f"{bag}.encoder.linear1", x).clamp(min=0)
        x = layer_norm(w, f"{bag}.encoder.norm2", x + linear(w, f"{bag}.encoder.linear2", inner))
        q = w[f"{bag}.queries"]
        q = layer_norm(w, f"{bag}.norm_q", q + attention(w, f"{bag}.self_attn", q, q, q, heads))
        out = attention(w, f"{bag}.cross_attn", q.expand(len(x), -1, -1), x, x, heads)
        outs.append(layer_norm(w, f"{bag}.norm_out", out))
    return unit(linear(w, "aggregator.fc", torch.cat(outs, 1).transpose(1, 2)).flatten(1))


def supervlad(w: State, maps: Tensor, clusters: int) -> Tensor:
    """Lu et al., 2024; ghosts come last."""
    local = unit(maps).flatten(2)  # (B, C, n)
    shares = torch.softmax(w["aggregation.conv.weight"].flatten(1) @ local, 1)
    sums = torch.stack([(shares[:, k, None] * local).sum(2) for k in range(clusters)], 1)
    return unit(unit(sums, 2).flatten(1))


def qaa(w: State, maps: Tensor) -> Tensor:
    """Xiao et al., 2025, without the norm of its scores."""
    x = maps.flatten(2).transpose(1, 2)

    def asked(name: str) -> Tensor:
        q = w[f"aggregator.{name}.queries"]
        seen = attention(w, f"aggregator.{name}.self_attn", q, q, q, 16)
        return layer_norm(w, f"aggregator.{name}.norm_q", q + seen)

    features, scores = asked("queries_feature")[0], asked("queries_score").expand(len(x), -1, -1)
    seen = attention(w, "aggregator.score.cross_attn", scores, x, x, 16)
    seen = layer_norm(w, "aggregator.score.norm_out", seen)
    codes = linear(w, "aggregator.score.conv", seen)  # (B, queries, clusters)
    return unit(unit(features.T @ codes, 1).flatten(1))


def residuals(maps: Tensor, assign: Tensor, centres: Tensor) -> Tensor:
    """Arandjelović et al., 2016: ``(B, K, C)``, each of length 1; ``assign`` (K, C), as centres."""
    local = unit(maps).flatten(2)
    shares = torch.softmax(assign @ local, 1)
    sums = [
        (shares[:, k, None] * (local - centres[k, :, None])).sum(2) for k in range(len(centres))
    ]
    return unit(torch.stack(sums, 1), 2)


def patch_netvlad(w: State, x: Tensor) -> Tensor:
    """The descriptor of the whole photo: clusters first, whitened in float64."""
    assign, centres = w["pool.conv.weight"].flatten(1), w["pool.centroids"]
    found = unit(residuals(vgg16(w, "encoder.", x), assign, centres).flatten(1))
    return unit(linear(w, "WPCA.0", found.double())).float()


def matconvnet(w: State, x: Tensor) -> Tensor:
    """hloc's NetVLAD: channels first, centres stored negated."""
    plain: State = {}
    for number in VGG16:
        plain[f"{number}.weight"] = w[f"layers.{number}.weights.0"].permute(3, 2, 0, 1)
        plain[f"{number}.bias"] = w[f"layers.{number}.weights.1"]
    assign, centres = w["layers.30.weights.0"].T, -w["layers.30.weights.1"].T
    found = residuals(vgg16(plain, "", x), assign, centres)
    found = unit(found.transpose(1, 2).flatten(1))
    return unit(found @ w["layers.33.weights.0"][0, 0] + w["layers.33.weights.1"])
