"""The aggregators of models that are published with their weights, against NumPy in float64."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from beenhere.config.models import (
    AggregatorConfig,
    BoQConfig,
    NetVLADConfig,
    ProjectionConfig,
    QAAConfig,
    SALADConfig,
    SuperVLADConfig,
    TokensAggregatorConfig,
)
from beenhere.errors import ModelError
from beenhere.models.aggregators import AGGREGATORS, Aggregator, MapShape, Projection
from beenhere.models.aggregators.salad import transport_plan
from beenhere.models.features import Features

Floats = NDArray[np.float64]
State = dict[str, Floats]

CHANNELS, TOKENS = 64, 3
CONFIGS: list[AggregatorConfig] = [
    NetVLADConfig(clusters=5),
    NetVLADConfig(clusters=4, bias=True),
    SALADConfig(clusters=6, cluster_dim=7, token_dim=5, hidden=9),
    BoQConfig(channels=128, queries=5, layers=2, out_rows=3),
    SuperVLADConfig(clusters=3, ghosts=2),
    TokensAggregatorConfig(),
    QAAConfig(queries=11, feature_dim=16, clusters=6),
]


def build(config: AggregatorConfig) -> Aggregator:
    torch.manual_seed(0)
    aggregator = AGGREGATORS[config.name](config, MapShape(CHANNELS, None, True, TOKENS, True))
    with torch.no_grad():
        for parameter in aggregator.parameters():  # norms and biases that do nothing prove nothing
            parameter += 0.2 * torch.randn(parameter.shape)
    return aggregator.eval()


def features(batch: int, height: int, width: int) -> Features:
    generator = torch.Generator().manual_seed(batch + height)
    return Features(
        maps=torch.randn(batch, CHANNELS, height, width, generator=generator),
        class_token=torch.randn(batch, CHANNELS, generator=generator),
        tokens=torch.randn(batch, TOKENS, CHANNELS, generator=generator),
    )


def run(aggregator: Aggregator, given: Features) -> torch.Tensor:
    return aggregator(given if aggregator.takes_tokens else given.maps)  # type: ignore[no-any-return]


def unit(x: Floats, axis: int = -1) -> Floats:
    return x / np.sqrt((x**2).sum(axis=axis, keepdims=True))


def softmax(x: Floats, axis: int) -> Floats:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def linear(state: State, name: str, x: Floats) -> Floats:
    """Rows ``(n, in)`` through a layer; a 1 x 1 convolution is one too."""
    weight = state[f"{name}.weight"]
    return x @ weight.reshape(len(weight), -1).T + state.get(f"{name}.bias", np.float64(0))


def layer_norm(state: State, name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return normal * state[f"{name}.weight"] + state[f"{name}.bias"]


def attention(state: State, name: str, query: Floats, key: Floats, heads: int) -> Floats:
    """Vaswani et al., 2017, section 3.2.2: ``key`` gives keys and values."""
    dim = query.shape[1]
    weight, bias = state[f"{name}.in_proj_weight"], state[f"{name}.in_proj_bias"]
    q = query @ weight[:dim].T + bias[:dim]
    k = key @ weight[dim : 2 * dim].T + bias[dim : 2 * dim]
    v = key @ weight[2 * dim :].T + bias[2 * dim :]
    seen = []
    for head in range(heads):
        part = slice(head * dim // heads, (head + 1) * dim // heads)
        shares = softmax(q[:, part] @ k[:, part].T / np.sqrt(dim / heads), axis=1)
        seen.append(shares @ v[:, part])
    return linear(state, f"{name}.out_proj", np.concatenate(seen, axis=1))


def naive_netvlad(x: Floats, token: Floats, tokens: Floats, state: State, config: Any) -> Floats:
    local = unit(x)
    shares = softmax(linear(state, "assign", local), axis=1)
    rows = []
    for k, centre in enumerate(state["centres"]):
        rows.append(unit(sum(shares[n, k] * (f - centre) for n, f in enumerate(local))))
    return unit(np.concatenate(rows))


def naive_salad(x: Floats, token: Floats, tokens: Floats, state: State, config: Any) -> Floats:
    def mlp(name: str, given: Floats, second: int) -> Floats:
        return linear(state, f"{name}.{second}", np.maximum(linear(state, f"{name}.0", given), 0))

    local, scores = mlp("local", x, 3), mlp("scores", x, 3).T
    n, m = len(x), config.clusters
    rows = np.concatenate([scores, np.full((1, n), state["dust_bin"])])
    kernel, mass = np.exp(rows), np.ones(m + 1)
    mass[-1] = n - m
    columns = np.ones(n)
    for _ in range(config.iterations):  # Sinkhorn without logarithms: masses 1 / (n + m) cancel
        scale = mass / (kernel @ columns)
        columns = 1 / (kernel.T @ scale)
    plan = scale[:, None] * kernel * columns
    sums = np.stack([unit(sum(plan[k, i] * local[i] for i in range(n))) for k in range(m)], axis=1)
    first = unit(linear(state, "token.2", np.maximum(linear(state, "token.0", token), 0)))
    return unit(np.concatenate([first, sums.reshape(-1)]))


def naive_supervlad(x: Floats, token: Floats, tokens: Floats, state: State, config: Any) -> Floats:
    local = unit(x)
    shares = softmax(linear(state, "assign", local), axis=1)
    rows = [unit(shares[:, k] @ local) for k in range(config.clusters)]
    return unit(np.concatenate(rows))


def naive_tokens(x: Floats, token: Floats, tokens: Floats, state: State, config: Any) -> Floats:
    return unit(tokens.reshape(-1))


def naive_qaa(x: Floats, token: Floats, tokens: Floats, state: State, config: Any) -> Floats:
    def learnt(name: str) -> Floats:
        given = state[f"{name}.queries"][0]
        seen = attention(state, f"{name}.attention", given, given, 16)
        return layer_norm(state, f"{name}.norm", given + seen)

    seen = layer_norm(state, "norm", attention(state, "attention", learnt("asked"), x, 16))
    codes = linear(state, "codes", seen)  # (queries, clusters)
    columns = [unit(codes[:, k] @ learnt("features")) for k in range(config.clusters)]
    return unit(np.stack(columns, axis=1).reshape(-1))


def naive_boq_of_map(image: Floats, state: State, config: Any) -> Floats:
    """``image`` is ``(C, h, w)``."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    weight, bias = state["conv.weight"], state["conv.bias"]
    x = np.stack(
        [
            np.tensordot(weight, padded[:, i : i + 3, j : j + 3], axes=3) + bias
            for i in range(height)
            for j in range(width)
        ]
    )
    x, heads, found = layer_norm(state, "norm", x), config.channels // 64, []
    for number in range(config.layers):
        layer = f"layers.{number}"
        encoder = f"{layer}.encoder"
        x = layer_norm(
            state, f"{encoder}.norm1", x + attention(state, f"{encoder}.self_attn", x, x, heads)
        )
        hidden = np.maximum(linear(state, f"{encoder}.linear1", x), 0)
        x = layer_norm(state, f"{encoder}.norm2", x + linear(state, f"{encoder}.linear2", hidden))
        q = state[f"{layer}.queries"][0]
        q = layer_norm(
            state,
            f"{layer}.query_norm",
            q + attention(state, f"{layer}.self_attention", q, q, heads),
        )
        seen = attention(state, f"{layer}.cross_attention", q, x, heads)
        found.append(layer_norm(state, f"{layer}.norm", seen))
    return unit(linear(state, "rows", np.concatenate(found).T).reshape(-1))


