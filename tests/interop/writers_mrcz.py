"""mrcz: MRC without compression."""

from importlib.metadata import version

import mrcz
from writers_kit import SIZE, dialect, greys, main


def save(dtype):
    @dialect("MRC", dtype, dtype=dtype, size=True)
    def write(folder):
        mrcz.writeMRC(greys(dtype), str(folder / "a.mrc"), pixelsize=list(SIZE), pixelunits="nm")
        return folder / "a.mrc"


for dtype in ("int8", "int16", "uint16", "float32"):
    save(dtype)
main("mrcz", version("mrcz"))
