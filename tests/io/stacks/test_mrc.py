import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.metadata.mrc_header import MrcHeader
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.mrc import is_mrc
from napari_emcad.io.stacks.stack import open_stack

MODES = {"i1": 0, "u1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12, "c8": 4}
IMOD = 1146047817


def save(path, values, order="<", angstrom=(300.0, 60.0, 50.0), extended=b"", **fields):
    """Write an MRC file with words at byte places of its own, so that no library says what it means."""
    head = bytearray(1024)

    def put(place, kind, *numbers):
        data = np.array(numbers).astype(np.dtype(kind).newbyteorder(order)).tobytes()
        head[place : place + len(data)] = data

    sections, rows, columns = values.shape
    put(0, "i4", columns, rows, sections, fields.get("mode", MODES[values.dtype.str[1:]]))
    grid = fields.get("grid", (columns, rows, sections))
    put(16, "i4", *fields.get("start", (0, 0, 0)))
    put(28, "i4", *grid)
    put(40, "f4", *(n * a for n, a in zip(grid, angstrom[::-1], strict=True)))
    put(64, "i4", *fields.get("axes", (1, 2, 3)))
    put(76, "f4", *fields.get("range", (0, 0)))
    put(88, "i4", fields.get("group", 1), len(extended))
    put(108, "i4", fields.get("version", 0))
    put(152, "i4", fields.get("imod", 0), fields.get("flags", 0))
    put(196, "f4", *fields.get("origin", (0, 0, 0)))
    if fields.get("stamped", True):
        head[208:216] = b"MAP " + (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    path.write_bytes(bytes(head) + extended + values.astype(values.dtype.newbyteorder(order)).tobytes())
    return path


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["i2", "f4", "u2", "f2"])
def test_every_type_in_both_orders_of_bytes(tmp_path, stack, kind, order):
    opened = open_stack(save(tmp_path / "a.mrc", stack.astype(kind), order))
    np.testing.assert_array_equal(opened.array[:], stack.astype(kind))
    np.testing.assert_array_equal(opened.array[1:4, ::2, 5], stack[1:4, ::2, 5].astype(kind))
    assert (opened.array.dtype, opened.voxel_size, opened.size_source) == (kind, (30, 6, 5), "MRC header")
    assert (opened.offset, opened.notes) == (None, ())


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("fields", "signed"),
    [
        ({"imod": IMOD, "flags": 1}, True),
        ({"imod": IMOD, "flags": 0}, False),
        ({"imod": IMOD, "flags": 4}, False),
        ({"range": (-128, 127)}, True),
        ({"range": (3, 250)}, False),
        ({"version": 20140}, True),
    ],
)
def test_bytes_with_and_without_a_sign(tmp_path, stack, fields, signed, order):
    want = stack.view("i1") if signed else stack
    opened = open_stack(save(tmp_path / "a.rec", stack, order, **fields))
    np.testing.assert_array_equal(opened.array[:], want)
    assert (opened.array.dtype, opened.notes) == (want.dtype, ())


def test_a_guessed_sign_is_told(tmp_path, stack):
    assert "does not say whether bytes have a sign" in open_stack(save(tmp_path / "a.mrc", stack)).notes[0]


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 2, 1), (2, 1, 3), (3, 1, 2), (0, 0, 0)])
def test_sections_along_any_axis(tmp_path, stack, axes):
    names = ["zyx"[3 - axis] for axis in (axes if any(axes) else (1, 2, 3))][::-1]
    stored = np.ascontiguousarray(stack.transpose(["zyx".index(name) for name in names])).astype("i2")
    grid = stack.shape[::-1]  # along x, y, z, whatever columns, rows and sections are
    start = [dict(zip("xyz", (7, 8, 9), strict=True))[name] for name in names[::-1]]
    opened = open_stack(save(tmp_path / "a.map", stored, axes=axes, grid=grid, start=start))
    np.testing.assert_array_equal(opened.array[:], stack)
    assert (opened.voxel_size, opened.offset) == ((30, 6, 5), (270, 48, 35))
    assert len(opened.notes) == (names != ["z", "y", "x"])


@pytest.mark.parametrize("angstrom", [(0, 0, 0), (1, 1, 1), (300, 60, 0), (-300, 60, 50), (np.nan, 60, 50)])
def test_an_unknown_voxel_size_is_told(tmp_path, stack, angstrom):
    opened = open_stack(save(tmp_path / "a.mrc", stack.astype("i2"), angstrom=angstrom))
    assert (opened.voxel_size, opened.size_source) == (None, "")
    assert "voxel size in its header" in opened.notes[0]


def test_a_cell_without_a_grid_is_that_of_the_voxels(tmp_path, stack):
    path = save(tmp_path / "a.mrc", stack.astype("i2"), grid=(0, 0, 0))
    content = bytearray(path.read_bytes())
    content[40:52] = np.array([37 * 50, 24 * 60, 5 * 300], "<f4").tobytes()
    path.write_bytes(content)
    assert open_stack(path).voxel_size == (30, 6, 5)


