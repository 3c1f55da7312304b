"""How the names of an authors' file become ours; strict both ways, with a written list of excuses.

For each layout the names are written from ours to theirs, so that errors speak of the file that a
person has.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from beenhere.errors import ModelError
from beenhere.models.backbones import Weights, check_fit

State = dict[str, torch.Tensor]


class Layout(NamedTuple):
    """The names in the files of one code base.

    Attributes:
        names: pairs of a pattern of our names and what stands in their place, in their files; all
            are applied, in order.
        unused: patterns of names in their files of which nothing is used; they may be absent.
        change: what has to be done to the tensors themselves, in theirs, before they are named.
    """

    names: tuple[tuple[str, str], ...]
    unused: tuple[str, ...] = ()
    change: Callable[[State], State] = dict


def _scalar(name: str) -> Callable[[State], State]:
    """A parameter that is one number in a vector there, and a number here."""

    def change(state: State) -> State:
        return {
            key: value.reshape(()) if key == name and value.numel() == 1 else value
            for key, value in state.items()
        }

    return change


def _registers(state: State) -> State:
    """DINOv2 with registers: the class token's position embedding goes into the class token."""
    state = dict(state)
    token, embedding = state.get("backbone.cls_token"), state.get("backbone.pos_embed")
    if token is not None and embedding is not None and embedding.ndim == 3:
        state["backbone.cls_token"] = token + embedding[:, :1]
        state["backbone.pos_embed"] = embedding[:, 1:]
    return state


def _first_release(state: State) -> State:
    """MegaLoc's first file has the backbone one level deeper than the hub's."""
    return {name.replace("backbone.model.", "backbone.", 1): value for name, value in state.items()}


def _whitening(state: State) -> State:
    """Patch-NetVLAD whitens by a 1 x 1 convolution in float64."""
    return {
        name: value.flatten(1) if value.ndim == 4 and name.startswith("WPCA") else value
        for name, value in state.items()
    }


def _matconvnet(state: State) -> State:
    """MatConvNet's tensors as torch has them, still under their own names.

    Kernels are stored ``(h, w, in, out)``, the matrices of the pooling as columns and its centres
    negated. What is whitened is flattened with the channel first, ours with the centre first.
    """
    state = dict(state)
    for name, value in state.items():
        if value.ndim == 4 and not name.startswith(_WHITENING):
            state[name] = value.permute(3, 2, 0, 1)
    assign, centres = state.get(f"{_VLAD}.0"), state.get(f"{_VLAD}.1")
    if assign is not None and assign.ndim == 2:
        state[f"{_VLAD}.0"] = assign.T[:, :, None, None]
    if centres is not None and centres.ndim == 2:
        state[f"{_VLAD}.1"] = -centres.T
    matrix = state.get(f"{_WHITENING}.0")
    if matrix is not None and centres is not None and matrix.numel() % centres.numel() == 0:
        by_channel = matrix.reshape(*centres.shape, -1)  # (channels, centres, out)
        state[f"{_WHITENING}.0"] = by_channel.permute(2, 1, 0).flatten(1)
    return {name: value.contiguous() for name, value in state.items()}


_VLAD, _WHITENING = "layers.30.weights", "layers.33.weights"
# A torchvision ResNet whose children stand in a Sequential, by their numbers.
_NUMBERED_RESNET = tuple(
    (rf"^backbone\.network\.{ours}\.", f"backbone.{theirs}.")
    for ours, theirs in (
        *(("conv1", 0), ("bn1", 1)),
        *((f"layer{number}", number + 3) for number in range(1, 5)),
    )
)
_MIXER = (
    (r"^aggregator\.blocks\.", "aggregator.mix."),
    (r"^aggregator\.channels\.", "aggregator.channel_proj."),
    (r"^aggregator\.rows\.", "aggregator.row_proj."),
)
_SALAD = (
    (r"^aggregator\.token\.", "aggregator.token_features."),
    (r"^aggregator\.local\.", "aggregator.cluster_features."),
    (r"^aggregator\.scores\.", "aggregator.score."),
)
_BOQ = (
    (r"^aggregator\.conv\.", "aggregator.proj_c."),
    (r"^aggregator\.norm\.", "aggregator.norm_input."),
    (r"^aggregator\.layers\.(\d+)\.self_attention\.", r"aggregator.boqs.\1.self_attn."),
    (r"^aggregator\.layers\.(\d+)\.cross_attention\.", r"aggregator.boqs.\1.cross_attn."),
    (r"^aggregator\.layers\.(\d+)\.query_norm\.", r"aggregator.boqs.\1.norm_q."),
    (r"^aggregator\.layers\.(\d+)\.norm\.", r"aggregator.boqs.\1.norm_out."),
    (r"^aggregator\.layers\.", "aggregator.boqs."),
    (r"^aggregator\.rows\.", "aggregator.fc."),
)
_MASK = r"^backbone\.(\w+\.)?mask_token$"  # of DINOv2's own training