NAIVE = {
    "netvlad": naive_netvlad,
    "salad": naive_salad,
    "supervlad": naive_supervlad,
    "tokens": naive_tokens,
    "qaa": naive_qaa,
}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 4, 4), (2, 3, 5)])
def test_it_is_what_its_equations_say(
    config: AggregatorConfig, batch: int, height: int, width: int
) -> None:
    aggregator, given = build(config), features(batch, height, width)
    state = {name: value.double().numpy() for name, value in aggregator.state_dict().items()}
    with torch.inference_mode():
        found = run(aggregator, given)
    assert found.shape == (batch, aggregator.descriptor_dim) and found.dtype == torch.float32
    for number, descriptor in enumerate(found.numpy()):
        image = given.maps[number].double().numpy()
        assert given.class_token is not None and given.tokens is not None
        if config.name == "boq":
            expected = naive_boq_of_map(image, state, config)
        else:
            expected = NAIVE[config.name](
                image.reshape(CHANNELS, -1).T,
                given.class_token[number].double().numpy(),
                given.tokens[number].double().numpy(),
                state,
                config,
            )
        np.testing.assert_allclose(descriptor, expected, atol=2e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_it_learns_and_stays_finite(config: AggregatorConfig) -> None:
    aggregator = build(config).train()
    for given in (features(2, 3, 5), Features(*(torch.zeros_like(each) for each in _whole()))):
        found = run(aggregator, given)
        assert torch.isfinite(found).all()
    found = run(aggregator, features(2, 3, 5))
    loss: torch.Tensor = (found * torch.linspace(-1, 1, found.shape[1])).sum()
    if not list(aggregator.parameters()):
        return
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in aggregator.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def _whole() -> tuple[torch.Tensor, ...]:
    maps, class_token, _, tokens, _ = features(2, 3, 5)
    assert class_token is not None and tokens is not None
    return maps, class_token, class_token[:, None], tokens


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_photo_alone_has_the_descriptor_that_it_has_in_a_batch(config: AggregatorConfig) -> None:
    aggregator, given = build(config), features(2, 3, 5)
    alone = Features(*(None if each is None else each[:1] for each in given))  # type: ignore[arg-type]
    with torch.inference_mode():
        torch.testing.assert_close(run(aggregator, given)[:1], run(aggregator, alone))


def test_a_long_transport_has_the_masses_that_it_is_to_have() -> None:
    scores = torch.randn(2, 4, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plan = transport_plan(scores, torch.tensor(0.3), 200)
    torch.testing.assert_close(plan.sum(dim=2), torch.ones(2, 4, dtype=torch.float64))
    assert bool((plan.sum(dim=1) < 1).all())  # the rest is in the dust bin


def test_attention_scores_the_dust_bin() -> None:
    config = SALADConfig(clusters=6, cluster_dim=7, token_dim=5, hidden=9, dust_bin="attention")
    attending, given = build(config), features(1, 3, 5)
    assert "dust_bin" not in attending.state_dict()
    seen = torch.linspace(0, 2, 15).roll(4).reshape(1, 3, 5)
    state = {name: value.double().numpy() for name, value in attending.state_dict().items()}
    assert given.class_token is not None
    x = given.maps[0].flatten(1).T.double().numpy()
    token = given.class_token[0].double().numpy()
    bins = {"dust_bin": 1 - seen.double().flatten().numpy()}
    with torch.inference_mode():
        found = run(attending, given._replace(attention=seen))
        expected = naive_salad(x, token, x, state | bins, config)
        np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-6)
        # Below 0.01 it is none at all.
        little, none = seen.clamp(max=0.0099), torch.zeros(1, 3, 5)
        alike = [run(attending, given._replace(attention=each)) for each in (little, none)]
        assert torch.equal(*alike) and (found - alike[0]).abs().max() > 1e-3


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ModelError, match="dust_bin=attention is for vision transformers"):
        AGGREGATORS["salad"](
            SALADConfig(dust_bin="attention"), MapShape(CHANNELS, None, class_token=True)
        )
    with pytest.raises(ModelError, match="salad needs a class token"):
        AGGREGATORS["salad"](SALADConfig(), MapShape(CHANNELS, None))
    with pytest.raises(ModelError, match="takes a backbone's learnt tokens"):
        AGGREGATORS["tokens"](TokensAggregatorConfig(), MapShape(CHANNELS, None))
    with pytest.raises(ModelError, match="a map of 15 positions for its 64 clusters"):
        run(build(SALADConfig()), features(1, 3, 5))


def test_netvlad_begins_at_centres() -> None:
    aggregator = AGGREGATORS["netvlad"](NetVLADConfig(clusters=2, bias=True), MapShape(4, None))
    centres = torch.eye(4)[:2]
    aggregator.begin(centres, 50.0)  # type: ignore[operator]
    maps = centres.T.reshape(1, 4, 1, 2)  # two positions, each at a centre
    with torch.inference_mode():
        shares = aggregator.assign(maps).softmax(dim=1)  # type: ignore[operator]
    torch.testing.assert_close(shares[0, :, 0], torch.eye(2))


def test_a_projection_begins_at_the_principal_directions() -> None:
    projection = Projection(ProjectionConfig(out_dim=3), 5)
    mean, directions = np.arange(5, dtype=np.float32), np.eye(5, dtype=np.float32)[:2]
    projection.begin(mean, directions)
    given = torch.randn(4, 5)
    with torch.inference_mode():
        found = projection(given)
        centred = given - torch.from_numpy(mean)
        plain = projection.linear(given)[:, 2:]
    expected = torch.cat([centred[:, :2], plain], dim=1)
    torch.testing.assert_close(found, expected / expected.norm(dim=1, keepdim=True))
