"""Findings: what stands out in the answers of a wave, each held against a declared family of comparisons.

A finding is confirmed when it passes Benjamini–Hochberg over its family at the family's rate, and its own
interval does not hold 0: among what is reported as found, no larger share is chance on average, and where
there is nothing to find at all, a family reports anything no more often than its rate.

Everything is computed from what passed the door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from cxlib import contrasts
from cxlib.composition import POOLED, Composition, Group, Linear, Released
from cxlib.contrasts import Contrast
from cxlib.estimates import CHANGE, PAIR, SAY_DO
from cxlib.frames import NOT_STATED, ROLE, UNSCORED, cut_dims
from cxlib.instrument import Instrument
from cxlib.language import SOURCE, Words
from cxlib.ordering import SLACK

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
LEVELS, POINTS, DELTA, AGREEMENT = "levels", "points", "Cliff's delta", "agreement A"


@dataclass(frozen=True)
class Family:
    """A family of comparisons that is judged as a whole.

    `rate` is its false-discovery rate, `compares` what is compared with what, in words for the report.
    """

    id: str
    name: str
    compares: str
    rate: float = 0.05


def families_in(words: Words) -> dict[str, Family]:
    """Return the families by id, their names and what they compare in the reader's language."""
    _ = words
    found = (
        Family(
            "pair", _("Out of sequence"), _("every step with every step it stands on, all staff, one-sided")
        ),
        Family(
            "say_do",
            _("Said and done"),
            _("what is said with what is done, every step, every role of staff"),
        ),
        Family("delivery", _("Delivery gap"), _("every role of staff with customers, on one question")),
        Family(
            "perception",
            _("Seen differently"),
            _("every item, any two roles that answer on one scale"),
        ),
        Family(
            "split",
            _("Split"),
            _("every step, every role of staff: two camps, not a spread, one-sided"),
        ),
        Family(
            "change",
            _("Changed"),
            _("every step, all staff and customers, and every net promoter score"),
        ),
        Family(
            "unit",
            _("Unit apart"),
            _("every unit with the others of its kind, every step, every role"),
        ),
    )
    return {one.id: one for one in found}


FAMILIES: Final = families_in(Words(SOURCE))


@dataclass(frozen=True)
class Finding:
    """One comparison with its figure, its interval and what it says.

    Attributes
    ----------
    family : one of `FAMILIES`.
    about : ids of the steps, the item or the question it is about.
    groups : ids of the roles, and the unit, whose answers are compared.
    value, low, high : the figure with its own 95 % interval, in `unit`.
    n : answers behind it.
    n_each : where two groups are compared, how many of them are the first's and how many the second's.
    p : adjusted for the family (Benjamini–Hochberg).
    is_confirmed : whether p is within the family's rate, and the interval leaves out 0.
    compared : comparisons in the family, in this wave.
    sentence : what it says, in plain words of the instrument's language.
    """

    family: str
    about: tuple[str, ...]
    groups: tuple[str, ...]
    value: float
    low: float
    high: float
    unit: str
    n: int
    p: float
    is_confirmed: bool
    compared: int
    sentence: str
    n_each: tuple[int, ...] = ()

    @property
    def rate(self) -> float:
        return FAMILIES[self.family].rate


def findings(
    released: Released,
    estimates: pd.DataFrame,
    instrument: Instrument,
    weights: Mapping[str, float],
    *,
    wave: str,
    waves: Mapping[str, str] | None = None,
    slack: float = SLACK,
    families: Iterable[str] = tuple(FAMILIES),
) -> tuple[Finding, ...]:
    """Make every comparison of a wave, and say which are confirmed.

    Parameters
    ----------
    released, estimates
        What passed the door: the counts, and the ESTIMATES frame with parts, differences and changes.
    weights
        Role id → weight; roles of weight 0 are not part of staff as a whole.
    waves
        Id → name of the waves, oldest first; changes are those since the one before `wave`.
    slack
        δ, how far a step may run ahead of one that it stands on.
    families
        Ids of the families to compare.

    Returns
    -------
    All comparisons, confirmed ones first in their family, the clearest first; filter by `is_confirmed`.

    Source: Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57, 289–300.
    """
    names = dict(waves or {wave: wave})
    now = Composition(released, estimates, instrument, weights, wave)
    before = _before(names, wave)
    then = Composition(released, estimates, instrument, weights, before) if before else None
    makers: dict[str, Callable[[], Iterator[_Comparison]]] = {
        "pair": lambda: _pairs(now, slack),
        "say_do": lambda: _said_and_done(now),
        "delivery": lambda: _delivery(now),
        "perception": lambda: _perception(now),
        "split": lambda: _splits(now),
        "change": lambda: _changes(now, then, names.get(before or "", "")),
        "unit": lambda: _units(now),
    }
    out: list[Finding] = []
    for id_ in families:
        out += _judged(FAMILIES[id_], list(makers[id_]()))
    return tuple(out)