LAYOUTS: dict[str, Layout] = {
    "mixvpr": Layout(((r"^backbone\.network\.", "backbone.model."), *_MIXER)),
    "convap": Layout(
        (
            (r"^backbone\.network\.", "backbone.model."),
            (r"^aggregator\.conv\.", "aggregator.channel_pool."),
        )
    ),
    "cosplace": Layout(
        (
            *_NUMBERED_RESNET,
            (r"^backbone\.network\.features\.", "backbone."),
            (r"^aggregator\.p$", "aggregation.1.p"),
            (r"^aggregator\.linear\.", "aggregation.3."),
        ),
        change=_scalar("aggregation.1.p"),
    ),
    "salad": Layout(((r"^backbone\.network\.", "backbone.model."), *_SALAD), (_MASK,)),
    "fol": Layout(
        ((r"^backbone\.network\.", "backbone.model."), *_SALAD),
        (_MASK, r"^upconv2?\.(weight|bias)$"),  # of local features, for a second stage
    ),
    "megaloc": Layout(
        (
            (r"^backbone\.network\.", "backbone."),
            *_SALAD,
            (r"^aggregator\.", "aggregator.agg."),
            (r"^projection\.linear\.", "aggregator.linear."),
        ),
        (_MASK,),
        _first_release,
    ),
    "boq_resnet50": Layout(
        (
            (r"^backbone\.network\.conv1\.", "backbone.net.0."),
            (r"^backbone\.network\.bn1\.", "backbone.net.1."),
            (r"^backbone\.network\.layer1\.", "backbone.net.4."),
            (r"^backbone\.network\.layer2\.", "backbone.net.5."),
            (r"^backbone\.network\.layer3\.", "backbone.net.6."),
            *_BOQ,
        )
    ),
    "boq_dinov2": Layout(
        ((r"^backbone\.network\.", "backbone.dino."), *_BOQ),
        (_MASK, r"^backbone\.dino\.norm\.(weight|bias)$"),  # the forward pass leaves it out
    ),
    "supervlad": Layout(
        (
            (r"^backbone\.network\.", "backbone."),
            (r"^aggregator\.assign\.", "aggregation.conv."),
        ),
        (_MASK,),
    ),
    "image": Layout(
        (
            (r"^backbone\.tokens$", "learnable_aggregation_tokens"),
            (r"^backbone\.network\.reg_token$", "backbone.register_tokens"),
            (r"^backbone\.network\.", "backbone."),
        ),
        (_MASK,),
        _registers,
    ),
    "qaa": Layout(
        (
            (r"^backbone\.network\.", "backbone.model."),
            (r"^aggregator\.features\.attention\.", "aggregator.queries_feature.self_attn."),
            (r"^aggregator\.features\.norm\.", "aggregator.queries_feature.norm_q."),
            (r"^aggregator\.features\.", "aggregator.queries_feature."),
            (r"^aggregator\.asked\.attention\.", "aggregator.queries_score.self_attn."),
            (r"^aggregator\.asked\.norm\.", "aggregator.queries_score.norm_q."),
            (r"^aggregator\.asked\.", "aggregator.queries_score."),
            (r"^aggregator\.attention\.", "aggregator.score.cross_attn."),
            (r"^aggregator\.norm\.", "aggregator.score.norm_out."),
            (r"^aggregator\.codes\.", "aggregator.score.conv."),
        ),
        # Of a transport and of a norm that this model has no use for.
        (_MASK, r"^aggregator\.dust_bin$", r"^aggregator\.score\.norm2_out\.(weight|bias)$"),
    ),
    "dinomix": Layout(((r"^backbone\.network\.", "backbone.dino_model."), *_MIXER), (_MASK,)),
    "netvlad_hloc": Layout(
        (
            (r"^backbone\.network\.features\.(\d+)\.weight$", r"layers.\1.weights.0"),
            (r"^backbone\.network\.features\.(\d+)\.bias$", r"layers.\1.weights.1"),
            (r"^aggregator\.assign\.weight$", f"{_VLAD}.0"),
            (r"^aggregator\.centres$", f"{_VLAD}.1"),
            (r"^projection\.linear\.weight$", f"{_WHITENING}.0"),
            (r"^projection\.linear\.bias$", f"{_WHITENING}.1"),
        ),
        change=_matconvnet,
    ),
    "patch_netvlad": Layout(
        (
            (r"^backbone\.network\.features\.", "encoder."),
            (r"^aggregator\.assign\.", "pool.conv."),
            (r"^aggregator\.centres$", "pool.centroids"),
            (r"^projection\.linear\.", "WPCA.0."),
        ),
        change=_whitening,
    ),
}
"""By the names that families give."""


def converted(weights: Weights, layout: str, wanted: Weights, what: str) -> State:
    """An authors' tensors under our names.

    Args:
        weights: under theirs, out of their wrapping.
        layout: of their names.
        wanted: the state dict of our model; it may be on the meta device.
        what: begins the error, such as ``"megaloc.safetensors is not the file of megaloc"``.

    Raises:
        ModelError: a name is missing or not expected, or a tensor has another shape; names the
            first three.
    """
    rules = LAYOUTS[layout]
    names = {ours: _renamed(ours, rules.names) for ours in wanted}
    used = {
        name: value
        for name, value in weights.items()
        if not any(re.search(pattern, name) for pattern in rules.unused)
    }
    given = rules.change(used)
    expected = {names[ours]: value for ours, value in wanted.items()}
    for name, value in expected.items():
        if name.endswith("num_batches_tracked"):  # a count of steps, which old files lack
            given.setdefault(name, torch.zeros((), dtype=value.dtype))
    try:
        check_fit(given, expected, what)
    except ModelError as error:
        raise ModelError(f"{error}; it has {len(weights)} tensors") from error
    return {ours: given[theirs].to(wanted[ours].dtype) for ours, theirs in names.items()}


def unwrapped(content: Mapping[str, torch.Tensor]) -> State:
    """Names without what ``DataParallel`` and ``torch.compile`` put in front of each."""
    state = dict(content)
    while state:
        prefix = next(iter(state)).partition(".")[0]
        if prefix not in ("module", "_orig_mod") or not all(
            name.startswith(f"{prefix}.") for name in state
        ):
            break
        state = {name.removeprefix(f"{prefix}."): value for name, value in state.items()}
    return state


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, into in rules:
        name = re.sub(pattern, into, name)
    return name
