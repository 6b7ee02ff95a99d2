"""Checkpoints that claim more than they hold, or would take memory without an end: told before torch reads them."""

import io
import struct
import zipfile

import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks import pickle_audit
from napari_emcad.networks.pickle_audit import Audit, Excess
from napari_emcad.networks.weights_file import read_content


def saved(payload, legacy=False):
    buffer = io.BytesIO()
    torch.save(payload, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def with_pickle(change):
    """A checkpoint of a hundred ones, with another pickle in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved({"a": torch.ones(100)}))) as whole, zipfile.ZipFile(buffer, "w") as archive:
        for entry in whole.infolist():
            content = whole.read(entry)
            archive.writestr(entry.filename, change(content) if entry.filename.endswith("data.pkl") else content)
    return buffer.getvalue()


def call(name, *numbers, by=b"R"):
    """A pickle that calls something with whole numbers."""
    arguments = b"".join(b"J" + struct.pack("<i", number) for number in numbers)
    return b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n(" + arguments + b"t" + by + b"."


BOMBS = {
    "a storage longer than its entry": (lambda content: content.replace(b"Kd", b"M\xff\xff", 1), "a storage of 262140"),
    "a tensor larger than its storage": (
        lambda content: content.replace(b"Kd\x85", b"J\xff\xff\xff\x7f\x85"),
        "tensors",
    ),
    "an array of bytes": (lambda _: call("__builtin__ bytearray", 2_000_000_000), "an array of bytes"),
    "a tensor of numbers": (lambda _: call("torch FloatTensor", 60_000, 60_000), "a call of torch.FloatTensor"),
    "a storage": (lambda _: call("torch UntypedStorage", 2_000_000_000), "a call of torch.UntypedStorage"),
    "a new storage": (lambda _: call("torch.storage UntypedStorage", 2_000_000_000, by=b"\x81"), "a call of torch.sto"),
    "bytes that double": (
        lambda _: b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
        "another encoding",
    ),
}


@pytest.mark.parametrize(("change", "says"), BOMBS.values(), ids=BOMBS)
def test_what_claims_more_than_it_holds_is_told_before_it_is_read(tmp_path, monkeypatch, change, says):
    path = tmp_path / "a.ckpt"
    path.write_bytes(with_pickle(change))
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(
        UserError, match=rf"claims more than it holds \(.*{says}.*\) and was not opened; copy or"
    ) as told:
        read_content(path)
    assert "\n" not in str(told.value)


def test_too_many_objects_are_told(tmp_path, monkeypatch):
    path = tmp_path / "a.ckpt"
    path.write_bytes(with_pickle(lambda _: b"\x80\x02" + b"]" * 5000 + b"."))
    monkeypatch.setattr(pickle_audit, "MOST_STEPS", 1000)
    with pytest.raises(UserError, match=r"more than 1,000 objects"):
        read_content(path)


def test_a_storage_of_before_version_1_6_has_to_lie_in_the_file():
    content = saved({"a": torch.ones(100)}, legacy=True).replace(b"Kd", b"M\xff\xff", 1)
    with pytest.raises(Excess, match=r"a storage of 262140"):
        for file in [io.BytesIO(content)]:
            for _ in range(4):
                Audit(file, len(content)).load()


def test_a_list_of_entries_that_is_too_long_is_not_read(tmp_path):
    path = tmp_path / "a.ckpt"
    content = bytearray(saved({"a": torch.ones(2)}))
    end = content.rfind(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 1 << 30)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"lists 1\.1 GB of entries, which no weights or tables do; choose another"):
        read_content(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_tied_weights_and_states_of_optimisers_are_read(tmp_path, legacy):
    weight = torch.nn.Parameter(torch.ones(50, 50))
    optimiser = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimiser.step()
    content = {"a": weight, "b": weight.data.T, "half": weight.data.half(), "optimiser": optimiser.state_dict()}
    path = tmp_path / "a.ckpt"
    path.write_bytes(saved(content, legacy))
    assert torch.equal(read_content(path).value["b"], weight.data.T)


def test_a_text_that_is_longer_than_its_file_takes_no_memory(tmp_path):
    path = tmp_path / "a.ckpt"
    path.write_bytes(with_pickle(lambda _: b"\x80\x02X\xff\xff\xff\xffabc."))
    with pytest.raises(UserError, match=r"claims more than it holds \(a text of 4294967295 bytes\)"):
        read_content(path)
