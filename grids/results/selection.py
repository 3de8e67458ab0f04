"""Which restorer an image needs, and how well it will do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

from grids.cells import frame_to_csv

if TYPE_CHECKING:
    import pandas as pd

SelectionVerdict = Literal["clean", "known", "unknown"]
"""On an image: it bears nothing, what a group restores, or what none knows."""
CLEAN: Literal["clean"] = "clean"
KNOWN: Literal["known"] = "known"
UNKNOWN: Literal["unknown"] = "unknown"
CLEAN_CELL, UNKNOWN_CELL, HIDDEN_CELL = -1, -2, -3
"""In place of the number of a group, in a map of an image."""
OTHER = "other"
"""In place of a degradation: damage that no group restores."""
SELECTION_VERDICTS: tuple[SelectionVerdict, ...] = get_args(SelectionVerdict)
UNCERTAIN: Literal["uncertain"] = "uncertain"
"""What a known image is that is not restored, since that is not likely to be worth it; no verdict."""
LIKELY = 0.85
"""An image is restored where the probability of a gain is at least this; less is "uncertain"."""
NAMED = 0.5
"""And where its likeliest degradation is at least this likely: what resembles several a little may be none of them."""
SURE = 0.98
"""Or where the image surely bears one of those of the chosen group, whichever it is."""
GRAIN = ("ringing", "jpeg", "poisson_noise", "gaussian_noise")
ADDED = frozenset({*GRAIN, "inpainting", "salt_pepper"})
"""Degradations that add something. A restorer of these alone takes it off and does little harm where there is none;
those of blurs sharpen, and what is grainy as it is grows worse."""
LEFT = "motion_blur"
"""What a restorer of those of `ADDED` may have learnt besides: in such company it leaves streaks as they are."""
LIKELY_GRAIN = 0.65
"""With such a restorer a gain need only be this likely, if those of `GRAIN` are together as likely as `NAMED`:
lettering and drawings look like holes, not like grain."""

DRAWN = "inpainting"
"""What lines on flat ground look like, but drawings and screenshots are no photographs that were drawn over."""


def takes_off(degradations: Iterable[str]) -> bool:
    """Whether a restorer of these only takes off what was added to a photograph.

    Args:
        degradations: names.

    Returns:
        True for noise, JPEG, ringing and defects, with motion blur or without, which a restorer leaves as it is then.

    >>> takes_off(("jpeg", "motion_blur")), takes_off(("jpeg", "gaussian_blur")), takes_off(("motion_blur",))
    (True, False, False)
    """
    others = set(degradations) - {LEFT}
    return bool(others) and ADDED.issuperset(others)


@dataclass(frozen=True)
class Candidate:
    """A group of degradations that images are sorted into; one restorer for all may stand beside those of groups.

    Args:
        id: "C1", or a name of the user's.
        degradations: that it restores.
        weights: the file of its restorer; None where it has none. In a profile relative to the profile's folder, unless
            absolute.
        network: the preset of that file, where it does not say so itself.
    """

    needed: ClassVar[tuple[str, ...]] = ("weights", "network")

    id: str
    degradations: tuple[str, ...]
    weights: Path | None = None
    network: str | None = None


class Ranked(NamedTuple):
    """A group as a candidate for an image.

    Args:
        group: its id.
        degradations: what it restores.
        divergence: from the image to the group's nearest centre: the squared distance in the whitened statistics, for
            each direction, which is about 1 for a typical image of the group. By the paper's rule the Kullback-Leibler
            divergence, nats.
        probability: that the image bears one of its degradations.
        predicted_gain: of its restorer on this image, dB; None where that was never measured.
    """

    group: str
    degradations: tuple[str, ...]
    divergence: float
    probability: float
    predicted_gain: float | None = None


@dataclass(frozen=True)
class Selection:
    """The restorer chosen for an image. Source: GRIDS, section 5.2.

    Args:
        image: its file, or "" for one in memory.
        verdict: "clean", "known" (a group fits) or "unknown".
        ranking: all groups, that with the largest predicted gain first; the likeliest where no gains are known. Where
            that one is too unsure, another that only takes off what was added may be chosen, and is first then.
        degradations: probabilities of the single degradations, of "clean" and of "other" (damage that no group
            restores), the likeliest first.
        predicted_gain: of the chosen group's restorer on this image, dB; None without a chosen group, or where its
            restorer was never measured.
        interval: that holds the true gain with the probability `coverage`, dB.
        coverage: of the interval.
        distance: how unlike anything known the image is; above 1 the verdict is "unknown". So it is for a likeliest
            degradation that is in no group.
        gain_probability: that this restorer gains at all, instead of harming; None where that is not known.
        flat: a quarter of the image or more is flat, as of drawings (`grids.selection.features.flat`).
    """

    image: str
    verdict: SelectionVerdict
    ranking: tuple[Ranked, ...]
    degradations: Mapping[str, float] = field(default_factory=dict)
    predicted_gain: float | None = None
    interval: tuple[float, float] | None = None
    coverage: float = 0.9
    distance: float = 0.0
    gain_probability: float | None = None
    flat: bool = False

    @property
    def group(self) -> str | None:
        """The id of the group whose restorer fits the image.

        Returns:
            That of the first group of the ranking; None for an image that is clean or unlike anything known, and where
            there are no groups.
        """
        return self.ranking[0].group if self.verdict == KNOWN and self.ranking else None

    @property
    def degradation(self) -> str | None:
        """The degradation that the image most likely bears.

        Returns:
            For a known image the likeliest degradation that any group restores; the chosen group may be another, which
            gains more. "clean" for that verdict. For an unknown image the likeliest name of all, which may be "clean"
            or "other". None where the probabilities of single degradations are not known.
        """
        if self.verdict == CLEAN:
            return CLEAN
        restored = {name for ranked in self.ranking for name in ranked.degradations}
        known = self.group is not None
        return next((name for name in self.degradations if not known or name in restored), None)

    @property
    def is_drawing(self) -> bool:
        """Whether the image looks drawn over, but is flat: a drawing or a screenshot, no photograph."""
        return self.flat and self.degradation == DRAWN

    def promises(self, min_gain: float = 0.0) -> bool:
        """Whether restoring is worth it.

        It is where a group is chosen, the predicted gain is above 0 and at least `min_gain`, and one of these holds.
        Its restorer gains with a probability of at least `LIKELY` (0.85), and one name has a probability of at least
        `NAMED` (0.5), or the group of at least `SURE` (0.98). Or the group only takes off what was added (`takes_off`),
        noise, JPEG or ringing among it, it gains with a probability of at least `LIKELY_GRAIN` (0.65), and noise, JPEG
        and ringing have one of at least `NAMED` together. A probability that is not known is no hindrance. What looks
        drawn over, but is flat, promises nothing: it is a drawing.

        Args:
            min_gain: the least gain that is wanted, dB.

        Returns:
            False where no group is chosen; True where one is and what its restorer gains was never measured.
        """
        if self.group is None:
            return False
        if self.is_drawing:
            return False
        if self.predicted_gain is None:
            return True
        if self.predicted_gain <= 0 or self.predicted_gain < min_gain:
            return False
        gains = 1.0 if self.gain_probability is None else self.gain_probability
        own = self.ranking[0]
        names = [chance for name, chance in self.degradations.items() if name not in (CLEAN, OTHER)]
        named = max(names, default=1.0) >= NAMED
        grain = sum(self.degradations.get(name, 0.0) for name in GRAIN)
        added = grain >= NAMED and takes_off(own.degradations) and not set(GRAIN).isdisjoint(own.degradations)
        return gains >= (LIKELY_GRAIN if added else LIKELY) and (named or added or own.probability >= SURE)

    def to_json(self) -> dict[str, Any]:
        """The selection as `grids select --json` prints it.

        Returns:
            Texts, numbers, lists and None only: the fields, "group" and "degradation", the keys of gains and intervals
            ending in "_db". The ranking is a list of objects, in its order.
        """
        return {
            "image": self.image,
            "verdict": self.verdict,
            "group": self.group,
            "degradation": self.degradation,
            "ranking": [
                {
                    "group": ranked.group,
                    "degradations": list(ranked.degradations),
                    "divergence": ranked.divergence,
                    "probability": ranked.probability,
                    "predicted_gain_db": ranked.predicted_gain,
                }
                for ranked in self.ranking
            ],
            "degradations": dict(self.degradations),
            "predicted_gain_db": self.predicted_gain,
            "interval_db": None if self.interval is None else list(self.interval),
            "coverage": self.coverage,
            "gain_probability": self.gain_probability,
            "flat": self.flat,
            "distance": self.distance,
        }


def selections_frame(selections: Sequence[Selection]) -> pd.DataFrame:
    """Put selections into a table: a row for each image, a column for the probability of every group and degradation.

    Args:
        selections: in the order of the rows; they may be of different profiles.

    Returns:
        The columns image, verdict, group, degradation, predicted_gain_db, low_db, high_db (the interval),
        gain_probability, flat (bool), distance and probability_NAME for all groups, then for the
        degradations of other names, both by alphabet. Numbers are float, NaN where nothing is known; group and
        degradation are missing then.
    """
    import pandas as pd

    groups = sorted({ranked.group for selection in selections for ranked in selection.ranking})
    names = sorted({name for selection in selections for name in selection.degradations} - set(groups))
    rows = []
    for selection in selections:
        low, high = selection.interval or (None, None)
        chances = dict(selection.degradations) | {ranked.group: ranked.probability for ranked in selection.ranking}
        row = (selection.image, selection.verdict, selection.group, selection.degradation)
        gain = (selection.predicted_gain, low, high, selection.gain_probability)
        rows.append((*row, *gain, selection.flat, selection.distance, *map(chances.get, (*groups, *names))))
    words = ["image", "verdict", "group", "degradation"]
    gains = ["predicted_gain_db", "low_db", "high_db", "gain_probability"]
    others = ["distance", *(f"probability_{name}" for name in (*groups, *names))]
    types = {**dict.fromkeys([*gains, *others], float), "flat": bool}
    return pd.DataFrame(rows, columns=[*words, *gains, "flat", *others]).astype(types)


def selections_csv(selections: Sequence[Selection]) -> str:
    """Put selections into CSV: the table of `selections_frame`, without its index.

    Args:
        selections: in the order of the lines.

    Returns:
        A header and a line for each image; numbers have six significant digits, what is not known is empty. Texts that
        a spreadsheet would compute are made safe, see `grids.cells.to_cell`.
    """
    return frame_to_csv(selections_frame(selections), index=False, float_format="%.6g")
