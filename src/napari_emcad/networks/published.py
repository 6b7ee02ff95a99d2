"""Facts about published checkpoints, which bring no card: the pixels and grey levels that they were trained on."""

from typing import NamedTuple

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.networks.card import GreyRange


class TrainedOn(NamedTuple):
    """The training data of a checkpoint.

    Attributes
    ----------
    voxel_size : VoxelSize
        In nm.
    grey_range : (float, float) or None
        See `ModelCard`; None = not measured.
    """

    voxel_size: VoxelSize
    grey_range: GreyRange | None = None


_CREMI, _WAFER4 = VoxelSize(40, 4, 4), VoxelSize(35, 8, 8)

_TRAINED_ON = {
    "b3ffbbcffe07433c9d173030ec60533ccf6a8ae6551b1732f2f3c79a5ef64d64": TrainedOn(
        VoxelSize(30, 6, 6), (0.0078, 0.9412)
    ),  # AC34
    "d06468b6f84336e3eb66b099e89b345982d5547ae52882aa63dde26fc8ed166f": TrainedOn(_CREMI),  # CremiA
    "866e83adc4adb9cf1c923832f5e630f0bc4702af347156b19d5d09f4aa4987cb": TrainedOn(_CREMI, (0.2627, 0.702)),  # CremiB
    "50190441fa61a07d02a09797d715d9c1cc9ec3953b4506ef87faa23386ef301b": TrainedOn(_CREMI),  # CremiC
    "3d22925e8776493c617359f1148e2713bdf7d9a655550b70b864c05a4fcde53f": TrainedOn(_WAFER4),  # wafer4
    "b1ed14ad725051fb71dc9159613878b3c8fc2a9164b7ef22927cab1f05d7a734": TrainedOn(_WAFER4),  # wafer4 of SliceCrafter
}
"""Files of github.com/liuxy1103/CAD and EM-SliceCrafter, by SHA-256.

Voxel sizes: Liu et al., CVPR 2024. Grey levels were measured on AC4 and on five sections of CREMI B.
"""


def trained_on(sha256: str) -> TrainedOn | None:
    """Return what a published checkpoint was trained on, by the SHA-256 of its file; None if it is not known."""
    return _TRAINED_ON.get(sha256)
