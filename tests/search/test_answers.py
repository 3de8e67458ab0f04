"""What follows from answers: against the definition, group by group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.brute_force import world

from grids.search import Answer, Problem
from grids.search.answers import Answers, Table

GOOD, BAD, UNSURE = Answer({"*": 0.1}), Answer({"*": 9.0}), Answer()
AB, ABC, ABCD, AC, BD = 0b0011, 0b0111, 0b1111, 0b0101, 0b1010
SAID = {"within": GOOD, "beyond": BAD, "undecided": UNSURE, "failed": None}


def answers(n: int = 4, shortcuts: bool = True, askable: frozenset[int] | None = None) -> Answers:
    return Answers(Problem(world(0, n).similarity, 0.7, shortcuts=shortcuts, askable=askable))


def by_definition(said: dict[int, str], mask: int, shortcuts: bool, askable: frozenset[int] | None) -> str | None:
    """The verdict of a group: its own; else beyond if a part of two or more is, within if it is part of one within."""
    if mask in said:
        return said[mask]
    if mask & (mask - 1) == 0:
        return "within"
    if shortcuts and any(said[part] == "beyond" and part | mask == mask and part.bit_count() > 1 for part in said):
        return "beyond"
    if shortcuts and any(said[whole] == "within" and whole | mask == whole for whole in said):
        return "within"
    return None if askable is None or mask in askable else "failed"


def settled_otherwise(said: dict[int, str], mask: int) -> bool:
    """Whether an undecided group is within delta by a shortcut: part of one that is, and none of its parts beyond."""
    beyond = any(v == "beyond" and part & mask == part and part.bit_count() > 1 for part, v in said.items())
    return not beyond and any(v == "within" and whole & mask == mask for whole, v in said.items())


@st.composite
def situations(draw: st.DrawFn) -> tuple[int, dict[int, str], bool, frozenset[int] | None]:
    n = draw(st.integers(1, 6))
    masks = st.integers(1, (1 << n) - 1)
    said = draw(st.dictionaries(masks, st.sampled_from(sorted(SAID)), max_size=12))
    askable = draw(st.none() | st.frozensets(masks.filter(lambda mask: mask.bit_count() > 1), max_size=12))
    return n, said, draw(st.booleans()), askable


@given(situations())
@settings(max_examples=150)
def test_known_and_the_table_follow_the_definition(
    situation: tuple[int, dict[int, str], bool, frozenset[int] | None],
) -> None:
    n, said, shortcuts, askable = situation
    known = answers(n, shortcuts, askable)
    for mask, verdict in said.items():
        assert known.add(mask, SAID[verdict]) == verdict
    table = Table(known)
    for mask in range(1, 1 << n):
        expected = by_definition(said, mask, shortcuts, askable)
        assert known.known(mask) == expected
        assert table.within[mask] == (expected == "within")
        assert table.beyond[mask] == (expected == "beyond")
        own = said.get(mask, "within" if mask.bit_count() == 1 else None)
        assert table.direct[mask] == (own == "within")
        hopeless = own in ("undecided", "failed") or (own is None and askable is not None and mask not in askable)
        assert table.open[mask] == hopeless
        parts = [part for part in said if part & mask == part and part.bit_count() > 1 and said[part] == "undecided"]
        ordinary = [part for part in parts if not settled_otherwise(said, part)]
        shadowed = shortcuts and bool(ordinary) and expected != "within"
        assert table.shadowed[mask] == shadowed
        assert (mask in table.usable) == (expected != "beyond" and not hopeless)
        assert (mask in table.promising) == (expected != "beyond" and not hopeless and not shadowed)
        assert (mask in table.possible) == (expected != "beyond")
        assert (mask in table.verified) == (own == "within")
    for flags in (table.within, table.beyond, table.direct, table.open):
        assert not flags[0]


@given(situations())
@settings(max_examples=50)
def test_a_table_may_leave_the_shortcuts_aside(
    situation: tuple[int, dict[int, str], bool, frozenset[int] | None],
) -> None:
    n, said, shortcuts, askable = situation
    known, other = answers(n, shortcuts, askable), answers(n, not shortcuts, askable)
    for mask, verdict in said.items():
        known.add(mask, SAID[verdict])
        other.add(mask, SAID[verdict])
    for follow in (True, False):
        first, second = Table(known, follow), Table(other, follow)
        assert np.array_equal(first.within, second.within)
        assert np.array_equal(first.beyond, second.beyond)


def test_groups_of_one_are_within_unless_told_otherwise() -> None:
    known = answers()
    assert known.known(0b0010) == "within"
    known.add(0b0010, BAD)
    assert known.known(0b0010) == "beyond"
    assert known.known(AB) is None  # its own restorer's drop says nothing of the groups it is in


def test_a_direct_answer_outweighs_an_implied_one() -> None:
    known = answers()
    known.add(AB, BAD)
    assert known.known(ABC) == known.known(ABCD) == "beyond"
    known.add(ABC, GOOD)
    assert known.known(ABC) == "within"
    assert known.known(AC) == "within"
    assert known.known(AB) == "beyond"
    assert known.known(ABCD) == "beyond"
    known.add(ABCD, UNSURE)
    assert known.known(ABCD) == "undecided"


def test_without_shortcuts_nothing_follows() -> None:
    known = answers(shortcuts=False)
    known.add(ABC, GOOD)
    known.add(BD, BAD)
    assert [known.known(mask) for mask in (AB, AC, ABCD)] == [None] * 3


def test_contradictions_are_pairs_of_a_part_beyond_and_a_whole_within() -> None:
    known = answers()
    known.add(AB, BAD)
    known.add(AC, BAD)
    known.add(BD, GOOD)
    assert known.contradictions() == 0
    known.add(ABC, GOOD)
    assert known.contradictions() == 2
    known.add(ABCD, GOOD)
    assert known.contradictions() == 4
    known.add(0b0001, BAD)  # a group of one is no part that counts
    assert known.contradictions() == 4


def test_supposing_leaves_the_original_alone() -> None:
    known = answers()
    known.add(AB, GOOD)
    supposed = known.supposing({ABC: "beyond", AB: "failed"})
    assert (supposed.known(ABC), supposed.known(AB)) == ("beyond", "failed")
    assert (known.known(ABC), known.known(AB)) == (None, "within")


def test_total_drops_bound_what_is_not_known() -> None:
    known = answers()
    known.add(ABC, Answer({"d0": 0.5, "d1": -0.25, "d2": 0.125}))
    known.add(AB, Answer({"*": 0.5}))
    known.add(AC, Answer({"d0": 0.5}))
    assert known.total_drop(ABC) == pytest.approx(0.375)
    assert known.total_drop(AB) == pytest.approx(1.0)  # at most: both as bad as the worst
    assert known.total_drop(AC) == pytest.approx(1.0)
    assert known.total_drop(ABCD) == 0.0
    assert known.total_drop(0b0001) == 0.0


def test_having_leaves_out_groups_of_one() -> None:
    known = answers()
    known.add(ABC, GOOD)
    known.add(AB, GOOD)
    assert known.having("within") == [AB, ABC]
    assert known.having("beyond") == []
