"""The header of an MRC file, of 1024 bytes: the stack's shape, type, voxel size and place.

Sources: the MRC2014 format (Cheng et al., J. Struct. Biol. 192, 146, 2015) and the notes on IMOD's own variant of it
(mrc_format.txt), which differ in bytes without a sign and in the sign of the origin.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import Point, voxel_size_in_nm

HEADER_BYTES = 1024

_FIELDS = {
    **{name: (4 * place, "i4") for place, name in enumerate(("nx", "ny", "nz", "mode"))},
    "start": (16, "3i4"),
    "grid": (28, "3i4"),
    "cell": (40, "3f4"),
    "axes": (64, "3i4"),
    "smallest": (76, "f4"),
    "largest": (80, "f4"),
    "space_group": (88, "i4"),
    "extended": (92, "i4"),
    "version": (108, "i4"),
    "imod": (152, "i4"),
    "imod_flags": (156, "i4"),
    "origin": (196, "3f4"),
    "map": (208, "S4"),
    "stamp": (212, "2u1"),
}
"""The fields that are read: name -> first byte, type."""

_TYPES = {0: "i1", 1: "i2", 2: "f4", 3: "2i2", 4: "c8", 6: "u2", 12: "f2", 16: "3u1", 101: "4 bits"}
"""Types of voxels by their mode."""

NUMBERS = (0, 1, 2, 6, 12)
"""Modes whose voxels are one number each."""

_IMOD = int.from_bytes(b"IMOD", "little")
_SIGNED_BYTES, _ORIGIN_AS_MRC2014, _TWO_IN_A_BYTE = 1, 4, 16
"""Bits of IMOD's flags."""

_MRC2014 = 20140
"""The first version of the format that says which one it is."""


@dataclass(frozen=True)
class MrcHeader:
    """A header as it stands in a file.

    Attributes
    ----------
    order : {"<", ">"}
        The order of bytes.
    fields : structured array of no axis
        See `_FIELDS`.
    """

    order: Literal["<", ">"]
    fields: NDArray[np.void]

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """Read the first 1024 bytes of a file; None if no order of bytes makes an MRC header of them."""
        if len(data) < HEADER_BYTES:
            return None
        orders: tuple[Literal["<", ">"], ...] = ("<", ">")
        headers = [cls(order, np.frombuffer(data, _dtype(order), 1)[0]) for order in orders]
        return next((header for header in headers if header.is_plausible), None)

    @property
    def is_plausible(self) -> bool:
        """True if the lengths are above 0, and the mode and the numbers of axes are some that there are."""
        lengths = [int(self.fields[name]) for name in ("nx", "ny", "nz")]
        return (
            min(lengths) > 0
            and min(lengths) < 2**16
            and int(self.fields["mode"]) in _TYPES
            and all(0 <= abs(int(axis)) <= 4 for axis in self.fields["axes"])
        )

    @property
    def is_stamped(self) -> bool:
        """True if it says that it is an MRC file; files from before the year 2000 do not."""
        return bytes(self.fields["map"])[:3] == b"MAP"

    @property
    def mode(self) -> int:
        """Number of the type of voxels."""
        return int(self.fields["mode"])

    @property
    def is_packed(self) -> bool:
        """True if two voxels share a byte."""
        return self.mode == 101 or bool(self.mode == 0 and self._has_flag(_TWO_IN_A_BYTE))

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels in the file, for the modes in `NUMBERS`."""
        kind = "u1" if self.mode == 0 and not self.has_signed_bytes else _TYPES[self.mode]
        return np.dtype(kind).newbyteorder(self.order)

    @cached_property
    def has_signed_bytes(self) -> bool:
        """True if bytes are signed, as MRC2014 has it; IMOD says so, and of other files the range of values may."""
        if self.fields["imod"] == _IMOD:
            return self._has_flag(_SIGNED_BYTES)
        return not (self.knows_range and self.fields["largest"] > 127)

    @property
    def knows_sign(self) -> bool:
        """True if the header says, in its flags, its range of values or its version, whether bytes are signed."""
        return bool(self.fields["imod"] == _IMOD or self.knows_range or self._is_mrc2014)

    @property
    def knows_range(self) -> bool:
        """True if it states the range of the values."""
        return bool(self.fields["smallest"] < self.fields["largest"])

    @property
    def data_start(self) -> int:
        """The first byte of the voxels, behind the extended header; -1 if that has a length below 0."""
        extended = int(self.fields["extended"])
        return HEADER_BYTES + extended if extended >= 0 else -1

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Length of the array's axes, the slowest first; a stack of several volumes has one more in front."""
        sections, rows, columns = (int(self.fields[name]) for name in ("nz", "ny", "nx"))
        depth = int(self.fields["grid"][2])
        is_several = 401 <= self.fields["space_group"] <= 630 and 0 < depth < sections and sections % depth == 0
        return (sections // depth, depth, rows, columns) if is_several else (sections, rows, columns)

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Names of the array's axes, the slowest first: z, y, x, unless sections, rows and columns are others."""
        stated = [abs(int(axis)) for axis in self.fields["axes"]]
        columns_first = stated if sorted(stated) == [1, 2, 3] else [1, 2, 3]
        names = tuple("xyz"[axis - 1] for axis in reversed(columns_first))
        return ("t", *names) if len(self.shape) == 4 else names

    @cached_property
    def voxel_size(self) -> VoxelSize | None:
        """Read the voxel size in nm; None if it is 0, or 1 Angstrom on each side, which stands for no size."""
        grid, cell = (np.array(self.fields[name].tolist(), float) for name in ("grid", "cell"))
        if not grid.any():  # some programs state the cell alone, which is then that of the voxels
            lengths = dict(zip(self.axes[::-1], self.shape[::-1], strict=True))
            grid = np.array([lengths[axis] for axis in "xyz"], float)
        if min(grid) <= 0:
            return None
        edges = cell / grid
        if np.allclose(edges, 1, rtol=1e-6):
            return None
        return voxel_size_in_nm([float(f"{0.1 * edge:.6g}") for edge in edges[::-1]], ["nm"] * 3)

    @property
    def offset(self) -> Point | None:
        """Read the place of the first voxel in nm; None if it says none."""
        size = self.voxel_size
        if size is None:
            return None
        origin = np.array(self.fields["origin"].tolist(), float)
        if self.is_stamped and np.isfinite(origin).all() and origin.any():
            z, y, x = (float(f"{0.1 * part:.6g}") for part in self._origin_sign * origin[::-1])
            return z, y, x
        start = dict(zip(reversed(self.axes[-3:]), self.fields["start"].tolist(), strict=True))
        if not any(start.values()):
            return None
        return start["z"] * size.z, start["y"] * size.y, start["x"] * size.x

    @property
    def _origin_sign(self) -> int:
        """The sign that makes an origin the place of the first voxel: IMOD's own is the other way round."""
        is_own = self.fields["imod"] == _IMOD and not self._has_flag(_ORIGIN_AS_MRC2014) and not self._is_mrc2014
        return -1 if is_own else 1

    @property
    def _is_mrc2014(self) -> bool:
        return _MRC2014 <= int(self.fields["version"]) < 2 * _MRC2014

    def _has_flag(self, bit: int) -> bool:
        return bool(self.fields["imod"] == _IMOD and int(self.fields["imod_flags"]) & bit)


def _dtype(order: Literal["<", ">"]) -> np.dtype[Any]:
    places, types = zip(*_FIELDS.values(), strict=True)
    return np.dtype(
        {"names": list(_FIELDS), "formats": list(types), "offsets": list(places), "itemsize": HEADER_BYTES}
    ).newbyteorder(order)
