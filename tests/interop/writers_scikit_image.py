"""scikit-image: imsave."""

import skimage
import skimage.io
from writers_kit import dialect, greys, labels, main


def stack(dtype):
    @dialect("TIFF", dtype, dtype=dtype)
    def write(folder):
        skimage.io.imsave(folder / "a.tif", greys(dtype))
        return folder / "a.tif"


for dtype in ("uint8", "uint16", "float32"):
    stack(dtype)


@dialect("sections", "PNG, labels", dtype="uint16", holds="labels")
def sections(folder):
    for z, section in enumerate(labels("uint16")):
        skimage.io.imsave(folder / f"s{z}.png", section, check_contrast=False)
    return folder


main("scikit-image", skimage.__version__)
