"""The students that are known, and their sizes as their weights tell them."""

from collections.abc import Mapping

from torch import Tensor

from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.small_student import SmallStudent, SmallStudentConfig
from napari_emcad.networks.student import Student

StudentConfig = CadStudentConfig | SmallStudentConfig

CAD_KEY, SMALL_KEY = "inc.conv.conv.0.weight", "outc_t.weight"
"""Keys that a published student has, and a small one."""

_CAD_EMBEDDING = "outc_t.conv.weight"


def build_student(config: StudentConfig) -> Student:
    """Return a new student of this size and kind."""
    return CadStudent(config) if isinstance(config, CadStudentConfig) else SmallStudent(config)


def student_config(weights: Mapping[str, Tensor]) -> StudentConfig:
    """Return size and kind of the student that these weights claim to be; usual sizes where they do not say.

    Weights without a key that tells the kind are taken for those of the published student.
    """
    return _small_config(weights) if is_small(weights) else _cad_config(weights)


def is_small(weights: Mapping[str, Tensor]) -> bool:
    """Return True if weights have the key by which a small student is known."""
    return SMALL_KEY in weights and weights[SMALL_KEY].ndim == 4


def channels(weights: Mapping[str, Tensor], key: str) -> int:
    """Return the length of the first axis of a tensor; 0 if it is not there or has none."""
    return weights[key].shape[0] if key in weights and weights[key].ndim else 0


def _cad_config(weights: Mapping[str, Tensor]) -> CadStudentConfig:
    usual = CadStudentConfig()
    return CadStudentConfig(
        channels(weights, CAD_KEY) or usual.maps, channels(weights, _CAD_EMBEDDING) or usual.embedding_channels
    )


def _small_config(weights: Mapping[str, Tensor]) -> SmallStudentConfig:
    usual = SmallStudentConfig()
    half, quarter, eighth, sixteenth = (
        channels(weights, f"{part}.3.weight") or size
        for part, size in zip(("inc", "down.0", "down.1", "down.2"), usual.down, strict=True)
    )
    common_eighth, common_quarter, branch = (
        channels(weights, f"{part}.3.weight") or size
        for part, size in zip(("up1", "up2", "up3_t"), usual.up, strict=True)
    )
    return SmallStudentConfig(
        (half, quarter, eighth, sixteenth),
        (common_eighth, common_quarter, branch),
        channels(weights, SMALL_KEY) // 4 or usual.embedding_channels,
    )
