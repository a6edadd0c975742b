"""Labels that are sorted once for views used in turn."""

from __future__ import annotations

from types import SimpleNamespace

from ib_explorer.work.measurer import LABELS_HELD, _Recent


def test_the_labels_of_views_used_in_turn_are_sorted_once() -> None:
    made: list[int] = []
    held = _Recent[SimpleNamespace]()

    def ask(*views: int) -> None:
        for view in views:

            def make(view: int = view) -> SimpleNamespace:
                made.append(view)
                return SimpleNamespace(nbytes=LABELS_HELD if view == 9 else LABELS_HELD // 3)

            held.get((view,), make)

    ask(1, 2, 1, 3, 1)
    assert made == [1, 2, 3]
    ask(4, 1, 3)  # the one used longest ago, 2, is dropped
    assert made == [1, 2, 3, 4]
    ask(9, 9)  # large ones stay alone
    assert made == [1, 2, 3, 4, 9]
    ask(1)
    assert made[-1] == 1
