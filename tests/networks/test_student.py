import numpy as np
import pytest
import torch
from receptive_fields import farthest_felt

from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.student import RECEPTIVE_RADIUS, _stretch, _stretched

DOUBLE_CONVS = {  # prefix: (channels in, out) in units of the feature maps
    "down.0.mpconv.1.conv": (1, 2),
    "down.1.mpconv.1.conv": (4, 4),
    "down.2.mpconv.1.conv": (4, 8),
    "down.3.mpconv.1.conv": (8, 8),
    "up1.conv.conv": (16, 4),
    "up2.conv.conv": (8, 2),
    "up3_t.conv.conv": (4, 1),
    "up3_tn.conv.conv": (4, 1),
    "up4_t.conv.conv": (2, 2),
    "up4_tn.conv.conv": (2, 2),
}


def expected_shapes(maps: int, embedding: int) -> dict[str, tuple[int, ...]]:
    shapes = double_conv("inc.conv.conv", 1, maps)
    for prefix, (channels_in, channels) in DOUBLE_CONVS.items():
        shapes |= double_conv(prefix, channels_in * maps, channels * maps)
    for branch in ("outc_t", "outc_tn"):
        shapes |= {f"{branch}.conv.weight": (embedding, 2 * maps, 1, 1), f"{branch}.conv.bias": (embedding,)}
    return shapes


def double_conv(prefix: str, channels_in: int, channels: int) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for conv, before in ((0, channels_in), (3, channels)):
        shapes |= {f"{prefix}.{conv}.weight": (channels, before, 3, 3), f"{prefix}.{conv}.bias": (channels,)}
        norm = ("weight", "bias", "running_mean", "running_var")
        shapes |= {f"{prefix}.{conv + 1}.{name}": (channels,) for name in norm}
        shapes |= {f"{prefix}.{conv + 1}.num_batches_tracked": ()}
    return shapes


def random_student(seed: int = 0, **sizes: int) -> CadStudent:
    torch.manual_seed(seed)
    return CadStudent(CadStudentConfig(**sizes)).eval()


@pytest.mark.parametrize(("maps", "embedding", "values"), [(16, 16, 903_078), (4, 6, None), (24, 12, None)])
def test_state_dict_is_the_published_one_at_any_size(maps, embedding, values):
    state = CadStudent(CadStudentConfig(maps, embedding)).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == expected_shapes(maps, embedding)
    if values:
        assert sum(tensor.numel() for tensor in state.values()) == values


@pytest.mark.parametrize("shape", [(16, 16), (32, 80)])
def test_embeddings_have_the_size_of_the_sections(shape):
    student = random_student(maps=2, embedding_channels=5)
    with torch.no_grad():
        previous, current = student(torch.rand(3, 2, *shape))
    assert previous.shape == current.shape == (3, 5, *shape)


def test_forward_is_embed_of_encode():
    student = random_student(maps=2, embedding_channels=3)
    sections = torch.rand(4, 1, 16, 32)
    with torch.no_grad():
        features = student.encode(sections)
        walked = student.embed(
            *([type(features)(f[s], h[s]) for f, h in [features] for s in (slice(0, 3), slice(1, 4))])
        )
        pairs = student(torch.cat([sections[:-1], sections[1:]], dim=1))
    for one, other in zip(walked, pairs, strict=True):
        torch.testing.assert_close(one, other)


def test_the_first_section_of_a_pair_is_the_previous_one():
    """Swapping sections changes the result, unless the two branches' weights are swapped as well."""
    student, mirrored = random_student(1, maps=2), random_student(1, maps=2)
    mirrored.load_state_dict(mirror(student.state_dict()))
    pair = torch.rand(1, 2, 32, 32)
    with torch.no_grad():
        previous, current = student(pair)
        swapped_previous, swapped_current = student(pair.flip(1))
        mirrored_previous, mirrored_current = mirrored(pair.flip(1))
    assert not torch.allclose(previous, swapped_current)
    assert not torch.allclose(current, swapped_previous)
    torch.testing.assert_close(mirrored_current, previous)
    torch.testing.assert_close(mirrored_previous, current)


def mirror(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    twin = {"_t.": "_tn.", "_tn.": "_t."}
    result = {}
    for name, tensor in state.items():
        suffix = next((s for s in twin if s in name), None)
        result[name.replace(suffix, twin[suffix]) if suffix else name] = tensor
    weight = result["down.1.mpconv.1.conv.0.weight"]
    result["down.1.mpconv.1.conv.0.weight"] = torch.cat(weight.chunk(2, dim=1)[::-1], dim=1)
    return result


def test_in_section_affinities_are_those_of_the_current_section():
    previous, current = torch.rand(2, 1, 3, 4, 5)
    affinities = pair_affinities(previous, current)
    torch.testing.assert_close(pair_affinities(torch.rand_like(previous), current)[:, 1:], affinities[:, 1:])


# ---- receptive field -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-2, -1])
def test_no_pixel_beyond_the_receptive_radius_is_felt(axis):
    student = CadStudent(CadStudentConfig(maps=1, embedding_channels=1))
    assert farthest_felt(student, axis) == RECEPTIVE_RADIUS


@pytest.mark.parametrize("length", [16, 32, 112, 128, 144, 256, 1024, 4096, 16 * 1009])
def test_the_receptive_radius_holds_at_every_place_of_an_image_of_any_size(length):
    here = np.arange(length)
    first, last = reach(length)
    assert max((here - first).max(), (last - here).max()) <= RECEPTIVE_RADIUS


def reach(length: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last input pixel that each output pixel sees, on one axis, layer by layer."""
    pixels = np.arange(length)
    full = convolved((pixels, pixels))
    half = convolved(pooled(full))
    quarter = convolved(pooled(half))
    eighth = convolved(pooled(quarter))
    seen = convolved(pooled(eighth))
    for skip in (eighth, quarter, half, full):
        up = upsampled(seen)
        seen = convolved((np.minimum(up[0], skip[0]), np.maximum(up[1], skip[1])))
    return seen


def convolved(seen):
    """Two 3 x 3 convolutions."""
    first, last = (np.pad(s, 2, mode="edge") for s in seen)
    n = len(seen[0])
    return np.min([first[k : k + n] for k in range(5)], axis=0), np.max([last[k : k + n] for k in range(5)], axis=0)


def pooled(seen):
    return np.minimum(seen[0][::2], seen[0][1::2]), np.maximum(seen[1][::2], seen[1][1::2])


def upsampled(seen):
    """Output i lies at i (n - 1) / (2 n - 1) of the input; only a whole number has one neighbour instead of two."""
    n = len(seen[0])
    place, rest = np.divmod(np.arange(2 * n) * (n - 1), 2 * n - 1)
    return seen[0][place], seen[1][place + (rest > 0)]


@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize(("length", "start", "whole"), [(16, 0, 16), (32, 16, 48), (64, 960, 1024), (128, 640, 20000)])
def test_stretched_by_slices_is_stretched_by_index(length, start, whole, axis, memory):
    maps = torch.rand(2, 5, *((length // 2, 7) if axis == 2 else (7, length // 2))).to(memory_format=memory)
    stretch = _stretch(length, start, whole)
    weight = stretch.weight.reshape([-1 if a == axis else 1 for a in range(4)])
    by_index = torch.lerp(maps.index_select(axis, stretch.below), maps.index_select(axis, stretch.above), weight)
    assert torch.equal(_stretched(maps, axis, stretch), by_index)
