"""The curves of a run as a picture: python docs/training_curves.py FOLDER PICTURE.png.

FOLDER is that of a run, see `napari_emcad.finetuning.run`. Wants a screen, or a virtual one (xvfb-run).
"""

import sys
from pathlib import Path

from qtpy.QtWidgets import QApplication

from napari_emcad.finetuning.record import Record
from napari_emcad.widgets.finetune.views.learning_curves import LearningCurves

SIZE = (960, 180)


def main() -> None:
    folder, picture = map(Path, sys.argv[1:])
    application = QApplication([])
    application.setStyleSheet("QWidget { background: white; color: black; }")
    curves = LearningCurves()
    curves.resize(*SIZE)
    curves.put(Record.of(folder))
    curves.show()
    application.processEvents()
    curves.grab().save(str(picture))


if __name__ == "__main__":
    main()
