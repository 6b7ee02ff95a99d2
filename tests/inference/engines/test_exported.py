from copy import deepcopy

import torch

from napari_emcad.inference.engines.exported import weights_sha256


def test_networks_are_told_apart_by_each_weight_and_its_place(student):
    known = weights_sha256(student)
    assert weights_sha256(deepcopy(student)) == known
    for change in (lambda bias: bias[:1].add_(1e-3), lambda bias: bias.copy_(bias.flip(0))):
        other = deepcopy(student)
        with torch.no_grad():
            change(other.outc_tn.conv.bias)
        assert weights_sha256(other) != known
