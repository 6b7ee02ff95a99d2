import json
import shutil
import tracemalloc

import numpy as np
import pytest
import zarr
from damage import spoil_edit
from graphs import LADDER, LINE, groups, segmentation, widened
from line_session import FACTS, affinities

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.progress import drive
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions import segmentation_files as session_files
from napari_emcad.io.sessions.box_files import write_boxes
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import find_boxes, open_session, open_session_at

ANYWHERE = FACTS.model_copy(update={"box": None})
"""The facts of a session on another number of fragments."""


@pytest.mark.parametrize("stays_in_files", [False, True])
def test_ids_of_8_bytes(tmp_path, stays_in_files, monkeypatch):
    """Unsigned in the fragments' files, which other programs read."""
    base = widened(segmentation(LINE))
    create_session(tmp_path / "a.emcad", base, affinities(base.fragments.shape), FACTS).close()
    assert zarr.open(tmp_path / "a.emcad" / "fragments.zarr", mode="r").dtype == np.uint64
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 0 if stays_in_files else 1 << 31)
    with open_session(tmp_path / "a.emcad") as opened:
        state = opened.session.state
        assert isinstance(state.base.fragments, ChunkedLabels) is stays_in_files
        assert {a.dtype for a in (state.base.fragments, state.table, state.graph.u)} == {np.dtype(np.int64)}
        opened.session.split_fragment([(0, 0, 1)], [(0, 0, 8)])
        expected = np.array(state.base.fragments[:])
        assert set(np.unique(expected)) == {2, 3, 4, 5, 6}
    with open_session(tmp_path / "a.emcad") as opened:
        np.testing.assert_array_equal(opened.session.state.base.fragments, expected)


def test_edits_are_there_on_reopening(folder):
    with open_session(folder) as opened:
        opened.session.merge(1, 4, confirmed=True)
        opened.session.detach(2)
        opened.session.undo()
        live = opened.session.state.digest()
    with open_session(folder) as opened:
        assert opened.session.state.digest() == live
        assert groups(opened.session) == [[1, 2, 3, 4]]
        assert opened.session.redo().seq == 4


def test_the_session_as_it_was(folder):
    with open_session(folder) as opened:
        digests = [opened.session.state.digest()]
        for edit in (lambda s: s.merge(1, 4, confirmed=True), lambda s: s.detach(2), lambda s: s.undo()):
            edit(opened.session)
            digests.append(opened.session.state.digest())
        assert [open_session_at(opened, seq).state.digest() for seq in range(4)] == digests
        assert not open_session_at(opened, 1).log.writable
        assert len(opened.session.log.rows) == 3
        for wrong in (-1, 4):
            with pytest.raises(UserError, match=f"an edit from 0 to 3 is needed, got {wrong}"):
                open_session_at(opened, wrong)


def in_one_file(folder):
    """Lay a session out as version 1 did."""
    for name in ("graph", "boxes"):
        if (folder / name).exists():
            np.savez(folder / f"{name}.npz", **{file.stem: np.load(file) for file in (folder / name).glob("*.npy")})
            shutil.rmtree(folder / name)
    _edit_json(folder, format_version=1, checksums={})


def test_a_session_of_an_earlier_version(folder):
    write_boxes(folder, drive(find_fragment_boxes(segmentation(LINE).fragments)))
    with open_session(folder) as opened:
        opened.session.merge(1, 4, confirmed=True)
        live, boxes = opened.session.state.digest(), drive(find_boxes(opened))
    in_one_file(folder)
    with open_session(folder) as opened:
        assert opened.session.state.digest() == live
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, boxes.stop)
        opened.session.split_fragment([(0, 0, 1)], [(0, 0, 8)])
    copy_session(folder, folder.parent / "b.emcad")
    with open_session(folder) as opened, open_session(folder.parent / "b.emcad") as copied:
        assert copied.session.state.digest() == opened.session.state.digest() != live
        np.testing.assert_array_equal(drive(find_boxes(copied)).stop, drive(find_boxes(opened)).stop)
    _cut_short(folder / "graph.npz")
    with pytest.raises(UserError, match=r"graph\.npz: missing or damaged"):
        open_session(folder)


