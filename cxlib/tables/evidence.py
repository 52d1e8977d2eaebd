"""Tables of what stands behind the figures: comparisons made, how items hang together, what drives what."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING

import pandas as pd

from cxlib.findings import FAMILIES, Finding
from cxlib.frames import DRIVERS, RELIABILITY, ROLE, UNITS, check
from cxlib.tables.html import Column, Html, groups, minus, missing, table_of

if TYPE_CHECKING:
    from cxlib.instrument import Instrument


def findings(made: Sequence[Finding], *, most: int = 5) -> Html:
    """Show what is confirmed, the `most` clearest of each family: sentence, figure, interval, n and p."""
    every = [one for one in made if one.is_confirmed]
    if not every:
        return missing("Nothing stands out beyond what chance could do, in any family of comparisons.")
    # They come in the order of their family, the clearest first.
    found = [one for _, of in groupby(every, key=attrgetter("family")) for one in islice(of, most)]
    left = len(every) - len(found)
    rows = [
        (
            FAMILIES[one.family].name,
            one.sentence,
            _with_interval(one),
            f"{one.n:,}",
            "<.001" if one.p < 0.001 else f"{one.p:.3f}".removeprefix("0"),
        )
        for one in found
    ]
    names = ("Kind", "What stands out", "Figure, 95% interval", "n", "Adjusted p")
    rate = ", ".join(sorted({f"{one.rate:.0%}" for one in found}))
    return table_of(
        "What stands out",
        [Column(name, [row[at] for row in rows], at > 1) for at, name in enumerate(names)],
        note=(
            f"Each kind is one family of comparisons, held to a false-discovery rate of {rate} "
            "(Benjamini–Hochberg): where there were nothing to find, a family would report anything no more "
            "often than that."
            + (f" The {most} clearest of each kind; `cx findings` prints the other {left:,}." if left else "")
        ),
    )


def _with_interval(one: Finding) -> str:
    places, unit = (0, " points") if one.unit == "points" else (2, "")
    value, low, high = (f"{figure:+.{places}f}" for figure in (one.value, one.low, one.high))
    return minus(f"{value} ({low} – {high}){unit}")


def families(made: Sequence[Finding]) -> Html:
    """Show how many comparisons were made in each family, and how many are confirmed."""
    rows = [
        (
            family.name,
            family.compares,
            str(len(of)),
            str(sum(one.is_confirmed for one in of)),
            f"{family.rate:.0%}",
        )
        for family in FAMILIES.values()
        if (of := [one for one in made if one.family == family.id])
    ]
    if not rows:
        return missing("Nothing could be compared: too few groups are shown.")
    names = ("Kind", "Compared", "Comparisons", "Confirmed", "Rate")
    return table_of(
        "Comparisons made",
        [Column(name, [row[at] for row in rows], at > 1) for at, name in enumerate(names)],
    )


def reliability(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show α and ω with their intervals, by role and part; nothing where there are none."""
    data = check(frame, RELIABILITY)
    if data.empty:
        return None
    triples = (("α raw", "alpha"), ("α standardised", "alpha_standardised"), ("ω", "omega"))
    return table_of(
        "How the items hang together",
        [
            Column("What", [instrument.called(one) for one in data["id"]]),
            *groups(data, instrument),
            Column("Items", [str(one) for one in data["items"]], True),
            Column("n", [f"{one:,}" for one in data["n"]], True),
            *(
                Column(
                    heading,
                    [
                        "" if pd.isna(value) else minus(f"{value:.2f} ({low:.2f} – {high:.2f})")
                        for value, low, high in zip(
                            data[name], data[f"{name}_low"], data[f"{name}_high"], strict=True
                        )
                    ],
                    True,
                )
                for heading, name in triples
            ),
        ],
        note=(
            "Missing answers pairwise. Alpha rises with the number of items and does not show that they "
            "measure one thing."
        ),
    )


def drivers(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show what goes with each outcome, and its share of what is explained; nothing where none was asked."""
    data = check(frame, DRIVERS)
    if data.empty:
        return None
    none = data[data["driver"] == ""]
    notes = [f"{instrument.called(row.outcome)}: {row.reason}." for row in none.itertuples()]
    data = data[data["driver"] != ""].sort_values(
        ["outcome", *[name for name in (ROLE,) if name in data], "share"],
        ascending=[True, True, False],
        kind="stable",
    )
    if data.empty:
        return missing(" ".join(dict.fromkeys(notes)))
    explained = [
        f"{instrument.called(outcome)}: R² {of['r_squared'].iloc[0]:.2f} "
        f"({of['r_squared_low'].iloc[0]:.2f} – {of['r_squared_high'].iloc[0]:.2f}), "
        f"n = {of['n'].iloc[0]:,}, {of['method'].iloc[0]}."
        for (outcome, *_), of in data.groupby(["outcome", *[n for n in (ROLE,) if n in data]], sort=False)
    ]
    return table_of(
        "Key drivers",
        [
            Column("Outcome", [instrument.called(one) for one in data["outcome"]]),
            *groups(data, instrument),
            Column("Driver", [instrument.called(one) for one in data["driver"]]),
            Column("Share of R²", [f"{one:.3f}" for one in data["share"]], True),
            Column(
                "95% interval",
                [f"{low:.3f} – {high:.3f}" for low, high in zip(data["low"], data["high"], strict=True)],
                True,
            ),
            Column("Of what is explained", [f"{one:.0%}" for one in data["relative"]], True),
            Column("r", [minus(f"{one:.2f}") for one in data["correlation"]], True),
        ],
        note=" ".join([*explained, *dict.fromkeys(notes), "What goes together need not cause one another."]),
    )


def units(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show the units of a step by their shrunken level, with the raw rank that luck gave them."""
    data = check(frame, UNITS)
    if data.empty:
        return None
    return table_of(
        "Units, without luck",
        [
            Column("Step", [instrument.called(one) for one in data["id"]]),
            *groups(data, instrument),
            Column("n", [f"{one:,}" for one in data["n"]], True),
            Column("Rank", [str(one) for one in data["rank"]], True),
            Column("Level", [f"{one:.2f}" for one in data["value"]], True),
            Column(
                "95% interval",
                [f"{low:.2f} – {high:.2f}" for low, high in zip(data["low"], data["high"], strict=True)],
                True,
            ),
            Column("As it came out", [f"{one:.2f}" for one in data["raw"]], True),
            Column("Raw rank", [str(one) for one in data["raw_rank"]], True),
        ],
        note=(
            "A small unit moves far by chance, so each is drawn towards the mean of all by how little its "
            "answers say. Intervals that overlap rank nobody."
        ),
    )
