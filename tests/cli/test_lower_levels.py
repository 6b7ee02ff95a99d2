"""Sections of a volume behind a URL are looked at in a lower level, whoever looks at them: chunks read are counted."""

from collections import Counter

import numpy as np
import pytest
import zarr
from drawings import lively_student, neuropil
from fsspec.implementations.memory import MemoryFileSystem
from pyramids import write_pyramid

from napari_emcad.blocks import steps as blockwise
from napari_emcad.cli.main import main
from napari_emcad.core.geometry import Box
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.pipeline import segment

DEPTH, SIDE, CHUNK = 16, 1024, (4, 256, 256)
LAYERS = DEPTH // CHUNK[0]

BOX = "0:3,0:32,0:32"
"""With four sections after it, these are looked at."""

AROUND_LAYERS = 2
"""Layers of chunks that hold them."""


@pytest.fixture(scope="module")
def stack():
    drawn = neuropil((DEPTH, 128, 128), seed=1)
    return np.tile(drawn, (1, SIDE // 128, SIDE // 128))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.pt"
    save_model(lively_student(), path, ModelCard(title="small"))
    return path


@pytest.fixture
def fetched(monkeypatch):
    """How often each chunk was fetched, by its level and its own name."""
    found, cat = Counter(), MemoryFileSystem.cat_file

    def counted(self, path, *more, **options):
        level, _, chunk = path.partition("/c/")
        if chunk:
            found[level.rsplit("/", 1)[-1], chunk] += 1
        return cat(self, path, *more, **options)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", counted)
    return found


def of(level, fetched):
    return Counter({chunk: times for (name, chunk), times in fetched.items() if name == level})


def command(model, folder, sections, *more):
    def run(url):
        blockwise._load_inputs.cache_clear()
        blockwise._load_stack.cache_clear()
        where = ["--session", str(folder / f"{sections}.emcad"), "--device", "cpu", "--box", BOX, *more]
        assert main(["segment", url, "--model", str(model), "--sections", sections, *where]) == 0

    return run


def in_python(model, sections):
    def run(url):
        with open_stack(url) as opened:
            segment(opened.array, str(model), Box.parse(BOX, opened.array.shape), sections, device="cpu")

    return run


WAYS = {
    "inspect": (lambda model, folder, sections: lambda url: main(["inspect", url]), LAYERS),
    "segment": (command, AROUND_LAYERS),
    "by blocks": (
        lambda model, folder, sections: command(model, folder, sections, "--block", "4,512,512"),
        AROUND_LAYERS,
    ),
    "in Python": (lambda model, folder, sections: in_python(model, sections), LAYERS),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_lower_level_is_read_once_and_little_of_the_finest(way, stack, memory, model, tmp_path, fetched, capsys):
    """Whatever else a command reads of the finest level, it reads without a look at sections, too."""
    write_pyramid(memory, stack, chunks=CHUNK)
    make, layers = WAYS[way]
    if way != "inspect":
        make(model, tmp_path, "as-is")(memory)
    without = of("s0", fetched)
    assert not of("s1", fetched)
    fetched.clear()
    make(model, tmp_path, "auto")(memory)
    assert "full resolution" not in capsys.readouterr().err
    lower = of("s1", fetched)
    assert set(lower.values()) == {1}
    assert len(lower) == layers * (SIDE // 2 // CHUNK[1]) ** 2
    tiles = 4 * layers
    assert len(of("s0", fetched).keys() - without.keys()) <= tiles < layers * (SIDE // CHUNK[1]) ** 2


@pytest.mark.parametrize("way", ["inspect", "segment", "by blocks"])
def test_it_is_said_when_there_is_no_lower_level(way, stack, memory, model, tmp_path, fetched, capsys):
    zarr.create_array(memory, data=stack, chunks=CHUNK)
    make, layers = WAYS[way]
    make(model, tmp_path, "auto")(memory)
    millions = f"{(DEPTH if way == 'inspect' else 7) * SIDE**2 / 1e6:,.1f}"
    said = f"there is no lower level to look at them in; {millions} million voxels are read at full resolution."
    assert capsys.readouterr().err.count(said) == 1
    assert len(fetched) >= layers * (SIDE // CHUNK[1]) ** 2
