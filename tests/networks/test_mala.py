import pytest
import torch
from torch.nn import functional as F

from napari_emcad.networks.mala import MalaUNet, MalaUNetConfig

TINY = MalaUNetConfig((2, 3, 2, 4), outputs=5)
SMALLEST = (29, 214, 214)


def random_network(config: MalaUNetConfig = TINY, seed: int = 0) -> MalaUNet:
    torch.manual_seed(seed)
    return MalaUNet(config).eval()


def published_forward(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The network written down anew, from its weights only."""

    def conv(n, x):
        return F.conv3d(x, state[f"conv{n}.weight"], state[f"conv{n}.bias"])

    def pair(n, x):
        for k in (n, n + 1):
            x = conv(k, x)
            x = torch.where(x > 0, x, 0.005 * x)
        return x

    def joined(n, x, skip):
        weight = state[f"dconv{n}.weight"]
        x = conv(6 + 3 * n, F.conv_transpose3d(x, weight, stride=(1, 3, 3), groups=len(weight)))
        z, y = ((skip.shape[axis] - x.shape[axis]) // 2 for axis in (2, 3))
        return pair(7 + 3 * n, torch.cat((x, F.pad(skip, (-y, -y, -y, -y, -z, -z))), 1))

    skips = [pair(1, x)]
    for n in (3, 5, 7):
        skips.append(pair(n, F.max_pool3d(skips[-1], (1, 3, 3), (1, 3, 3))))
    x = skips.pop()
    for n in (1, 2, 3):
        x = joined(n, x, skips.pop())
    return conv(18, x)


def test_output_is_that_of_the_network_written_down_anew():
    network = random_network().double()
    crops = torch.rand(1, 1, 30, 214, 214, dtype=torch.double)
    before = crops.clone()
    with torch.no_grad():
        found, expected = network(crops), published_forward(network.state_dict(), crops)
    assert found.shape == (1, 5, 2, 2, 2)
    torch.testing.assert_close(found, expected)
    assert torch.equal(crops, before)


@pytest.mark.parametrize("outputs", [3, 16])
def test_the_published_size_of_the_output(outputs):
    with torch.device("meta"):
        network = MalaUNet(MalaUNetConfig(outputs=outputs))
        assert network(torch.empty(1, 1, 53, 268, 268)).shape == (1, outputs, 25, 56, 56)
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(84e6, rel=0.01)


def test_reduced_maps_run_at_the_published_size():
    with torch.no_grad():
        assert random_network()(torch.rand(1, 1, 53, 268, 268)).shape == (1, 5, 25, 56, 56)


def test_affinities_are_between_0_and_1():
    network = random_network(MalaUNetConfig((2, 2, 2, 2), outputs=3, affinities=True))
    embedding = MalaUNet(MalaUNetConfig((2, 2, 2, 2), outputs=3)).eval()
    embedding.load_state_dict(network.state_dict())
    crop = torch.rand(1, 1, *SMALLEST)
    with torch.no_grad():
        torch.testing.assert_close(network(crop), embedding(crop).sigmoid())


def test_the_output_is_the_middle_of_the_input():
    """All weights positive, no bias: an output is above 0 where an input above 0 reaches it."""
    network = random_network(MalaUNetConfig((1, 1, 1, 1), outputs=1)).double()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.fill_(0.0 if name.endswith("bias") else 0.5)
        crop = torch.zeros(1, 1, 31, 241, 241, dtype=torch.double)  # 3 x 29 x 29 come out
        crop[..., 14 + 1, 106 + 12, 106 + 20] = 1
        found = network(crop)[0, 0]
    place = (found == found.max()).nonzero()
    assert (place - torch.tensor([1, 12, 20])).abs().amax() <= 1
    crop = torch.zeros_like(crop)
    crop[..., 0, :, :] = 1  # the first section is seen by the first output section only
    with torch.no_grad():
        assert (network(crop)[0, 0].amax((1, 2)) > 0).tolist() == [True, False, False]


def test_moved_by_its_stride_the_input_moves_the_output():
    network, wide = random_network(), torch.rand(1, 1, 29, 214, 241)
    with torch.no_grad():
        whole, moved = network(wide), network(wide[..., 27:])
    torch.testing.assert_close(whole[..., 27:], moved, atol=1e-5, rtol=1e-5)


def test_every_parameter_learns():
    network = random_network().train()
    network(torch.rand(1, 1, *SMALLEST)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("size", [(28, 214, 214), (29, 213, 214), (29, 214, 240)])
def test_sizes_that_do_not_fit_are_refused(size):
    with pytest.raises(ValueError, match=r"^crops: z of at least 29, y and x of 214 or .*, got \(1, 1, .*cut them\.$"):
        random_network()(torch.zeros(1, 1, *size))
