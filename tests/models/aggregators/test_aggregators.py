"""Each aggregator against loops in float64, and what all of them promise."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.typing import NDArray

from beenhere.config.models import (
    AggregatorConfig,
    AvgConfig,
    ConvAPConfig,
    CosPlaceConfig,
    GeMConfig,
    MixVPRConfig,
    SqrtCovConfig,
    WhitenedCovConfig,
)
from beenhere.errors import ModelError
from beenhere.models.aggregators import AGGREGATORS, Aggregator, MapShape, WhitenedCov
from beenhere.models.aggregators.sqrt_cov import MatrixSquareRoot

BATCH, CHANNELS, HEIGHT, WIDTH = 2, 5, 4, 7
CONFIGS = [
    AvgConfig(out_dim=6),
    AvgConfig(out_dim=None),
    GeMConfig(p=2.5),
    GeMConfig(p=4.0, learn_p=False, eps=0.01),
    CosPlaceConfig(out_dim=6, p=3.5),
    ConvAPConfig(out_channels=6, s1=2, s2=3),
    MixVPRConfig(out_channels=6, out_rows=3, depth=2, mlp_ratio=1.5),
    SqrtCovConfig(),
    SqrtCovConfig(out_dim=4, seed=3),
    WhitenedCovConfig(directions=6, hidden=4),
]

Floats = NDArray[np.float64]
State = dict[str, Floats]


def build(config: AggregatorConfig) -> Aggregator:
    torch.manual_seed(0)
    shape = MapShape(CHANNELS, (HEIGHT, WIDTH))
    return AGGREGATORS[config.name](config, shape)


def maps(seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, CHANNELS, HEIGHT, WIDTH, generator=generator)


def unit(vector: list[float] | Floats) -> Floats:
    vector = np.asarray(vector, np.float64)
    return vector / math.sqrt(sum(float(x) ** 2 for x in vector))


def linear(state: State, name: str, vector: list[float] | Floats) -> list[float]:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return [
        sum(float(row[i]) * float(vector[i]) for i in range(len(vector))) + float(bias[out])
        for out, row in enumerate(weight.reshape(len(bias), -1))
    ]


def gem(image: Floats, p: float, eps: float) -> list[float]:
    pooled = []
    for channel in image:
        total = 0.0
        for row in channel:
            for value in row:
                total += max(float(value), eps) ** p
        pooled.append((total / channel.size) ** (1 / p))
    return pooled


def naive_avg(image: Floats, state: State, config: AvgConfig) -> Floats:
    mean = [float(sum(channel.flat)) / channel.size for channel in image]
    return unit(mean if config.out_dim is None else linear(state, "linear", mean))


def naive_gem(image: Floats, state: State, config: GeMConfig) -> Floats:
    return unit(gem(image, config.p, config.eps))


def naive_cosplace(image: Floats, state: State, config: CosPlaceConfig) -> Floats:
    scaled = np.empty_like(image)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            scaled[:, row, column] = unit(image[:, row, column])
    return unit(linear(state, "linear", gem(scaled, config.p, config.eps)))


def naive_convap(image: Floats, state: State, config: ConvAPConfig) -> Floats:
    projected = np.empty((config.out_channels, HEIGHT, WIDTH))
    for row in range(HEIGHT):
        for column in range(WIDTH):
            projected[:, row, column] = linear(state, "conv", image[:, row, column])
    cells = []
    for channel in projected:
        for i in range(config.s1):
            for j in range(config.s2):
                top, bottom = (
                    math.floor(i * HEIGHT / config.s1),
                    math.ceil((i + 1) * HEIGHT / config.s1),
                )
                left, right = (
                    math.floor(j * WIDTH / config.s2),
                    math.ceil((j + 1) * WIDTH / config.s2),
                )
                cells.append(float(channel[top:bottom, left:right].mean()))
    return unit(cells)


def naive_mixvpr(image: Floats, state: State, config: MixVPRConfig) -> Floats:
    rows = [[float(x) for x in channel.flat] for channel in image]
    for block in range(config.depth):
        name = f"blocks.{block}.mix"
        for channel, row in enumerate(rows):
            mean = sum(row) / len(row)
            variance = sum((x - mean) ** 2 for x in row) / len(row)
            scale, shift = state[f"{name}.0.weight"], state[f"{name}.0.bias"]
            normal = [
                (x - mean) / math.sqrt(variance + 1e-5) * float(scale[i]) + float(shift[i])
                for i, x in enumerate(row)
            ]
            hidden = [max(0.0, x) for x in linear(state, f"{name}.1", normal)]
            mixed = linear(state, f"{name}.3", hidden)
            rows[channel] = [x + y for x, y in zip(row, mixed, strict=True)]
    columns = [linear(state, "channels", [row[i] for row in rows]) for i in range(HEIGHT * WIDTH)]
    flat = []
    for channel in range(config.out_channels):
        flat += linear(state, "rows", [column[channel] for column in columns])
    return unit(flat)


def naive_sqrt_cov(image: Floats, state: State, config: SqrtCovConfig) -> Floats:
    covariance = np.zeros((CHANNELS, CHANNELS))
    for i in range(CHANNELS):
        for j in range(CHANNELS):
            products = [
                float(a) * float(b) for a, b in zip(image[i].flat, image[j].flat, strict=True)
            ]
            covariance[i, j] = sum(products) / len(products)
    root = np.real(scipy.linalg.sqrtm(covariance))
    triangle = []
    for i in range(CHANNELS):
        for j in range(i, CHANNELS):
            triangle.append(root[i, j] * (1 if i == j else math.sqrt(2)))
    descriptor = unit(triangle)
    if config.out_dim is None:
        return descriptor
    return unit([float(row @ descriptor) for row in state["projection"]])


def naive_whitened_cov(image: Floats, state: State, config: WhitenedCovConfig) -> Floats:
    centred = naive_sqrt_cov(image, state, SqrtCovConfig()) - state["mean"]
    white, known = centred.copy(), []
    for axis, gain in zip(state["directions"], state["gains"], strict=True):
        white += gain * float(axis @ centred) * axis
        known.append((1 + gain) * float(axis @ centred))
    length, scale = np.linalg.norm(white), math.sqrt(config.directions)
    hidden = [
        max(0.0, value) for value in linear(state, "hidden", np.array(known) / length * scale)
    ]
    added = [float(row @ hidden) / scale for row in state["residual.weight"]]
    return unit(white / length + np.array(added) @ state["directions"])


NAIVE = {
    "avg": naive_avg,
    "gem": naive_gem,
    "cosplace": naive_cosplace,
    "convap": naive_convap,
    "mixvpr": naive_mixvpr,
    "sqrt_cov": naive_sqrt_cov,
    "whitened_cov": naive_whitened_cov,
}


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_equals_loops_in_float64(config: AggregatorConfig) -> None:
    aggregator = build(config)
    if isinstance(aggregator, WhitenedCov):
        aggregator.begin(*whitening(aggregator.descriptor_dim, 6))
    with torch.no_grad():
        for parameter in aggregator.parameters():  # biases and norms start from 0 and 1
            if parameter.ndim:
                parameter.add_(0.3 * torch.randn(parameter.shape))
        got = aggregator(maps()).numpy()
    state = {name: tensor.double().numpy() for name, tensor in aggregator.state_dict().items()}
    expected = [NAIVE[config.name](image, state, config) for image in maps().double().numpy()]
    assert got.shape == (BATCH, aggregator.descriptor_dim)
    np.testing.assert_allclose(got, np.stack(expected), atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_a_map_of_zeros_gives_finite_descriptors_and_gradients(config: AggregatorConfig) -> None:
    aggregator = build(config)
    zeros = torch.zeros(BATCH, CHANNELS, HEIGHT, WIDTH, requires_grad=True)
    descriptors = aggregator(zeros)
    descriptors.sum().backward()
    assert descriptors.isfinite().all()
    gradients = [zeros.grad, *(parameter.grad for parameter in aggregator.parameters())]
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_gives_float32_of_length_one(config: AggregatorConfig, dtype: torch.dtype) -> None:
    aggregator = build(config)
    with torch.autocast("cpu", dtype), torch.no_grad():
        got = aggregator(maps().to(dtype))
    exact = aggregator(maps())
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.norm(dim=1), torch.ones(BATCH), atol=1e-6, rtol=0)
    assert ((got * exact).sum(dim=1) > 0.99).all()


def test_gem_adds_up_cubes_in_float32() -> None:
    values = 1 + torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    low = values.bfloat16()
    expected = low.double().pow(3).mean(dim=(2, 3)).pow(1 / 3)
    expected = expected / expected.norm(dim=1, keepdim=True)
    with torch.autocast("cpu", torch.bfloat16):
        got = build(GeMConfig())(low)
    np.testing.assert_allclose(got.detach().double(), expected, atol=1e-6)


@pytest.mark.parametrize("p", [1.0, 3.0, 30.0])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_gem_keeps_finite_gradients_for_any_power_and_size(p: float, size: float) -> None:
    aggregator = build(GeMConfig(p=p))
    inputs = (maps() * size).requires_grad_()
    (aggregator(inputs) * torch.arange(CHANNELS)).sum().backward()
    assert inputs.grad is not None and inputs.grad.isfinite().all()
    assert aggregator.p.grad.isfinite()


def test_gem_gradients_are_those_of_the_formula() -> None:
    weights = torch.arange(1.0, CHANNELS + 1)
    aggregator = build(GeMConfig())
    inputs = maps().abs().requires_grad_()
    (aggregator(inputs) * weights).sum().backward()
    exact, p = maps().abs().double().requires_grad_(), torch.tensor(3.0).double().requires_grad_()
    pooled = exact.clamp(min=1e-6).pow(p).mean(dim=(2, 3)).pow(1 / p)
    (pooled / pooled.norm(dim=1, keepdim=True) * weights).sum().backward()
    torch.testing.assert_close(inputs.grad, exact.grad.float(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(aggregator.p.grad, p.grad.float(), atol=1e-5, rtol=1e-4)


def test_gem_power_is_trained_or_not() -> None:
    assert [name for name, _ in build(GeMConfig(learn_p=True)).named_parameters()] == ["p"]
    fixed = build(GeMConfig(learn_p=False))
    assert not list(fixed.parameters()) and list(fixed.state_dict()) == ["p"]


@pytest.mark.parametrize("config", [c for c in CONFIGS if c.name != "mixvpr"], ids=repr)
def test_takes_maps_of_any_size(config: AggregatorConfig) -> None:
    aggregator = build(config)
    for height, width in ((1, 1), (3, 2), (9, 20)):
        assert (
            aggregator(torch.rand(1, CHANNELS, height, width)).shape[1] == aggregator.descriptor_dim
        )


def test_sqrt_cov_gradients_are_those_of_the_formula() -> None:
    """Checked by finite differences of the matrix square root, in float64."""
    factors = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(4)).double()

    def root(factors: torch.Tensor) -> torch.Tensor:
        return MatrixSquareRoot.apply(factors @ factors.mT)

    assert torch.autograd.gradcheck(root, factors.requires_grad_())


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize(
    "matrix",
    [torch.eye(CHANNELS), torch.ones(CHANNELS, HEIGHT * WIDTH), torch.eye(CHANNELS)[:, :2]],
    ids=["equal eigenvalues", "rank 1", "fewer positions than channels"],
)
def test_sqrt_cov_keeps_finite_gradients(matrix: torch.Tensor, size: float) -> None:
    inputs = (matrix[None, :, :, None] * size).requires_grad_()
    descriptor = build(SqrtCovConfig())(inputs)
    descriptor[:, 1:4].sum().backward()
    assert descriptor.isfinite().all() and inputs.grad is not None
    assert inputs.grad.isfinite().all()


def test_products_of_sqrt_cov_are_those_of_whole_matrices() -> None:
    descriptors = build(SqrtCovConfig())(maps())
    roots = []
    for image in maps().flatten(2).double().numpy():
        root = np.real(scipy.linalg.sqrtm(image @ image.T))
        roots.append(root / np.linalg.norm(root))
    assert float(descriptors[0] @ descriptors[1]) == pytest.approx((roots[0] * roots[1]).sum())


def test_sqrt_cov_projects_by_its_seed_alone() -> None:
    def projected(seed: int, out_dim: int = 3) -> torch.Tensor:
        torch.manual_seed(out_dim)
        shape = MapShape(CHANNELS, None)
        return AGGREGATORS["sqrt_cov"](SqrtCovConfig(out_dim=out_dim, seed=seed), shape)(maps())

    assert torch.equal(projected(1), projected(1))
    assert not torch.allclose(projected(1), projected(2))
    whole, many = build(SqrtCovConfig())(maps()), projected(1, 20_000)
    assert float(many[0] @ many[1]) == pytest.approx(float(whole[0] @ whole[1]), abs=0.03)


def whitening(size: int, directions: int) -> tuple[NDArray[np.float32], ...]:
    """A mean, orthonormal directions, gains."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(size, size)))[0].T[:directions]
    values = rng.normal(size=size) / 10, axes, np.linspace(-0.9, -0.1, directions)
    return tuple(each.astype(np.float32) for each in values)


