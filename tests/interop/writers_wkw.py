"""wkw: arrays without the dataset around them."""

from importlib.metadata import version

import numpy as np
import wkw
from writers_kit import dialect, greys, main


@dialect("wkw", "raw")
def raw(folder):
    header = wkw.Header(np.uint8, block_len=32, file_len=2, block_type=1)
    with wkw.Dataset.create(str(folder / "1"), header) as dataset:
        dataset.write((0, 0, 0), np.asfortranarray(greys().T))
    return folder / "1"


main("wkw", version("wkw"))
