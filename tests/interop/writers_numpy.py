"""NumPy: save, savez and savez_compressed."""

import numpy as np
from writers_kit import dialect, greys, main


def save(name, values, dtype="uint8", version=None):
    @dialect("NPY", name, dtype=dtype)
    def write(folder):
        with (folder / "a.npy").open("wb") as file:
            np.lib.format.write_array(file, values, version)
        return folder / "a.npy"


save("plain", greys())
save("Fortran's order", np.asfortranarray(greys()))
save("big-endian", greys("uint16").astype(">u2"), "uint16")
save("version 3", greys(), version=(3, 0))


@dialect("NPZ", "savez")
def savez(folder):
    np.savez(folder / "a.npz", raw=greys())
    return folder / "a.npz"


@dialect("NPZ", "compressed, Fortran's order")
def compressed(folder):
    np.savez_compressed(folder / "a.npz", np.asfortranarray(greys()))
    return folder / "a.npz"


main("NumPy", np.__version__)
