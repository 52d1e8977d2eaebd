"""The door: what is small is hidden, what would give it away as well, and nothing else gets through."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlib.anonymity import Release, hidden_cells, release
from cxlib.errors import AnonymityError
from cxlib.frames import UNSCORED
from cxlib.tally import Tally
from tests.samples import CUTS, people, sample, tallied

# No group here is of one mind, where the threshold alone is meant.
MIXED = [3, 4]


def hidden(found: Release, cut: str) -> dict[tuple[str, ...], bool]:
    rows = found.groups[found.groups["cut"] == cut]
    return {
        tuple(row[:-1]): row[-1]
        for row in rows[[*found.dims, "is_hidden"]].itertuples(index=False, name=None)
    }


def withheld(found: Release) -> set[tuple[str, ...]]:
    return set(found.withheld[["role", "unit", "item"]].itertuples(index=False, name=None))


# ── Groups ──────────────────────────────────────────────────────────────────────────────────────


def test_a_group_below_the_threshold_is_hidden_with_the_smallest_beside_it() -> None:
    rows = (
        people(4, "owner", grain_mill=3) + people(9, "team", grain_mill=3) + people(6, "guest", grain_mill=3)
    )
    found = release(tallied(rows), [(), ("role",)], 5)
    assert hidden(found, "role") == {("guest", ""): True, ("owner", ""): True, ("team", ""): False}
    assert found.groups["n"].dropna().tolist() == [19, 9]


def test_a_group_of_exactly_the_threshold_is_shown() -> None:
    rows = people(5, "owner", grain_mill=3) + people(5, "team", grain_mill=3)
    assert not release(tallied(rows), [(), ("role",)], 5).groups["is_hidden"].any()


def test_of_two_equally_small_groups_the_first_by_name_is_hidden() -> None:
    rows = [
        row
        for unit in ("north", "west", "east", "south")
        for row in people(2 if unit == "west" else 7, unit=unit)
    ]
    found = release(tallied([{**row, "grain.mill": 3} for row in rows]), [(), ("unit",)], 5)
    assert hidden(found, "unit") == {
        ("", "east"): True, ("", "north"): False, ("", "south"): False, ("", "west"): True,
    }  # fmt: skip


def test_a_total_is_hidden_when_no_child_is_left_to_hide() -> None:
    rows = people(3, "owner", "north", grain_mill=3) + people(20, "team", "south", grain_mill=3)
    found = release(tallied(rows), [(), ("role",), ("role", "unit")], 5)
    assert hidden(found, "role×unit") == {("owner", "north"): True, ("team", "south"): True}
    assert all(hidden(found, "role").values())
    assert not hidden(found, "")["", ""]


def test_a_hidden_group_keeps_its_row_and_shows_no_number() -> None:
    found = sample(people(3, "owner", grain_mill=3) + people(9, "team", grain_mill=3)).release
    gone = found.groups[found.groups["is_hidden"]]
    assert len(gone)
    assert gone["n"].isna().all()
    keys = set(gone[["cut", *found.dims]].itertuples(index=False, name=None))
    assert not keys & set(found.counts[["cut", *found.dims]].itertuples(index=False, name=None))


def test_waves_never_share_a_total() -> None:
    rows = people(3, "owner", wave="w1", grain_mill=3) + people(9, "team", wave="w1", grain_mill=3)
    rows += people(8, "owner", wave="w2", grain_mill=3) + people(9, "team", wave="w2", grain_mill=3)
    found = release(tallied(rows), [(), ("role",)], 5)
    by_role = found.groups[found.groups["cut"] == "role"]
    assert by_role.set_index(["wave", "role"])["is_hidden"].to_dict() == {
        ("w1", "owner"): True, ("w1", "team"): True, ("w2", "owner"): False, ("w2", "team"): False,
    }  # fmt: skip


def test_a_plan_over_three_dimensions_protects_every_total_of_every_cut() -> None:
    rows = [
        {**row, "channel": channel, "grain.mill": 3}
        for role, unit, channel in product(("owner", "team"), ("north", "south"), ("shop", "web"))
        for row in people(2 if (role, unit, channel) == ("owner", "north", "web") else 6, role, unit)
    ]
    cuts = [
        (),
        ("role",),
        ("unit",),
        ("channel",),
        ("role", "unit"),
        ("role", "channel"),
        ("unit", "channel"),
    ]
    tally = tallied(rows, dims=("wave", "role", "unit", "channel"), cuts=cuts)
    found = release(tally, cuts, 10)
    assert found.groups["is_hidden"].any()
    assert_protected(found, 10)
    assert_nothing_by_subtraction(found, tally, 10)


@pytest.mark.parametrize("cut", [("shift",), ("role", "unit", "wave"), ("role", "unit", "channel")])
def test_a_plan_that_asks_for_too_much_is_refused(cut: tuple[str, ...]) -> None:
    with pytest.raises(AnonymityError, match="at most two of role, unit"):
        release(tallied(people(9, grain_mill=3)), [(), cut], 5)


@pytest.mark.parametrize("by", ["unit", ("role", "unit"), ("unit", "role"), "shift"])
def test_a_cut_outside_the_plan_is_refused(by: Any) -> None:
    shown = sample(people(9, grain_mill=3), cuts=[(), ("role",)])
    for verb in (shown.scores, shown.distribution, shown.metrics):
        with pytest.raises(AnonymityError, match="expected one of: everyone, role"):
            verb(by)


def test_a_tally_of_nobody_releases_nothing() -> None:
    found = release(tallied([]), CUTS, 5)
    assert len(found.groups) == len(found.counts) == len(found.withheld) == 0


# ── Items ───────────────────────────────────────────────────────────────────────────────────────


def test_an_item_that_few_of_a_visible_group_answered_is_withheld() -> None:
    rows = people(9, "team", grain_mill=MIXED, grain_stock=[3, None, None, 4, None]) + people(
        9, "owner", grain_mill=MIXED, grain_stock=MIXED
    )
    rows += people(7, "guest", grain_mill=MIXED, grain_stock=MIXED)
    found = release(tallied(rows), [(), ("role",)], 5)
    assert not found.groups["is_hidden"].any()
    assert withheld(found) == {("team", "", "grain.stock"), ("guest", "", "grain.stock")}
    assert not ((found.counts["role"] == "team") & (found.counts["item"] == "grain.stock")).any()


def test_an_item_that_few_answered_at_all_is_withheld_from_the_whole_too() -> None:
    rows = people(9, "team", grain_mill=MIXED, grain_stock=[3, None, None, 4, None]) + people(
        9, "owner", grain_mill=MIXED
    )
    rows = [{**row, "grain.stock": row.get("grain.stock")} for row in rows]
    found = release(tallied(rows), [(), ("role",)], 5)
    assert withheld(found) == {("", "", "grain.stock"), ("team", "", "grain.stock")}


def test_what_is_hidden_for_its_group_is_hidden_in_every_item() -> None:
    rows = (
        people(3, "owner", grain_mill=MIXED)
        + people(9, "team", grain_mill=MIXED)
        + people(30, "guest", grain_mill=MIXED)
    )
    found = release(tallied(rows), [(), ("role",)], 5)
    shown = set(found.counts["role"])
    assert shown == {"", "guest"}


def test_a_group_hidden_for_anothers_sake_does_not_stand_alone_in_an_item() -> None:
    # Nobody of the small role answered the item: its neighbour's answers would be total less the third's,
    # and who answered at all would be everyone less the small role.
    rows = people(3, "owner", grain_mill=None) + people(9, "team", grain_mill=MIXED)
    rows += people(30, "guest", grain_mill=MIXED)
    found = release(tallied(rows), [(), ("role",)], 5)
    assert hidden(found, "role") == {("guest", ""): False, ("owner", ""): True, ("team", ""): True}
    assert withheld(found) == {("", "", "grain.mill")}


def test_withheld_and_shown_items_do_not_overlap() -> None:
    rows = [
        row
        for role, unit in product(("owner", "team", "guest"), ("north", "south"))
        for row in people(8, role, unit, grain_mill=MIXED, grain_stock=[1, None], grain_label=[None, None, 2])
    ]
    found = release(tallied(rows), CUTS, 5)
    keys = ["cut", "role", "unit", "item"]
    assert len(found.withheld)
    shown = set(found.counts[keys].itertuples(index=False, name=None))
    assert not shown & set(found.withheld[keys].itertuples(index=False, name=None))


# ── Of one mind ─────────────────────────────────────────────────────────────────────────────────


def of_one_mind(**answers: Any) -> Release:
    """Release three roles, of which the team gives one answer to `grain.mill`."""
    rows = people(9, "team", grain_stock=MIXED, **answers) + people(
        9, "owner", grain_mill=MIXED, grain_stock=MIXED
    )
    return release(tallied(rows + people(7, "guest", grain_mill=MIXED, grain_stock=MIXED)), CUTS[:2], 5)


@pytest.mark.parametrize(
    ("level", "bound"),
    [(5, ("at least", 0.95)), (4, ("at least", 0.95)), (3, ("at most", 0.05)), (1, ("at most", 0.05))],
)
def test_what_a_group_answers_with_one_voice_is_a_bound(level: int, bound: tuple[str, float]) -> None:
    found = of_one_mind(grain_mill=level)
    # The smallest beside it goes too, or the total would tell.
    assert withheld(found) == {("team", "", "grain.mill"), ("guest", "", "grain.mill")}
    assert found.bounds[["role", "item", "bound", "top_box"]].to_numpy().tolist() == [
        ["team", "grain.mill", *bound]
    ]
    assert not found.groups["is_hidden"].any()


def test_who_skips_is_not_of_another_mind() -> None:
    found = of_one_mind(grain_mill=[4, 4, None])
    assert found.bounds["role"].tolist() == ["team"]


def test_two_answers_or_too_few_are_no_bound() -> None:
    assert not len(of_one_mind(grain_mill=[4, 5]).bounds)
    few = of_one_mind(grain_mill=[4, None, None])
    assert ("team", "", "grain.mill") in withheld(few)
    assert not len(few.bounds)


def test_where_everyone_is_of_one_mind_nothing_finer_is_shown() -> None:
    found = release(tallied(people(9, "team", grain_mill=5) + people(9, "owner", grain_mill=5)), CUTS, 5)
    assert found.counts.empty
    assert set(found.bounds["bound"]) == {"at least"}
    assert len(found.bounds) == len(found.groups)


def test_of_a_scale_of_eleven_places_the_top_box_is_the_last_two() -> None:
    for level, bound in ((10, "at least"), (9, "at least"), (8, "at most")):
        assert release(tallied(people(9, oven_crust=level)), [()], 5).bounds["bound"].tolist() == [bound]


# ── Laws ────────────────────────────────────────────────────────────────────────────────────────


def two_way(table: list[list[int]]) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """Lay out a table with its margins and grand total: cells, row sums, column sums, total."""
    t = np.array(table)
    rows, columns = t.shape
    cells = np.arange(t.size).reshape(t.shape)
    row_sums, column_sums = t.size + np.arange(rows), t.size + rows + np.arange(columns)
    grand = t.size + rows + columns
    totals = [(int(row_sums[r]), cells[r]) for r in range(rows)]
    totals += [(int(column_sums[c]), cells[:, c]) for c in range(columns)]
    totals += [(grand, row_sums), (grand, column_sums), (grand, cells.ravel())]
    return np.concatenate([t.ravel(), t.sum(1), t.sum(0), [t.sum()]]), totals


tables = st.integers(2, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 20), min_size=width, max_size=width), min_size=2, max_size=5
    )
)
thresholds = st.integers(3, 10)
patient = settings(deadline=None)


@patient
@given(tables, thresholds)
def test_no_visible_cell_is_small_and_no_total_gives_one_away(table: list[list[int]], k: int) -> None:
    n, totals = two_way(table)
    gone = hidden_cells(n, totals, k)
    assert not ((n > 0) & (n < k) & ~gone).any()
    assert not gone[n == 0].any()
    for total, children in totals:
        inside = n[children[gone[children]]]
        assert gone[total] or len(inside) == 0 or (len(inside) >= 2 and inside.sum() >= k)


@patient
@given(tables, thresholds)
def test_nothing_is_hidden_where_no_cell_is_small(table: list[list[int]], k: int) -> None:
    n, totals = two_way([[0 if n < k else n for n in row] for row in table])
    assert not hidden_cells(n, totals, k).any()


@patient
@given(tables, thresholds, st.integers(1, 10))
def test_a_higher_threshold_never_shows_a_small_cell(table: list[list[int]], k: int, more: int) -> None:
    n, totals = two_way(table)
    small = (n > 0) & (n < k)
    assert hidden_cells(n, totals, k + more)[small].all()


@patient
@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), thresholds, st.integers(1, 10))
def test_under_one_total_a_higher_threshold_hides_what_a_lower_one_hid(
    children: list[int], k: int, more: int
) -> None:
    # Only there: in a table with two margins, one more small cell can make another hiding needless.
    n, totals = np.array([*children, sum(children)]), [(len(children), np.arange(len(children)))]
    assert not (hidden_cells(n, totals, k) & ~hidden_cells(n, totals, k + more)).any()


@patient
@given(tables, thresholds)
def test_hiding_again_hides_no_more(table: list[list[int]], k: int) -> None:
    n, totals = two_way(table)
    once = hidden_cells(n, totals, k)
    assert np.array_equal(hidden_cells(n, totals, k, once), once)


respondents = st.fixed_dictionaries(
    {
        "wave": st.sampled_from(["w1", "w2"]),
        "role": st.sampled_from(["owner", "team", "guest"]),
        "unit": st.sampled_from(["north", "south", None]),
        "grain.mill": st.sampled_from([None, 1, 5, -126, -127]),
        "oven.crust": st.sampled_from([None, 0, 10]),
    }
)


def assert_protected(found: Release, k: int) -> None:
    """Hold every published number against rules 2 and 3, from the released frames alone."""
    scored = found.counts[~found.counts["answer"].isin(UNSCORED)]
    keys = ["wave", "cut", *found.dims]
    by_item = scored.groupby([*keys, "item"])["n"].sum()
    assert not by_item.between(1, k - 1).any()
    assert not found.groups["n"].dropna().between(1, k - 1).any()


def assert_nothing_by_subtraction(found: Release, tally: Tally, k: int) -> None:
    """Under every visible total, the hidden children are none, or at least two and at least k together.

    For respondents, and for the answers to each item: a hidden group hides its items as well.
    """
    keys = ["wave", "cut", *found.dims]
    gone = set(found.groups[found.groups["is_hidden"]][keys].itertuples(index=False, name=None))
    held_back = set(found.withheld[[*keys, "item"]].itertuples(index=False, name=None))
    for above, below in product(found.cuts, repeat=2):
        if not set(above) < set(below):
            continue
        for item in (None, *(scale.item for scale in tally.items)):
            hidden_below: dict[Group, list[int]] = {}
            for group, n in counted(tally, below, item).items():
                total = within(above, group, tally)
                is_hidden = group in gone or (*group, item) in held_back
                hidden_below.setdefault(total, []).extend([n] if is_hidden and n else [])
            for total, inside in hidden_below.items():
                assert (
                    total in gone
                    or (*total, item) in held_back
                    or not inside
                    or (len(inside) >= 2 and sum(inside) >= k)
                ), f"{item or 'respondents'}: {inside} hidden in {total}"


Group = tuple[str, ...]


def counted(tally: Tally, cut: tuple[str, ...], item: str | None) -> dict[Group, int]:
    """Return the true respondents, or answers to an item, of each group of a cut."""
    true = tally.cut(("wave", *cut))
    n = true.respondents if item is None else true.item_counts(item)[:, len(UNSCORED) :].sum(axis=1)
    groups = []
    for wave, *values in true.keys:
        stated = dict(zip(cut, values, strict=True))
        groups.append((wave, "×".join(cut), *(stated.get(dim, "") for dim in tally.dims[1:])))
    return dict(zip(groups, n.tolist(), strict=True))


def within(cut: tuple[str, ...], group: Group, tally: Tally) -> Group:
    """Return the group of a coarser cut that holds a group."""
    wave, _, *values = group
    kept = (value if dim in cut else "" for dim, value in zip(tally.dims[1:], values, strict=True))
    return wave, "×".join(cut), *kept


@settings(deadline=None, max_examples=40)
@given(st.lists(respondents, max_size=80), thresholds)
def test_whatever_was_answered_nothing_small_is_released(rows: list[dict[str, Any]], k: int) -> None:
    tally = tallied(rows)
    found = release(tally, CUTS, k)
    assert_protected(found, k)
    assert_nothing_by_subtraction(found, tally, k)
    shown = found.groups.set_index(["wave", "cut", *found.dims])["n"].dropna()
    for cut in CUTS:
        for group, n in counted(tally, cut, None).items():
            assert shown.get(group, n) == n
