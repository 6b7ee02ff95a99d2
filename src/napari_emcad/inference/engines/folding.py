"""BatchNorm folded into the convolutions: fewer passes over the maps, the same results."""

from copy import deepcopy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

N = TypeVar("N", bound=nn.Module)


def folded(network: N) -> N:
    """Return a copy whose BatchNorms are folded into the convolutions before them; equal but for rounding."""
    network = deepcopy(network).eval()
    for sequence in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for place, (conv, norm) in enumerate(pairwise(list(sequence))):
            if isinstance(conv, _ConvNd) and isinstance(norm, _BatchNorm):
                sequence[place] = fuse_conv_bn_eval(conv, norm, transpose=isinstance(conv, _ConvTransposeNd))
                sequence[place + 1] = nn.Identity()
    return network.requires_grad_(False)