def _before(names: Mapping[str, str], wave: str) -> str | None:
    ids = list(names)
    at = ids.index(wave) if wave in ids else 0
    return ids[at - 1] if at else None


@dataclass(frozen=True)
class _Comparison:
    """A comparison before its family is judged; `say` gets the contrast and makes the sentence."""

    about: tuple[str, ...]
    groups: tuple[str, ...]
    contrast: Contrast
    unit: str
    sentence: str
    factor: float = 1.0


def _judged(family: Family, made: list[_Comparison]) -> list[Finding]:
    made = [one for one in made if not np.isnan(one.contrast.p)]
    if not made:
        return []
    adjusted = contrasts.adjusted([one.contrast.p for one in made])
    out = [
        Finding(
            family.id, one.about, one.groups,
            one.contrast.value * one.factor, one.contrast.low * one.factor, one.contrast.high * one.factor,
            one.unit, one.contrast.n, float(p), bool(p <= family.rate) and _leaves_out_zero(one.contrast),
            len(made), one.sentence, one.contrast.n_each,
        )
        for one, p in zip(made, adjusted, strict=True)
    ]  # fmt: skip
    # What reads as equally sure stands by size, and what is of one size in the order of the instrument.
    return sorted(
        out,
        key=lambda one: (
            not one.is_confirmed, round(one.p, 3), -abs(one.value) / (100 if one.unit == POINTS else 1),
        ),
    )  # fmt: skip


def _leaves_out_zero(found: Contrast) -> bool:
    """Whether the interval agrees that there is a difference: no figure stands as found across 0."""
    return not found.low < 0 < found.high


# ── What is compared ────────────────────────────────────────────────────────────────────────────


def _everyone(of: Composition) -> Group | None:
    return next(iter(of.groups(())), None)


def _roles(of: Composition, kind: str) -> list[Group]:
    """Return the visible groups of the plan's roles, staff or customers."""
    return [one for one in of.groups((ROLE,)) if not one.is_hidden and of.kinds.get(one.value[ROLE]) == kind]


def _pairs(of: Composition, slack: float) -> Iterator[_Comparison]:
    """Compare each step with each it stands on, as staff as a whole see them."""
    group = _everyone(of)
    # Where no role can be shown, everyone is staff and customers together, and no level is the staff's.
    if group is None or (of.is_mixed(group) and of.parts(group)[0] == POOLED):
        return
    _, framework = of.instrument.words, of.instrument.framework
    for step, ancestors in framework.prerequisites.items():
        for before in (one for one in framework.order if one in ancestors):
            found = of.linear(group, PAIR, f"{before}>{step}")
            if found is None or not _is_staff(of, found):
                continue
            contrast = contrasts.excess(found.value, found.se, found.df, over=slack, n=found.n)
            yield _Comparison(
                (before, step), found.parts, contrast, LEVELS,
                _("{step}: {size} levels ahead of {before}, on which it stands.",
                  step=_called(of, step), before=_called(of, before), size=_size(_, contrast)),
            )  # fmt: skip


def _is_staff(of: Composition, found: Linear) -> bool:
    return all(of.kinds.get(role) != "customer" for role in found.parts)


def _is_of_customers(of: Composition, found: Linear) -> bool:
    return all(of.kinds.get(role) == "customer" for role in found.parts)


def _said_and_done(of: Composition) -> Iterator[_Comparison]:
    _, framework = of.instrument.words, of.instrument.framework
    for group in _roles(of, "staff"):
        for step in framework.order:
            found = of.linear(group, SAY_DO, step)
            if found is None:
                continue
            contrast = contrasts.excess(found.value, found.se, found.df, n=found.n, two_sided=True)
            facts = {
                "step": _called(of, step), "size": _size(_, contrast), "role": _role(of, group),
            }  # fmt: skip
            sentence = (
                _(
                    "{step}: what is said stands {size} levels above what is done (role: {role}).",
                    **facts,
                )
                if found.value > 0
                else _(
                    "{step}: what is done stands {size} levels above what is said (role: {role}).",
                    **facts,
                )
            )
            yield _Comparison((step,), (group.value[ROLE],), contrast, LEVELS, sentence)


