import argparse
import collections
import datetime
import decimal
import io
import os
import pathlib
import pickle
import random
import sys
import tarfile
import types
import typing
import uuid
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks.weights_file import read_content

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([7.0, -8.0])}


def saved(payload: object, legacy: bool = False, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(payload, buffer, _use_new_zipfile_serialization=not legacy, **options)
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return buffer.getvalue()


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.fixture
def file(tmp_path):
    def write(content: bytes):
        path = tmp_path / "odd.ckpt"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [saved(WEIGHTS), saved(WEIGHTS, legacy=True), safetensors.torch.save(WEIGHTS)],
    ids=["torch", "torch before 1.6", "safetensors"],
)
def test_the_files_that_are_read(file, content):
    value = read_content(file(content)).value
    assert sorted(value) == sorted(WEIGHTS)
    assert all(torch.equal(value[name], WEIGHTS[name]) for name in WEIGHTS)


def test_the_hash_is_checked_before_anything_is_read(file):
    path = file(saved(WEIGHTS))
    good = read_content(path).sha256
    assert read_content(path, good).sha256 == good
    path.write_bytes(b"no torch file any more")
    with pytest.raises(UserError, match=rf"odd.ckpt was changed after its card .*{good[:12]}\.\.\. is needed"):
        read_content(path, good)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty; "),
        (b"PK", "is cut off; "),
        (saved(WEIGHTS)[:700], "is cut off; "),
        (saved(WEIGHTS)[:-30], "is cut off; "),
        (saved(WEIGHTS, legacy=True)[:9], "is cut off; "),
        (saved(WEIGHTS, legacy=True)[:300], "is cut off or damaged; "),
        (saved(WEIGHTS, legacy=True)[:-5], "is cut off or damaged; "),
        (b"# Notes\nclass A\nto be \xc3\xa4ndert\n" * 9, "is a text file; "),
        (b"class A\nto be\n" * 9, "is a text file; "),
        (b"x" * 4095 + "ä".encode(), "is a text file; "),
        (b'{"epochs": 3}', "is a text file; "),
        (zipped(**{"word/document.xml": b"<w/>"}), "is a zip archive but no file of torch.save; "),
        (zipped(**{"a.npy": b"\x93NUMPY"}), "is a zip archive but no file of torch.save; "),
        (zipped(**{"archive/data.pkl": b"\x80\x02N."}), "is cut off or damaged; "),
        (
            zipped(**{"a/data.pkl": b"\x80\x02N.", "a/constants.pkl": b"\x80\x02)."}),
            "holds a TorchScript program instead of weights and was not opened; ",
        ),
        (tarred(), "is no file of torch.save; "),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is no file of torch.save; "),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is no file of torch.save; "),
        (pickle.dumps({"a": 1}), "is no file of torch.save; "),
        (safetensors.torch.save(WEIGHTS)[:40], "is cut off or damaged; "),
        (safetensors.torch.save(WEIGHTS)[:-8], "is cut off or damaged; "),
        (safetensors.torch.save(WEIGHTS).replace(b"F32", b"F99"), "is cut off or damaged; "),
    ],
    ids=range(22),
)
def test_what_is_no_checkpoint_is_told_in_one_sentence(file, content, says):
    with pytest.raises(UserError, match=rf"^checkpoint: .*{says}.*\.$") as error:
        read_content(file(content))
    assert "odd.ckpt" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_is_not_opened(file, tmp_path, protocol):
    path = file(pickle.dumps({"model_weights": Hostile(tmp_path / "hacked")}, protocol=protocol))
    with pytest.raises(UserError, match=r"holds code instead of weights \(\w+\.mkdir\) and was not opened; only a"):
        read_content(path)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
def test_a_hostile_torch_file_is_not_opened(file, tmp_path, legacy, protocol):
    payload = {"model_weights": {**WEIGHTS, "b": Hostile(tmp_path / "hacked")}}
    content = saved(payload, legacy=legacy, pickle_protocol=protocol)
    with pytest.raises(UserError, match=r"holds code instead of weights \(\w+\.mkdir\) and was not opened; only a"):
        read_content(file(content))
    assert not (tmp_path / "hacked").exists()


def test_a_whole_module_is_code(file):
    with pytest.raises(UserError, match=r"holds code instead of weights \(torch.nn.modules.linear.Linear\)"):
        read_content(file(saved(torch.nn.Linear(2, 2))))


