import pytest
from psygnal import EmitLoopError

from napari_emcad.widgets.kit.signals import Signal


class Speaker:
    said = Signal(int)


class Ear:
    def __init__(self, speaker, fails=False, deafens=None):
        self.speaker, self.fails, self.deafens, self.heard = speaker, fails, deafens, []
        speaker.said.connect(self.hear)

    def hear(self, word):
        self.heard.append(word)
        if self.deafens is not None:
            self.speaker.said.disconnect(self.deafens.hear)
        if self.fails:
            raise KeyError("an ear")


def test_all_hear_whatever_one_of_them_raises():
    speaker = Speaker()
    ears = [Ear(speaker), Ear(speaker, fails=True), Ear(speaker)]
    with pytest.raises(EmitLoopError, match="an ear"):
        speaker.said.emit(3)
    assert [ear.heard for ear in ears] == [[3]] * 3
    ears[1].fails = False
    speaker.said.emit(4)
    assert [ear.heard for ear in ears] == [[3, 4]] * 3


def test_who_is_let_go_of_meanwhile_does_not_hear():
    speaker = Speaker()
    last = Ear(speaker)
    first = Ear(speaker)
    speaker.said.disconnect(last.hear)
    speaker.said.connect(last.hear)
    first.deafens = last
    speaker.said.emit(1)
    assert (first.heard, last.heard) == ([1], [])
    del last, first.deafens
    first.deafens = None
    speaker.said.emit(2)
    assert first.heard == [1, 2]
