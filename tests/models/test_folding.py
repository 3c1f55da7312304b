"""Folded batch norms: the same descriptors, and no norm where none can be."""

import pytest
import torch
from torch import nn

from beenhere.config.models import BackboneConfig, GeMConfig, ModelConfig
from beenhere.models import VPRModel
from beenhere.models.folding import fold_batch_norms


def network(name: str) -> VPRModel:
    """With running statistics as training would leave them, so that folding them matters."""
    torch.manual_seed(0)
    model = VPRModel(
        ModelConfig(backbone=BackboneConfig(name=name, pretrained=False), aggregator=GeMConfig())
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0", "mobilenetv3_small_050"])
def test_descriptors_stay_and_norms_go(name: str) -> None:
    model = network(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    images = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    folded = fold_batch_norms(model, images[:1])
    assert norms(model) > 0 and norms(folded) == 0
    with torch.no_grad():
        assert torch.allclose(folded(images), model(images), atol=1e-4)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


class Descriptor(nn.Module):
    """Two 3 x 3 convolutions and a norm, put together by a test."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        nn.init.uniform_(self.norm.running_var, 0.1, 4)
        self.eval()

    def maps(self, images: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.maps(images).mean(dim=(2, 3)), dim=1)


class NormTwice(Descriptor):
    def maps(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.second(self.norm(self.first(images))))


class OutputTwice(Descriptor):
    """The norm's input is used beside it, which a fold would change: seen by the result alone."""

    def maps(self, images: torch.Tensor) -> torch.Tensor:
        plain = self.first(images)
        return self.norm(plain) + 3 * plain


class BehindActivation(Descriptor):
    def maps(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.first(images).relu())


@pytest.mark.parametrize("kind", [NormTwice, OutputTwice, BehindActivation])
def test_what_cannot_be_folded_stays_as_it_is(kind: type[Descriptor]) -> None:
    model = kind()
    assert fold_batch_norms(model, torch.rand(1, 3, 16, 16)) is model


def test_a_network_without_batch_norms_is_not_copied() -> None:
    model = network("vit_tiny_patch16_224")
    assert fold_batch_norms(model, torch.rand(1, 3, 224, 224)) is model
