import torch
from drawings import lively_sdasn, lively_student
from torch.nn.modules.batchnorm import _BatchNorm

from napari_emcad.inference.engines.folding import folded


def norms(network):
    return sum(isinstance(module, _BatchNorm) for module in network.modules())


def test_a_folded_network_gives_the_same_without_batchnorm():
    for network, shape in ((lively_student(), (2, 2, 32, 48)), (lively_sdasn(), (2, 1, 8, 12, 16))):
        before, inputs = {name: values.clone() for name, values in network.state_dict().items()}, torch.rand(shape)
        quick = folded(network.train())
        with torch.no_grad():
            expected, found = network.eval()(inputs), quick(inputs)
        for a, b in zip(expected, found, strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
        assert norms(network) > norms(quick) == 0
        assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
        assert not any(weights.requires_grad for weights in quick.parameters())