def test_objects_of_other_libraries_are_named(file):
    with pytest.raises(UserError, match=r"holds code instead of weights \(numpy.random") as error:
        read_content(file(saved({"model_weights": WEIGHTS, "random": np.random.default_rng(1)})))
    assert 'torch.save(network.state_dict(), "NEW.pt")' in str(error.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
def test_another_pickle_protocol_is_told(file):
    with pytest.raises(UserError, match=r"was saved with pickle protocol 4, .*; save it with protocol 2\.$"):
        read_content(file(saved({"kept": b"bytes"}, pickle_protocol=4)))


def test_without_the_library_the_extra_is_named(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UserError, match=r'files of safetensors need .* install "napari-emcad\[safetensors\]"'):
        read_content(file(safetensors.torch.save(WEIGHTS)))


def other_class(monkeypatch, name: str, base: type = object) -> type:
    """Return a class that pickles under this full name."""
    module, _, short = name.rpartition(".")
    made = type(short, (base,), {"__module__": module})
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        monkeypatch.setitem(sys.modules, path, types.ModuleType(path))
    setattr(sys.modules[module], short, made)
    return made


def kept(file, payload, legacy=False):
    return read_content(file(saved({"weights": WEIGHTS, "kept": payload}, legacy))).value["kept"]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.9),
        np.float32(0.5),
        np.float16(2),
        np.int64(-7),
        np.uint8(200),
        np.bool_(True),
        np.dtype(">i4").type(3),
    ],
)
def test_numbers_of_numpy_are_read(file, value, legacy):
    found = kept(file, value, legacy)
    assert found == value
    assert type(found) in (int, float, bool)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        np.array(7.0),
        np.zeros((0, 3), np.uint8),
        np.array([True, False]),
    ],
)
def test_arrays_of_numpy_are_read(file, array):
    values = kept(file, array).values
    assert values.dtype == array.dtype
    np.testing.assert_array_equal(values, array)


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([{}]), np.zeros(2, [("a", "f4")]), np.array([1j])])
def test_other_arrays_are_forgotten(file, array):
    assert kept(file, array).values is None


@pytest.mark.parametrize(
    "value",
    [
        argparse.Namespace(rate=1e-3, out=pathlib.PurePosixPath("a/b")),
        types.SimpleNamespace(rate=1e-3),
        pathlib.Path("a/b"),
        pathlib.PureWindowsPath("a/b"),
        datetime.datetime(2026, 1, 2, 3),
        datetime.timedelta(1),
        decimal.Decimal("1.5"),
        uuid.UUID(int=5),
        np.float32,
        np.dtype("f4"),
        frozenset({1}),
        {1, 2},
        1j,
        b"bytes",
        torch.Size([2, 3]),
        torch.float16,
        torch.device("cpu"),
        torch.__version__,
        np.random.RandomState(1).get_state(),
        torch.get_rng_state(),
        random.Random(1).getstate(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_training_programs_keep_beside_weights(file, value):
    kept(file, {"deep": [value]})


@pytest.mark.parametrize(
    "value",
    [
        collections.OrderedDict(a=1),
        collections.Counter(a=1),
        collections.defaultdict(int, a=1),
        collections.defaultdict(list, a=1),
    ],
)
def test_mappings_are_filled(file, value):
    assert kept(file, value) == {"a": 1}


@pytest.mark.parametrize(
    "name",
    [
        "lightning.fabric.utilities.data.AttributeDict",
        "pytorch_lightning.utilities.parsing.AttributeDict",
        "easydict.EasyDict",
    ],
)
def test_mappings_of_other_libraries_are_filled(file, monkeypatch, name):
    made = other_class(monkeypatch, name, dict)(a=1)
    made.b = 2  # its own state, as easydict keeps
    assert kept(file, made) == {"a": 1}


def test_options_of_omegaconf_are_forgotten(file, monkeypatch):
    made = other_class(monkeypatch, "omegaconf.dictconfig.DictConfig")()
    made.content = {"a": typing.Any}
    assert "Forgotten" in type(kept(file, made)).__name__


def test_own_classes_are_refused_by_name(file, monkeypatch):
    made = other_class(monkeypatch, "mytrain.config.Config")()
    with pytest.raises(UserError, match=r"holds code instead of weights \(mytrain.config.Config\)"):
        kept(file, made)


def test_the_stand_ins_are_known_only_while_a_file_is_read(file):
    before = set(torch.serialization.get_safe_globals())
    kept(file, np.float64(1))
    assert set(torch.serialization.get_safe_globals()) == before


def test_what_unpacks_to_much_more_than_it_is_is_not_unpacked(file, monkeypatch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/version", "3")
        archive.writestr("archive/data.pkl", bytes(1 << 22))
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(UserError, match=r"unpacks to .* from .*, which no weights or tables do; choose another file"):
        read_content(file(buffer.getvalue()))


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"is a folder; choose a checkpoint file\.$"):
        read_content(tmp_path)
    with pytest.raises(UserError, match=r"none.pt does not exist; choose a checkpoint file\.$"):
        read_content(tmp_path / "none.pt")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_few_changed_bytes_give_weights_or_a_sentence(file, legacy):
    chance = random.Random(legacy)
    content = saved(WEIGHTS, legacy)
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 5)):
            changed[chance.randrange(len(content))] = chance.randrange(256)
        try:
            read_content(file(bytes(changed)))
        except UserError as error:
            assert str(error).startswith("checkpoint: ")