def _delivery(of: Composition) -> Iterator[_Comparison]:
    _ = of.instrument.words
    for question in of.instrument.framework.questions.values():
        if question.kind != "delivery_gap" or question.id not in of.seen:
            continue
        for bought in _roles(of, "customer"):
            for group in _roles(of, "staff"):
                ours, theirs = (_scored(of, one, question.id) for one in (group, bought))
                if ours is None or theirs is None:
                    continue
                contrast = contrasts.difference_of_shares(
                    int(ours[-1]), int(ours.sum()), int(theirs[-1]), int(theirs.sum())
                )
                share, other = ours[-1] / ours.sum(), theirs[-1] / theirs.sum()
                yield _Comparison(
                    (question.id,), (group.value[ROLE], bought.value[ROLE]), contrast, POINTS,
                    _("Who calls the experience superior: {role} {share}, {other} {other_share}.",
                      role=_role(of, group), share=_.top_box(share),
                      other=_role(of, bought), other_share=_.top_box(other)),
                    factor=100,
                )  # fmt: skip


def _perception(of: Composition) -> Iterator[_Comparison]:
    """Compare two roles item by item, where both choose among the same words."""
    _, framework = of.instrument.words, of.instrument.framework
    scale_of = {role.id: role.scale for role in framework.roles}
    groups = [*_roles(of, "staff"), *_roles(of, "customer")]
    for one, other in combinations(groups, 2):
        if scale_of[one.value[ROLE]] != scale_of[other.value[ROLE]]:
            continue
        for item in framework.items:
            ours, theirs = (_scored(of, group, item) for group in (one, other))
            if ours is None or theirs is None:
                continue
            contrast = contrasts.cliffs_delta(ours, theirs)
            high, low = (one, other) if contrast.value > 0 else (other, one)
            yield _Comparison(
                (item,), (one.value[ROLE], other.value[ROLE]), contrast, DELTA,
                _("“{item}” stands higher with {high} than with {low}. Take one person of each: the first "
                  "gives the higher answer more often than the second, by {size} percentage points.",
                  item=of.instrument.name(item), high=_role(of, high), low=_role(of, low),
                  size=_size(_, contrast, 100)),
            )  # fmt: skip


def _splits(of: Composition) -> Iterator[_Comparison]:
    _, framework = of.instrument.words, of.instrument.framework
    for group in _roles(of, "staff"):
        for step in map(framework.step, framework.order):
            answers = [found for item in step.items if (found := _scored(of, group, item.id)) is not None]
            if not answers:
                continue
            contrast = contrasts.split(answers)
            yield _Comparison(
                (step.id,), (group.value[ROLE],), contrast, AGREEMENT,
                _("{step} splits {role} into two camps, with few between them.",
                  step=_called(of, step.id), role=_role(of, group)),
            )  # fmt: skip


def _changes(of: Composition, then: Composition | None, since: str) -> Iterator[_Comparison]:
    if then is None:
        return
    _ = of.instrument.words
    parts = [part for part in of.instrument.parts if part.kind in {"step", "construct"}]
    whole = _everyone(of)
    wholes = [] if whole is None or whole.is_hidden else [whole]
    for group in (*wholes, *_roles(of, "customer")):
        for part in parts:
            found = of.linear(group, CHANGE, part.id)
            # Of customers alone, where staff are hidden or were not asked, there is a row of their own.
            if found is None or (group is whole and found.parts and _is_of_customers(of, found)):
                continue
            contrast = contrasts.excess(found.value, found.se, found.df, n=found.n, two_sided=True)
            role = _role(of, group) if ROLE in cut_dims(group.cut) else ""
            sentence = _moved(_, part.name, _size(_, contrast), since, role, rose=found.value > 0)
            if found.items != found.items_total:
                sentence += " " + _(
                    "Compared over {items} of {total} items.", items=found.items, total=found.items_total
                )
            yield _Comparison((part.id,), found.parts, contrast, LEVELS, sentence)
    for question in of.instrument.framework.questions.values():
        if question.kind not in {"nps", "enps"}:
            continue
        for group in (*_roles(of, "staff"), *_roles(of, "customer")):
            earlier = then.all.get((then.wave, *group.key[1:]))
            answers = [
                None if one is None or one.is_hidden else _scored(where, one, question.id)
                for where, one in ((of, group), (then, earlier))
            ]
            if answers[0] is None or answers[1] is None or len(answers[0]) != 11:
                continue
            contrast = contrasts.difference_of_net_promoters(*(_promoters(one) for one in answers))  # type: ignore[arg-type]
            facts = {"role": _role(of, group), "size": points(_, contrast.value * 100), "since": since}
            sentence = (
                _("The net promoter score of {role} rose by {size} since {since}.", **facts)
                if contrast.value > 0
                else _("The net promoter score of {role} fell by {size} since {since}.", **facts)
            )
            yield _Comparison((question.id,), (group.value[ROLE],), contrast, POINTS, sentence, factor=100)