def test_of_the_tables_only_what_is_looked_at_is_read(folder):
    with open_session(folder) as opened:
        base = opened.session.state.base
        for column in (base.graph.u, base.graph.quantiles, base.tree.gaps, base.sizes):
            assert isinstance(column.base, np.memmap)


def test_where_fragments_lie_is_sought_once(folder, monkeypatch):
    shutil.rmtree(folder / "boxes")
    with open_session(folder) as opened:
        sought = drive(find_boxes(opened))
    monkeypatch.setattr(
        "napari_emcad.io.sessions.open_session.find_fragment_boxes", lambda _: pytest.fail("sought again")
    )
    with open_session(folder) as opened:
        np.testing.assert_array_equal(drive(find_boxes(opened)).start, sought.start)


def test_of_a_session_that_is_only_read_nothing_is_kept(folder):
    shutil.rmtree(folder / "boxes")
    with open_session(folder, to_read=True) as opened:
        drive(find_boxes(opened))
    assert not (folder / "boxes").exists()


@pytest.mark.parametrize("stays_in_files", [False, True])
def test_a_parted_fragment_changes_no_file_and_can_be_seen_whole_again(folder, stays_in_files, monkeypatch):
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 0 if stays_in_files else 1 << 31)
    with open_session(folder) as opened:
        assert isinstance(opened.session.state.base.fragments, ChunkedLabels) is stays_in_files
        before = np.array(opened.session.state.base.fragments[:])
        opened.session.split_fragment([(0, 0, 1)], [(0, 0, 8)])
        live = np.array(opened.session.state.base.fragments[:])
        assert len(np.unique(live)) == len(np.unique(before)) + 1
        np.testing.assert_array_equal(open_session_at(opened, 0).state.base.fragments, before)
        np.testing.assert_array_equal(opened.session.state.base.fragments, live)
    with open_session(folder) as opened:
        np.testing.assert_array_equal(opened.session.state.base.fragments, live)


def test_fragments_too_many_to_be_read_are_read_where_they_are_looked_at(folder, monkeypatch):
    with open_session(folder) as opened:
        expected, base_hash = opened.session.state.base.fragments, opened.session.base_hash
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 0)
    with open_session(folder) as opened:
        np.testing.assert_array_equal(opened.session.state.base.fragments, expected)
        assert opened.session.base_hash == base_hash
        opened.session.merge(1, 4, confirmed=True)
    for chunk in (f for f in (folder / "fragments.zarr").rglob("*") if f.is_file() and not f.name.startswith(".z")):
        chunk.unlink()
    with open_session(folder) as opened:
        assert opened.session.state.table[1] == opened.session.state.table[4]
        with pytest.raises(UserError, match=r"fragments\.zarr/0/0/0: cannot be read \(.*No such file"):
            opened.session.state.base.fragments[0, 0, 0]
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 1 << 31)
    with pytest.raises(UserError, match="its edits were made on other fragments"):
        open_session(folder)


def test_boxes_are_kept_or_sought(folder):
    with open_session(folder) as opened:
        sought = drive(find_fragment_boxes(opened.session.state.base.fragments))
        write_boxes(folder, FragmentBoxes(sought.start + 1, sought.stop + 1))  # of others
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, sought.stop)
        write_boxes(folder, FragmentBoxes(sought.start[:-1], sought.stop[:-1]))
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, sought.stop)
        (folder / "boxes" / "stop.npy").write_bytes(b"no")
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, sought.stop)


def test_a_damaged_log_is_read_to_its_last_good_row(folder):
    with open_session(folder) as opened:
        opened.session.detach(2)
        opened.session.merge(1, 4, confirmed=True, note="here")
    spoil_edit(folder)
    with open_session(folder) as opened:
        assert "damaged after edit 1" in opened.why_read_only
        assert groups(opened.session) == [[1], [2], [3, 4]]
        with pytest.raises(UserError):
            opened.session.undo()