def test_whitened_cov_begins_as_its_pooling_and_then_as_its_whitening() -> None:
    config = WhitenedCovConfig(directions=6, hidden=4)
    aggregator, pooled = build(config), build(SqrtCovConfig())(maps())
    torch.testing.assert_close(aggregator(maps()), pooled)
    for directions in (3, 6, 9):  # fewer than it has room for, as many, more
        mean, axes, gains = whitening(15, directions)
        aggregator.begin(mean, axes, gains)
        off = pooled.numpy() - mean
        expected = off + ((off @ axes[:6].T) * gains[:6]) @ axes[:6]
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(aggregator(maps()).detach(), expected, atol=1e-6)
    assert [name for name, _ in aggregator.named_parameters()] == [
        "hidden.weight",
        "hidden.bias",
        "residual.weight",
    ]


def test_mixvpr_names_both_sizes_when_a_map_does_not_fit() -> None:
    aggregator = build(MixVPRConfig(out_channels=6, out_rows=3))
    with pytest.raises(ModelError, match=r"maps of 7 x 4; it was built for 4 x 7"):
        aggregator(torch.rand(1, CHANNELS, WIDTH, HEIGHT))  # as many positions, another shape


def test_mixvpr_without_a_size_says_what_to_set() -> None:
    with pytest.raises(ModelError, match=r"set model\.preprocessing\.image_size"):
        AGGREGATORS["mixvpr"](MixVPRConfig(), MapShape(CHANNELS, None))


def test_mixvpr_starts_as_its_paper_says() -> None:
    aggregator = AGGREGATORS["mixvpr"](MixVPRConfig(depth=3), MapShape(64, (10, 10)))
    assert len(aggregator.blocks) == 3
    for block in aggregator.blocks:
        for layer in (block.mix[1], block.mix[3]):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert not layer.bias.any()
