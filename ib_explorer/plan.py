"""What a sweep over hub checkpoints will fetch and store, said before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from cache.files import in_words


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The plan of one model's checkpoints; all sizes are in bytes.

    Of ``checkpoints`` selected, ``measured`` are in the cache as requested. ``fetch`` is what the others need from the
    hub, ``is_estimated`` if only some of them are known (0: none is); ``at_most`` is the budget of downloads that are
    held at a time (None: all are kept), ``free`` the space on their disk. ``scores`` are those of one checkpoint (0:
    unknown).
    """

    checkpoints: int
    measured: int
    fetch: int
    is_estimated: bool
    at_most: int | None
    free: int
    scores: int
    score_budget: int

    @property
    def to_go(self) -> int:
        """The number of checkpoints that are still to be measured, or fetched."""
        return self.checkpoints - self.measured

    @property
    def scores_kept(self) -> int:
        """The number of checkpoints whose scores fit in their budget."""
        return min(self.checkpoints, self.score_budget // self.scores) if self.scores else 0

    @property
    def sentence(self) -> str:
        """The plan in one sentence."""
        parts = [_count(self.checkpoints), self._fetching()]
        if self.measured:
            parts.append(f"{self.measured} {'is' if self.measured == 1 else 'are'} measured, {self.to_go} to go")
        said = [", ".join(parts), f"{in_words(self.free)} free"]
        if self.scores:
            kept = f"{in_words(self.score_budget)} keep {self.scores_kept} of {self.checkpoints}"
            said.append(f"scores {in_words(self.scores)} each, {kept}")
        return "; ".join(said) + "."

    def _fetching(self) -> str:
        if not self.fetch:
            return "an unknown amount to fetch" if self.is_estimated else "nothing to fetch"
        amount = f"{'about ' if self.is_estimated else ''}{in_words(self.fetch)} to fetch"
        if self.at_most is None:
            return f"{amount} and keep"
        return amount if self.fetch <= self.at_most else f"{amount}, at most {in_words(self.at_most)} at a time"


def _count(checkpoints: int) -> str:
    return "1 checkpoint" if checkpoints == 1 else f"{checkpoints} checkpoints"