def _edit_json(folder, **changes):
    file = folder / "session.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def _swap_fragments(folder):
    other = segmentation(LINE, sizes=[11, 9, 10, 10])
    create_session(folder.parent / "other.emcad", other, None, FACTS).close()
    (folder / "fragments.zarr").rename(folder / "aside")
    (folder.parent / "other.emcad" / "fragments.zarr").rename(folder / "fragments.zarr")


def _foreign_log(folder):
    with create_session(folder.parent / "other.emcad", segmentation(LADDER), None, ANYWHERE) as other:
        other.session.lock(1)
    (folder.parent / "other.emcad" / "edits.db").replace(folder / "edits.db")


def _cut_short(path):
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: (f / "session.json").unlink(), "a session folder .* is needed, this is none"),
        (lambda f: (f / "session.json").write_text("{"), "session.json: the file is damaged"),
        (lambda f: (f / "session.json").write_text("[]"), "session.json: the file is damaged"),
        (lambda f: _edit_json(f, threshold="high"), "session.json: the file is damaged"),
        (lambda f: _edit_json(f, format_version=4), "format 1 to 3 is needed, the session has format 4"),
        (lambda f: _edit_json(f, format_version=3), "session.json: the file is damaged"),
        (lambda f: _edit_json(f, sections={"shape": [9, 50, 50]}), "session.json: the file is damaged"),
        (lambda f: _edit_json(f, format_version=3, sections={"shape": [9]}), "session.json: the file is damaged"),
        (lambda f: _edit_json(f, format_version=3, sections=[]), "session.json: the file is damaged"),
        (
            lambda f: _edit_json(f, format_version=3, sections={"shape": [2, 3, 42]}),
            "session.json: the file is damaged",
        ),
        (lambda f: _edit_json(f, base_hash="0", checksums={}), "its edits were made on other fragments"),
        (lambda f: _edit_json(f, base_hash="0"), "session.json: the file is damaged, or was changed by hand"),
        (lambda f: _edit_json(f, threshold=0.25), "session.json: the file is damaged, or was changed by hand"),
        (lambda f: _edit_json(f, checksums=7), "session.json: the file is damaged"),
        (_swap_fragments, "its edits were made on other fragments"),
        (_foreign_log, "its edits were made on other fragments"),
        (lambda f: (f / "graph").rename(f / "aside"), "graph: missing or damaged"),
        (lambda f: (f / "graph" / "mean.npy").unlink(), "graph: missing or damaged"),
        (lambda f: _cut_short(f / "graph" / "sizes.npy"), "graph: missing or damaged"),
        (lambda f: (f / "graph" / "u.npy").write_bytes(b""), "graph: missing or damaged"),
        (lambda f: np.save(f / "graph" / "v.npy", np.ones(2, np.uint32)), "graph: missing or damaged"),
        (lambda f: np.save(f / "graph" / "sizes.npy", np.ones(4, np.int64)), "graph: missing or damaged"),
        (
            lambda f: (f / "fragments.zarr" / ".zarray").unlink(),
            "fragments.zarr: a Zarr array or group is needed, and there is none",
        ),
        (lambda f: _cut_short(f / "fragments.zarr" / "0" / "0" / "0"), "fragments.zarr: missing or damaged"),
        (lambda f: (f / "fragments.zarr" / "0" / "0" / "0").unlink(), "its edits were made on other fragments"),
        (lambda f: (f / "affinities.zarr" / ".zarray").unlink(), "affinities.zarr: missing or damaged"),
        (lambda f: shutil.rmtree(f / "affinities.zarr"), "affinities.zarr: missing or damaged"),
        (lambda f: (f / "edits.db").unlink(), "the edit log is missing"),
        (lambda f: (f / "session.json").write_text("[" * 200_000), "session.json: the file is damaged"),
        (lambda f: (f / "session.json").write_bytes(b'{"program": "\xb3"}'), "session.json: the file is damaged"),
        (lambda f: _change(f / "graph" / "sizes.npy", b"}", b" "), "graph: missing or damaged"),
        (lambda f: _change(f / "graph" / "sizes.npy", b"(", b"["), "graph: missing or damaged"),
    ],
)
def test_a_damaged_session_is_one_sentence(folder, damage, sentence):
    damage(folder)
    with pytest.raises(UserError, match=sentence):
        open_session(folder)
    assert not (folder / "holder.json").exists(), "the lock is free again"


