"""Do a job for the program that started this one: see `napari_emcad.workers.process`."""

from napari_emcad.workers.child import main

if __name__ == "__main__":
    main()
