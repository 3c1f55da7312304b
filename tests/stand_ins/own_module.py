"""A module of a researcher's own: poolings, losses and miners, right and wrong, in a file."""

from itertools import count
from pathlib import Path

_number = count()

SOURCE = '''
import torch
import torch.nn.functional as F
from torch import nn


class Power(nn.Module):
    """A pooling with a power and a layer."""

    def __init__(self, shape, p: float = 3.0, out: int = 8) -> None:
        super().__init__()
        self.p = p
        self.layer = nn.Linear(shape.channels, out)
        self.descriptor_dim = out

    def forward(self, maps):
        pooled = maps.float().clamp(min=1e-6).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)
        return F.normalize(self.layer(pooled).float(), dim=1)


class Plain(nn.Module):
    """As poolings are found on the web: no shape, no descriptor_dim, and a view."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, maps):
        return F.normalize(F.adaptive_avg_pool2d(maps.float(), 2).view(len(maps), -1), dim=1)


class Long(Plain):
    def forward(self, maps):
        return maps.float().mean(dim=(2, 3)) + 1


class Wide(Power):
    def forward(self, maps):
        return super().forward(maps)[:, :4]


class Coarse(Plain):
    def forward(self, maps):
        return F.normalize(maps.mean(dim=(2, 3)), dim=1).to(maps.dtype)


class Map(Plain):
    def forward(self, maps):
        return maps


class Pair(Plain):
    def forward(self, maps):
        return maps, maps


class Broken(Plain):
    def forward(self, maps):
        raise ZeroDivisionError("one\\ntwo")


class Margin(nn.Module):
    """A loss: how much nearer than its margin a negative is, times a number that is trained."""

    def __init__(self, margin: float = 0.1) -> None:
        super().__init__()
        self.margin = margin
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x, places, mined=None):
        same = places[:, None] == places
        far = F.relu(x @ x.T - self.margin) * ~same
        if mined is None:
            return self.scale * far.sum()
        return self.scale * far[mined[2], mined[3]].sum()


class EachOwn(Margin):
    def forward(self, x, places):
        return x.sum(dim=1)


class First(nn.Module):
    """A miner: the first two rows with each other, and each with the last."""

    def forward(self, x, places):
        two = torch.tensor([0, 1])
        return two, two.flip(0), two, two * 0 + len(x) - 1


class Floats(nn.Module):
    def forward(self, x, places):
        return tuple(x[:3])


class NoModule:
    pass
'''


def write_own_module(folder: Path, source: str = SOURCE) -> str:
    """Write the module into a folder under a name that was not imported before; returns it."""
    name = f"own_module_{next(_number)}"
    (folder / f"{name}.py").write_text(source)
    return name