def _change(file, before, after):
    file.write_bytes(file.read_bytes().replace(before, after, 1))


def test_affinities_of_another_stack(folder):
    base = segmentation(LADDER)
    create_session(folder.parent / "b.emcad", base, affinities(base.fragments.shape), ANYWHERE).close()
    (folder / "affinities.zarr").rename(folder / "aside")
    (folder.parent / "b.emcad" / "affinities.zarr").rename(folder / "affinities.zarr")
    with pytest.raises(UserError, match=r"affinities.zarr: missing or damaged"):
        open_session(folder)
    _edit_json(folder, checksums={})
    with pytest.raises(UserError, match=r"shape \(1, 1, 40\) are needed, got \(1, 1, 80\)"):
        open_session(folder)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="a session folder"):
        open_session(tmp_path / "none.emcad")
    assert not (tmp_path / "none.emcad").exists()


@pytest.fixture
def unsealed(folder):
    """A session whose files are not compared with what was written."""
    _edit_json(folder, checksums={})
    (folder / "graph" / "checksums.json").unlink()
    return folder


def test_fragments_that_claim_more_than_there_are_take_no_memory(unsealed):
    described = unsealed / "fragments.zarr" / ".zarray"
    described.write_text(json.dumps(json.loads(described.read_text()) | {"shape": [1, 20_000, 20_000]}))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"missing or damaged; copy the session again from where it is whole"):
        open_session(unsealed)
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()


ODD_COLUMNS = {
    "u": np.array([0, 1, 2], np.int64),
    "v": np.array([2, 3, 9], np.int64),
    "leaves": np.array([1.0, 2.0, 3.0, 4.0]),
    "sizes": np.array([0, 10, 10, -10, 10]),
    "quantiles": np.zeros((3, 2), np.float32),
    "mean": np.zeros(3, "U3"),
}


@pytest.mark.parametrize("name", ODD_COLUMNS)
def test_a_graph_of_other_numbers_is_damage(unsealed, name):
    np.save(unsealed / "graph" / f"{name}.npy", ODD_COLUMNS[name])
    with pytest.raises(UserError, match=r"graph: missing or damaged; copy the session again from where it is whole"):
        open_session(unsealed)


def test_a_fragment_that_is_not_in_the_graph_is_damage(unsealed):
    array = zarr.open_array(unsealed / "fragments.zarr", mode="r+")
    array[0, 0, 0] = 2**31
    with pytest.raises(UserError, match=r"missing or damaged; copy the session again from where it is whole"):
        open_session(unsealed)


def test_a_box_of_another_shape_is_damage(unsealed):
    _edit_json(unsealed, box=[[0, 0, 0], [1, 2, 40]])
    with pytest.raises(UserError, match=r"session.json: missing or damaged; copy the session again from where it is"):
        open_session(unsealed)


def test_a_chunk_of_a_negative_length_is_damage(unsealed):
    chunk = next(file for file in (unsealed / "fragments.zarr").rglob("*") if file.name.isdigit() and file.is_file())
    content = bytearray(chunk.read_bytes())
    content[4:8] = b"\xff\xff\xff\xff"
    chunk.write_bytes(content)
    with pytest.raises(UserError, match=r"fragments.zarr: missing or damaged; copy the session again from where it is"):
        open_session(unsealed)


def test_attributes_of_affinities_that_are_none_are_told(unsealed):
    (unsealed / "affinities.zarr" / ".zattrs").write_text("3")
    with pytest.raises(UserError, match=r"affinities.zarr: affinities \(3, z, y, x\) are needed"):
        open_session(unsealed)
