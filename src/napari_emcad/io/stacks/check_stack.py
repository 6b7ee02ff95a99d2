"""The check that an array of a file is a grey stack (z, y, x)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from napari_emcad.core.errors import UserError


class NotAStack(UserError):
    """The error for an image that is no grey stack (z, y, x)."""


def check_stack(name: str, shape: Sequence[int], dtype: DTypeLike) -> None:
    """Refuse an array that is no stack (z, y, x) of grey values.

    Raises
    ------
    NotAStack
        If there are fewer or more than three axes.
    UserError
        If it holds no voxels or no real numbers.
    """
    shape = tuple(int(n) for n in shape)
    if len(shape) < 3:
        raise NotAStack(
            f"{name}: a stack (z, y, x) is needed, got a single section of shape {shape}; "
            "open a stack, or a folder of section images."
        )
    if len(shape) > 3:
        raise NotAStack(
            f"{name}: a stack (z, y, x) is needed, got {len(shape)} axes of shape {shape}; "
            "save one channel at one time point."
        )
    if min(shape) < 1:
        raise UserError(f"{name}: a stack with voxels is needed, got an empty one of shape {shape}; export it again.")
    if np.dtype(dtype).kind not in "buif":
        raise UserError(
            f"{name}: voxels that are whole or real numbers are needed, got {np.dtype(dtype)}; save it as 8-bit grey."
        )
