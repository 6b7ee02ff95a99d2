"""A hand for the tests of fine-tuning, at a desk without a window."""

from collections.abc import Callable

import numpy as np

from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import FragmentId
from napari_emcad.widgets.finetune.fine_tuning import FineTuning


class FineTuningHand:
    """A person at a desk who fine-tunes."""

    def __init__(self, desk, loop, model, fine_tuning=None):
        self.desk, self.loop, self.viewer = desk, loop, desk.viewer
        self.fine_tuning = fine_tuning or FineTuning(desk)
        self.setup, self.progress = self.fine_tuning.setup, self.fine_tuning.progress
        self.networks, self.sources, self.crops = self.setup.networks, self.setup.sources, self.setup.crops
        self.is_closed = False
        self.networks.student.open_file(model)
        loop.work()

    @property
    def message(self) -> str:
        return self.desk.message.text

    @property
    def names(self) -> list[str]:
        return [place.name for place in self.crops.places]

    @property
    def why_not(self) -> str:
        return self.fine_tuning.why_not

    def open_teacher(self, file) -> None:
        self.networks.teacher.open_file(file)
        self.loop.work()

    def do(self, fragment: int) -> None:
        """Tick the neuron of a fragment as done."""
        at = self.desk.sessions.current
        at.edit(lambda: at.session.lock(at.session.state.segment_of(FragmentId(fragment))))

    def draw(self, box: Box) -> None:
        """Draw a box on its first section, and ask for all of its sections."""
        if "box" not in self.viewer.layers:
            self.sources.region.draw()
        (z, y, x), (stop, y1, x1) = box.start, (n - 1 for n in box.stop)
        corners = [[z, y, x], [z, y, x1], [z, y1, x1], [z, y1, x]]
        self.viewer.layers["box"].add_rectangles(np.array(corners, float))
        self.sources.region.sections = z, stop

    def add_box(self, box: Box) -> None:
        self.draw(box)
        self.setup.add(self.sources.box_places)

    def add_truth(self):
        """Labels over all of the stack, known everywhere."""
        stack = self.sources.stack
        labels = np.indices(stack.data.shape)[2] // 8 + 1
        layer = self.viewer.add_labels(labels, name="truth", scale=stack.scale, translate=stack.translate)
        self.setup.add(lambda: self.sources.labels_places(layer))
        return layer

    def until(self, is_so: Callable[[], bool]) -> None:
        """Drive the jobs step by step."""
        while not is_so():
            self.loop.step()

    def train_until_step(self, n: int) -> None:
        self.fine_tuning.start()
        self.until(lambda: self.progress.record.step >= n)

    def train(self) -> None:
        self.fine_tuning.start()
        self.loop.work()

    def close(self) -> None:
        """Close the panel, as a window does that is closed."""
        if not self.is_closed:
            self.is_closed = True
            self.fine_tuning.close()

    def keep(self, name: str) -> None:
        self.fine_tuning.keep(name)
        self.loop.work()
