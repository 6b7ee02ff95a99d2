from pathlib import Path

import pytest

from napari_emcad.io.labels.formats import FORMATS
from napari_emcad.io.sessions.export import EXPORTS
from napari_emcad.widgets.export.file_formats import LABEL_FORMATS, LAYER, SESSION_FORMATS, TIFF, FileFormat, format_of


def test_there_are_writers_for_all():
    assert {f.name for f in LABEL_FORMATS.values()} == set(FORMATS)
    for proposed in LABEL_FORMATS.values():
        assert set(proposed.suffixes) >= set(FORMATS[proposed.name].endings)
    assert {f.what for f in SESSION_FORMATS.values()} | {"labels"} == set(EXPORTS)


@pytest.mark.parametrize(
    ("suffixes", "chosen", "expected"),
    [
        ((".tif", ".tiff"), "a", "a.tif"),
        ((".tif", ".tiff"), "a.TIFF", "a.TIFF"),
        ((".tif", ".tiff"), "a.b", "a.b.tif"),
        ((".ome.zarr",), "a.zarr", "a.zarr.ome.zarr"),
        (("",), "a.b", "a.b"),
    ],
)
def test_names_are_completed(suffixes, chosen, expected):
    assert FileFormat("neurons", suffixes).completed(Path("f") / chosen) == Path("f") / expected


def test_words_for_the_dialog():
    tiff, sections = FileFormat("neurons", (".tif", ".tiff")), FileFormat("sections", ("",))
    assert (tiff.proposed_name("stack"), tiff.kinds) == ("stack neurons.tif", "neurons (*.tif *.tiff)")
    assert (sections.proposed_name("stack"), sections.kinds) == ("stack sections", "")


def test_a_format_by_its_name():
    assert format_of("edit log").what == "log"
    assert format_of("label Zarr").suffix == ".zarr"
    assert format_of(LAYER) == format_of(TIFF)