def test_a_section_of_one_angstrom_in_one_axis_counts(tmp_path, stack):
    opened = open_stack(save(tmp_path / "a.mrc", stack.astype("i2"), angstrom=(300, 1, 1)))
    assert opened.voxel_size == (30, 0.1, 0.1)


@pytest.mark.parametrize(
    ("fields", "sign"),
    [({}, 1), ({"version": 20140}, 1), ({"imod": IMOD, "flags": 4}, 1), ({"imod": IMOD, "flags": 0}, -1)],
)
def test_the_origin(tmp_path, stack, fields, sign):
    opened = open_stack(save(tmp_path / "a.mrc", stack.astype("i2"), origin=(100, 200, -3000), **fields))
    assert opened.offset == (-300 * sign, 20 * sign, 10 * sign)


def test_an_extended_header_is_left_out(tmp_path, stack):
    path = save(tmp_path / "a.mrc", stack.astype("i2"), extended=bytes(range(256)) * 4)
    np.testing.assert_array_equal(open_stack(path).array[:], stack)


def test_several_volumes(tmp_path, stack):
    path = save(tmp_path / "a.mrc", np.concatenate([stack, stack + 1]).astype("i2"), group=401, grid=(37, 24, 5))
    with pytest.raises(NotAStack, match="one time point is needed, and it has 2; choose one with --time 0 to 1"):
        open_stack(path)
    opened = open_stack(path, "[t=1]")
    np.testing.assert_array_equal(opened.array[:], stack + 1)
    assert (opened.voxel_size, opened.dataset) == ((30, 6, 5), "[t=1]")


def test_axes_of_choice_take_their_lengths_along(tmp_path, stack):
    opened = open_stack(save(tmp_path / "a.mrc", stack.astype("i2")), "[axes=xyz]")
    np.testing.assert_array_equal(opened.array[:], stack.T)
    assert opened.voxel_size == (5, 6, 30)


def test_files_of_before_2000(tmp_path, stack):
    path = save(tmp_path / "a.st", stack.astype("i2"), stamped=False)
    np.testing.assert_array_equal(open_stack(path).array[:], stack)
    assert not is_mrc(path.rename(tmp_path / "a.bin"))


def test_a_cut_file_names_both_sizes(tmp_path, stack):
    path = save(tmp_path / "a.mrc", stack.astype("i2"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"ends too early, 9,904 bytes are needed for .* int16, got 9,903 bytes"):
        open_stack(path)


@pytest.mark.parametrize("length", [-5, 2**31 - 1])
def test_a_length_of_the_extended_header_that_makes_no_sense(tmp_path, stack, length):
    path = save(tmp_path / "a.mrc", stack.astype("i2"))
    data = bytearray(path.read_bytes())
    data[92:96] = int(length).to_bytes(4, "little", signed=True)
    path.write_bytes(data)
    with pytest.raises(UserError, match="ends too early"):
        open_stack(path)


def test_what_is_no_grey_stack(tmp_path, stack):
    with pytest.raises(UserError, match="got an MRC file of complex numbers, mode 4"):
        open_stack(save(tmp_path / "a.mrc", stack.astype("c8")))
    with pytest.raises(NotAStack, match="got an MRC file of colours"):
        open_stack(save(tmp_path / "b.mrc", stack, mode=16))
    for fields in ({"mode": 101}, {"imod": IMOD, "flags": 16}):
        with pytest.raises(UserError, match="got 4 bits; unpack it with IMOD"):
            open_stack(save(tmp_path / "c.mrc", stack, **fields))


def test_what_mrcfile_writes(tmp_path, stack):
    mrcfile = pytest.importorskip("mrcfile")
    for number, values in enumerate((stack.astype("i2"), stack.astype("f4"), (stack // 2).astype("i1"))):
        with mrcfile.new(tmp_path / f"{number}.mrc", data=values) as file:
            file.voxel_size = (50, 60, 300)
            file.set_volume()
            file.header.origin = (100, 200, 3000)
        opened = open_stack(tmp_path / f"{number}.mrc")
        np.testing.assert_array_equal(opened.array[:], values)
        assert (opened.voxel_size, opened.offset, opened.notes) == ((30, 6, 5), (300, 20, 10), ())


def test_headers_at_random_are_refused_in_a_sentence(tmp_path, stack):
    whole, rng = save(tmp_path / "a.mrc", stack.astype("i2")).read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, 256, rng.integers(1, 5)):
            data[place] = rng.integers(0, 256)
        (tmp_path / "a.mrc").write_bytes(data)
        try:
            with open_stack(tmp_path / "a.mrc") as opened:
                assert opened.array[-1].shape == opened.array.shape[1:]
        except UserError as error:
            assert "\n" not in str(error)


def test_no_header():
    assert MrcHeader.read(b"MAP " * 20) is None
