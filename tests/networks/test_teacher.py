import pytest
import torch

from napari_emcad.core.affinities import NEAREST
from napari_emcad.networks.mala import MalaUNet, MalaUNetConfig
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from napari_emcad.networks.teacher import TEACHER_OFFSETS, build_teacher, nearest_affinities

LENGTHS = [(1, 1, 1), (2, 3, 3), (3, 9, 9), (4, 27, 27)]


def test_the_offsets_are_the_published_ones():
    assert TEACHER_OFFSETS[:3] == NEAREST
    assert [-sum(offset) for offset in TEACHER_OFFSETS] == [n for zyx in LENGTHS for n in zyx]
    assert all([a != 0 for a in o] == [axis == i % 3 for axis in range(3)] for i, o in enumerate(TEACHER_OFFSETS))


def test_nearest_affinities_of_embeddings_are_clipped():
    teacher = ResidualUNet(ResidualUNetConfig((2, 3), outputs=4)).eval()
    crops = torch.rand(2, 1, 3, 8, 10)
    with torch.no_grad():
        found = nearest_affinities(teacher, crops)
        unit = torch.nn.functional.normalize(teacher(crops), dim=1)
    signed = (unit[:, :, 1:] * unit[:, :, :-1]).sum(1)
    torch.testing.assert_close(found[:, 0, 1:], signed.clamp(0, 1))
    assert not found[:, 0, 0].any()
    assert 0 <= found.min() <= found.max() <= 1


def test_nearest_affinities_of_a_network_that_gives_them_are_its_output():
    teacher = ResidualUNet(ResidualUNetConfig((2, 3), outputs=3, affinities=True)).eval()
    crops = torch.rand(1, 1, 3, 8, 10)
    with torch.no_grad():
        assert torch.equal(nearest_affinities(teacher, crops), teacher(crops))


@pytest.mark.parametrize(
    ("config", "kind"),
    [(ResidualUNetConfig((2, 3), outputs=4), ResidualUNet), (MalaUNetConfig((2, 2, 2, 2)), MalaUNet)],
)
def test_a_teacher_is_built_from_its_config(config, kind):
    teacher = build_teacher(config)
    assert type(teacher) is kind
    assert teacher.config == config
