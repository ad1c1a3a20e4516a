"""Whether an instrument holds: the verdict of a figure, and what is measured a second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.calibration.figures import FigureCheck, KnownFigure, decided


def figure(name: str = "search p50", reported: float | str | None = 5.0, **differences: object) -> KnownFigure:
    """A figure of 5 ms, within 0.1 ms, on a quiet machine."""
    usual = {"unit": "ms", "known": 5.0, "bound": 0.1, "contention": 0.001, "contention_limit": 0.02}
    return KnownFigure(name=name, reported=reported, **(usual | differences))


class TestVerdict:
    @pytest.mark.parametrize("reported", [4.9, 5.0, 5.1])
    def test_within_its_bound(self, reported):
        """
        A figure holds up to its bound on either side.
        """
        assert "holds" == figure(reported=reported).verdict

    @pytest.mark.parametrize("reported", [4.89, 5.11, None])
    def test_beyond_its_bound(self, reported):
        """
        Beyond it the instrument is off, and so it is where it reports nothing.
        """
        assert "off" == figure(reported=reported).verdict

    def test_a_busy_machine(self):
        """
        A missed bound is not decided where the contention during that figure lies above its limit, and not at it.
        """
        assert ["off", "not decided"] == [figure(reported=6.0, contention=share).verdict for share in (0.02, 0.03)]

    def test_a_busy_machine_that_disturbed_nothing(self):
        """
        A figure within its bound holds, however busy the machine was.
        """
        assert "holds" == figure(contention=0.9).verdict

    def test_bytes_do_not_move(self):
        """
        What other work cannot move is off where it misses its bound.
        """
        assert "off" == figure(reported=6.0, contention=None, contention_limit=None).verdict

    def test_what_the_system_does_not_give(self):
        """
        A figure that the system does not give is not measured, and not off.
        """
        assert "not measured" == figure(reported=None, measurable=False).verdict

    def test_words(self):
        """
        Where what is known is a word, the same word holds and another is off; a difference has neither.
        """
        ends = [figure(known="ok", reported=word, contention=None) for word in ("ok", "failed", None)]

        assert [("holds", None), ("off", None), ("off", None)] == [(end.verdict, end.difference) for end in ends]


class Told:
    """A check whose figures are known beforehand, measurement by measurement."""

    def __init__(self, *figures: list[KnownFigure]) -> None:
        self.figures = list(figures)
        self.folders: list[Path] = []
        self.lines: list[str] = []

    def measure(self, folder: Path) -> list[KnownFigure]:
        assert [] == list(folder.iterdir())
        self.folders.append(folder)
        return self.figures[len(self.folders) - 1]

    def decided(self, folder: Path, *, is_time: bool = True) -> list[tuple[str, str, bool]]:
        found = decided(FigureCheck("times", self.measure), folder, self.lines.append, lambda: is_time)
        return [(each.name, each.verdict, each.repeated) for each in found]


class TestRepeating:
    def test_what_holds_or_is_off_is_measured_once(self, tmp_path):
        """
        Where the machine was quiet, a missed bound is off at once.
        """
        told = Told([figure("a"), figure("b", 6.0)])

        found = told.decided(tmp_path / "check")

        assert [("a", "holds", False), ("b", "off", False)] == found
        assert (1, []) == (len(told.folders), told.lines)

    def test_what_was_disturbed_is_measured_twice(self, tmp_path):
        """
        What the machine was too busy for is measured once more, in another folder; what held stays as it was.
        """
        told = Told([figure("a"), figure("b", 6.0, contention=0.5)], [figure("a", 9.0), figure("b")])

        found = told.decided(tmp_path / "check")

        assert [("a", "holds", False), ("b", "holds", True)] == found
        assert ["times: the machine was busy (b): once more"] == told.lines
        assert 2 == len(set(told.folders))

    def test_no_time_for_a_second_time(self, tmp_path):
        """
        Once the time is over nothing is measured again: what was disturbed stays undecided.
        """
        told = Told([figure("a"), figure("b", 6.0, contention=0.5)])

        found = told.decided(tmp_path / "check", is_time=False)

        assert [("a", "holds", False), ("b", "not decided", False)] == found

    def test_it_stays_undecided(self, tmp_path):
        """
        Where the machine is as busy the second time, it is not decided; where it is quiet and the bound missed, off.
        """
        told = Told(
            [figure("a", 6.0, contention=0.5), figure("b", 6.0, contention=0.5)],
            [figure("a", 6.0, contention=0.5), figure("b", 6.0)],
        )

        assert [("a", "not decided", True), ("b", "off", True)] == told.decided(tmp_path / "check")
