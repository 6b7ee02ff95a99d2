import torch
from drawings import lively_student

from napari_emcad.networks.placing import placed


def test_a_network_is_placed_as_it_is_in_another_memory_format():
    network, pair = lively_student().eval(), torch.rand(1, 2, 32, 48)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    with torch.no_grad():
        expected = network(pair)
        found = placed(network, "cpu", torch.channels_last)
        assert found is network
        weights = network.up1.conv.conv[0].weight
        assert weights.is_contiguous(memory_format=torch.channels_last)
        for one, other in zip(expected, network(pair), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