def _moved(_: Words, name: str, size: str, since: str, role: str, *, rose: bool) -> str:
    facts = {"name": name, "size": size, "since": since}
    if not role:
        return (
            _("{name} rose by {size} levels since {since}.", **facts)
            if rose
            else _("{name} fell by {size} levels since {since}.", **facts)
        )
    return (
        _("{name} rose by {size} levels since {since} (role: {role}).", **facts, role=role)
        if rose
        else _("{name} fell by {size} levels since {since} (role: {role}).", **facts, role=role)
    )


def _promoters(counts: Ints) -> tuple[int, int, int]:
    return int(counts[9:].sum()), int(counts[7:9].sum()), int(counts[:7].sum())


def _units(of: Composition) -> Iterator[_Comparison]:
    """Compare each unit with the others of its kind together, within a role."""
    _, framework = of.instrument.words, of.instrument.framework
    for cut in of.released.cuts:
        if len(cut) != 2 or ROLE not in cut:
            continue
        (segment,) = (dim for dim in cut if dim != ROLE)
        for role in _roles(of, "staff") + _roles(of, "customer"):
            units = [
                one
                for one in of.groups(cut)
                if not one.is_hidden
                and one.value[ROLE] == role.value[ROLE]
                and one.value[segment] != NOT_STATED
            ]
            for step in framework.order:
                found = [(unit, one) for unit in units if (one := of.linear(unit, "step", step)) is not None]
                if len(found) < 3:
                    continue
                figures = [[getattr(one, name) for _unit, one in found] for name in ("n", "value", "se")]
                for at, (unit, _linear) in enumerate(found):
                    contrast = contrasts.unit_against_rest(*figures, at)
                    facts = {
                        "step": _called(of, step), "unit": unit.value[segment], "size": _size(_, contrast),
                        "segment": segment, "role": _role(of, role),
                    }  # fmt: skip
                    sentence = (
                        _(
                            "{step}: {unit} stands {size} levels above the others ({segment}; role: {role}).",
                            **facts,
                        )
                        if contrast.value > 0
                        else _(
                            "{step}: {unit} stands {size} levels below the others ({segment}; role: {role}).",
                            **facts,
                        )
                    )
                    yield _Comparison(
                        (step,), (role.value[ROLE], unit.value[segment]), contrast, LEVELS, sentence
                    )


def _scored(of: Composition, group: Group, item: str) -> Ints | None:
    """Return the visible answers on the scale, or None where nobody gave any."""
    counts = of.own(group, item)
    return None if counts is None or not counts[len(UNSCORED) :].any() else counts[len(UNSCORED) :]


def _called(of: Composition, step: str) -> str:
    return of.instrument.say(of.instrument.step(step).name)


def _role(of: Composition, group: Group) -> str:
    role = of.instrument.framework.role(group.value[ROLE])
    return of.instrument.say(role.name)


def points(_: Words, value: float) -> str:
    """Write a difference in points without its sign, one of them as one."""
    said = _.number(abs(value))
    return _("{count} point", count=said) if said == "1" else _("{count} points", count=said)


def _size(_: Words, contrast: Contrast, factor: float = 1) -> str:
    """Write how large a difference is, without its sign: levels to one decimal, points to none."""
    return _.number(abs(contrast.value) * factor, 0 if factor > 1 else 1)
