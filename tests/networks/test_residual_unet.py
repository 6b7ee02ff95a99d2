import pytest
import torch
from torch.nn import functional as F

from napari_emcad.networks.residual_unet import SSNS, ResidualUNet, ResidualUNetConfig

TINY = ResidualUNetConfig((2, 3, 5), outputs=4)
KINDS = [
    TINY,
    ResidualUNetConfig((3, 2), outputs=6, merge="cat"),
    ResidualUNetConfig((2, 3, 4, 2), outputs=3, upsampling="transposed", affinities=True),
    ResidualUNetConfig((2, 3, 5), outputs=3, upsampling="transposed", merge="cat", affinities=True),
]


def random_network(config: ResidualUNetConfig, seed: int = 0) -> ResidualUNet:
    """In eval mode, running means and variances drawn, too."""
    torch.manual_seed(seed)
    network = ResidualUNet(config).eval()
    for name, tensor in network.state_dict().items():
        if "running" in name:
            tensor.copy_(torch.rand(tensor.shape) + 0.5)
    return network


def published_forward(state: dict[str, torch.Tensor], x: torch.Tensor, config: ResidualUNetConfig) -> torch.Tensor:
    """The network written down anew, from its weights only."""

    def conv(name, x, pad):
        return F.conv3d(F.pad(x, pad), state[f"{name}.weight"], state.get(f"{name}.bias"))

    def norm(name, x):
        values = (state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *values, eps=1e-5)

    def block(name, x):
        x = F.elu(norm(f"{name}.block1.1", conv(f"{name}.block1.0", x, (1, 1, 1, 1, 0, 0))))
        inner = F.elu(norm(f"{name}.block2.1", conv(f"{name}.block2.0", x, (1,) * 6)))
        return F.elu(norm(f"{name}.block3", x + conv(f"{name}.block2.3", inner, (1,) * 6)))

    def up(name, x):
        if config.upsampling == "transposed":
            weight, bias = state[f"{name}.0.weight"], state[f"{name}.0.bias"]
            x = F.conv_transpose3d(x, weight, bias, stride=(1, 2, 2), groups=len(weight))
        else:
            x = F.interpolate(x, scale_factor=(1, 2, 2), mode="trilinear", align_corners=True)
        return conv(f"{name}.1", x, (0,) * 6)

    n = len(config.maps) - 1
    x, skips = F.elu(conv("embed_in.0", x, (2, 2, 2, 2, 0, 0))), []
    for level in range(n):
        skips.append(block(f"conv{level}", x))
        x = F.max_pool3d(skips[-1], (1, 2, 2), (1, 2, 2))
    x = block("center", x)
    for level in range(n):
        x, skip = up(f"up{level}", x), skips[n - 1 - level]
        x = x + skip if config.merge == "add" else torch.cat([x, skip], 1)
        x = block(f"conv{n + level}", F.elu(norm(f"cat{level}.0", x)))
    x = conv("out_put.0", F.elu(conv("embed_out.0", x, (2, 2, 2, 2, 0, 0))), (0,) * 6)
    return torch.sigmoid(x) if config.affinities else x


@pytest.mark.parametrize("config", KINDS, ids=lambda c: f"{len(c.maps)}-{c.upsampling}-{c.merge}")
def test_output_is_that_of_the_network_written_down_anew(config):
    network = random_network(config).double()
    crops = torch.rand(2, 1, 3, 16, 24, dtype=torch.double)
    before = crops.clone()
    with torch.no_grad():
        found, expected = network(crops), published_forward(network.state_dict(), crops, config)
    assert found.shape == (2, config.outputs, 3, 16, 24)
    torch.testing.assert_close(found, expected)
    assert torch.equal(crops, before)
    assert found.std() > 1e-3, "a dull network shows nothing"


@pytest.mark.parametrize(("config", "values"), [(ResidualUNetConfig(), 1_481_011), (SSNS, 1_558_798)])
def test_the_published_sizes(config, values):
    with torch.device("meta"):
        state = ResidualUNet(config).state_dict()
    assert sum(tensor.numel() for tensor in state.values()) == values


def test_affinities_are_between_0_and_1():
    with torch.no_grad():
        found = random_network(KINDS[3])(torch.rand(1, 1, 2, 8, 12) * 100)
    assert 0 <= found.min() < found.max() <= 1


@pytest.mark.parametrize("config", KINDS, ids=lambda c: f"{len(c.maps)}-{c.upsampling}-{c.merge}")
def test_every_parameter_learns(config):
    """In-place steps must leave what the gradient needs."""
    network = random_network(config).train()
    network(torch.rand(2, 1, 3, 16, 16)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_z_is_seen_by_convolutions_only():
    """Two sections of a crop, each too far from the other to see it, do not change each other."""
    network = random_network(ResidualUNetConfig((2, 3), outputs=4)).double()
    crop = torch.rand(1, 1, 14, 8, 8, dtype=torch.double)
    other = crop.clone()
    other[:, :, 0] = torch.rand(8, 8)
    with torch.no_grad():
        changed = (network(crop) - network(other)).abs().amax((0, 1, 3, 4)) > 1e-15
    assert changed[:7].all()  # two convolutions at each of three blocks
    assert not changed[7:].any()
