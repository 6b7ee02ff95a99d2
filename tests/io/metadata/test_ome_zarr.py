import pytest

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.ome_zarr import OmeImage, label_attributes, place_of_level, read_image

NM = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]


def transform(**numbers):
    return [{"type": kind, kind: values} for kind, values in numbers.items()]


def drawn(axes=NM, levels=(), **image):
    return {"multiscales": [{"axes": axes, "datasets": list(levels), **image}]}


LEVELS = [
    {"path": "s0", "coordinateTransformations": transform(scale=[40, 5, 4])},
    {"path": "s1", "coordinateTransformations": transform(scale=[40, 10, 8], translation=[0, 2.5, 2])},
]


@pytest.mark.parametrize("wrap", [lambda a: a, lambda a: {"ome": a, "other": 1}], ids=["0.4", "0.5"])
def test_levels_and_their_places(wrap):
    image = read_image(wrap(drawn(levels=LEVELS)))
    assert [level.path for level in image.levels] == ["s0", "s1"]
    assert place_of_level(image, "s0") == (VoxelSize(40, 5, 4), None)
    assert place_of_level(image, "s1") == (VoxelSize(40, 10, 8), (0, 2.5, 2))
    assert place_of_level(image, "s2") == (None, None)


def test_transformations_of_the_image_come_after_those_of_a_level():
    of_image = transform(scale=[2, 3, 1], translation=[7, 0, 1])
    image = read_image(drawn(levels=LEVELS, coordinateTransformations=of_image))
    assert place_of_level(image, "s1") == (VoxelSize(80, 30, 8), (7, 7.5, 3))


@pytest.mark.parametrize("axes", [[], ["z", "y", "x"], [{"name": axis} for axis in "zyx"], [*NM[:2], {"unit": None}]])
def test_no_place_without_units(axes):
    """Before 0.4 axes have names alone, and before 0.3 there are none."""
    image = read_image(drawn(axes, LEVELS))
    assert len(image.levels) == 2 and place_of_level(image, "s0") == (None, None)


@pytest.mark.parametrize("attributes", [{}, {"multiscales": []}, {"multiscales": None}, {"ome": {"version": "0.5"}}])
def test_no_image(attributes):
    assert read_image(attributes) == OmeImage()


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"ome": 5}, "OME-Zarr metadata"),
        (drawn(coordinateTransformations=[{"type": "scale", "path": "s"}]), "a scale with its numbers is needed"),
        ({"multiscales": {"0": 1}}, "OME-Zarr metadata, multiscales: "),
        (drawn(levels=[{"name": "s0"}]), r"OME-Zarr metadata, datasets\.0\.path: "),
        (drawn(levels=[{"path": "s0", "coordinateTransformations": [{"scale": "big"}]}]), r"datasets\.0\..*scale: "),
    ],
)
def test_damaged_metadata(attributes, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_image(attributes)


@pytest.mark.parametrize(("size", "offset"), [(VoxelSize(30, 6, 5), (60.0, 0.0, 5.0)), (None, (0.0, 0.0, 0.0))])
def test_written_metadata_is_read_back(size, offset):
    image = read_image(label_attributes("labels", [1, 2, 4], size, offset, "0.5"))
    assert [level.path for level in image.levels] == ["0", "1", "2"]
    places = [place_of_level(image, str(i)) for i in range(3)]
    if size is None:
        assert places == [(None, None)] * 3
    else:
        assert places == [(VoxelSize(30, 6 * step, 5 * step), offset) for step in (1, 2, 4)]
