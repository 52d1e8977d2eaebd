"""The made-up example's answers, drawn from its planted truths: the same seed, the same bytes.

A person stands somewhere in general, somewhere else on each step, and answers each item with some noise
of its own: so the items of a step hang together as they do in real answers.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxlib.files import replaced
from cxlib.frames import BLANK, DONT_KNOW, NOT_APPLICABLE, ROLE, UNSCORED
from cxlib.framework import Framework
from cxlib.mapping import MappingSpec
from cxlib.run.truths import Truths

Texts = NDArray[np.str_]
Ints = NDArray[np.int16]
Floats = NDArray[np.float64]

HOTEL, DEPARTMENT = "hotel", "department"


@dataclass(frozen=True)
class Answers:
    """The answers of one wave.

    Attributes
    ----------
    wave : its id.
    role, hotel, department : (people,) text; empty where it was not stated.
    date : (people,) days before the wave's date, 0–20.
    items : item or question id → (people,) answers on its own scale, or a code of `frames.UNSCORED`;
        whoever was not asked holds a blank.
    """

    wave: str
    role: Texts
    hotel: Texts
    department: Texts
    date: Ints
    items: dict[str, Ints]

    def __len__(self) -> int:
        return len(self.role)

    def where(self, **values: str) -> NDArray[np.bool_]:
        """Say who holds all these values, for example `where(role="frontline")`."""
        out = np.ones(len(self), dtype=bool)
        for name, value in values.items():
            out &= getattr(self, name) == value
        return out

    def scored(self, item: str, who: NDArray[np.bool_] | None = None) -> Ints:
        """Return the answers on the scale, of those named."""
        found = self.items[item] if who is None else self.items[item][who]
        return found[~np.isin(found, UNSCORED)]

    def to_batch(self) -> Any:
        """Return a pyarrow RecordBatch as an import would store it."""
        import pyarrow as pa

        columns: dict[str, Any] = {
            name: pa.array(getattr(self, name).tolist(), pa.string()) for name in (ROLE, HOTEL, DEPARTMENT)
        }
        for item, found in self.items.items():
            columns[item] = pa.array(found.astype(np.int8), pa.int8(), mask=found == BLANK)
        return pa.RecordBatch.from_pydict(columns)


def draw(truths: Truths, framework: Framework, wave: str, seed: int | None = None) -> Answers:
    """Draw the answers of one wave.

    Parameters
    ----------
    wave
        Id of one of the plan's waves.
    seed
        Another one than the plan's.

    Returns
    -------
    Answers of everyone; the same plan and seed give the same answers, whichever waves are drawn beside it.
    """
    plan = truths.wave(wave)
    at = [one.id for one in truths.waves].index(wave)
    rng = np.random.Generator(np.random.PCG64([truths.seed if seed is None else seed, at]))
    roles = [role.id for role in framework.roles if role.id in plan.answered]
    role = np.repeat(roles, [plan.answered[one] for one in roles])
    hotel, department = _places(truths, role, rng)
    asked = {one: _asked(framework, one) for one in roles}
    person = rng.standard_normal(len(role)) * truths.spread.person
    latent = _latent(truths, framework, wave, role, person, rng)
    items: dict[str, Ints] = {}
    for item, values in latent.items():
        answers = np.clip(np.rint(values), 1, 5).astype(np.int16)
        who = np.repeat([item in asked[one] for one in roles], [plan.answered[one] for one in roles])
        items[item] = _beside(truths, answers, who, rng)
    bought = np.isin(role, _customers(framework))
    for kind, questions in truths.rated.items():
        who = bought if kind == "customer" else ~bought
        for question, rated in questions.items():
            noise = rng.standard_normal(len(role)) * rated.slope
            standing = rated.mean + rated.slope * person / truths.spread.person + noise
            items[question] = _rated(framework, question, standing, who)
    items[truths.recommend.question] = _recommended(truths, framework, latent, bought, rng)
    for question, share in truths.yes.items():
        items[question] = _said_yes(share, bought, rng)
    items[truths.superior.question] = _superior(truths, role, roles, rng)
    days = rng.integers(0, 21, len(role)).astype(np.int16)
    shuffled = rng.permutation(len(role))
    return Answers(
        wave,
        role[shuffled],
        hotel[shuffled],
        department[shuffled],
        days[shuffled],
        {item: found[shuffled] for item, found in items.items()},
    )


def _customers(framework: Framework) -> list[str]:
    return [role.id for role in framework.roles if role.kind == "customer"]


def _asked(framework: Framework, role: str) -> frozenset[str]:
    """Return the items of the longest form that is handed out to a role alone."""
    forms = [form for form in framework.content.forms if form.roles == [role]]
    return frozenset(max(forms, key=lambda form: len(form.items)).items)


def _places(truths: Truths, role: Texts, rng: np.random.Generator) -> tuple[Texts, Texts]:
    """Draw who works or stays where. Hotels and departments have the sizes planned, not drawn ones."""
    places = {HOTEL: truths.hotels, DEPARTMENT: truths.departments}
    found = {name: np.full(len(role), "", dtype="U20") for name in places}
    for one in dict.fromkeys(role.tolist()):
        who = np.flatnonzero(role == one)
        for name, shares in places.items():
            if one not in truths.nowhere.get(name, ()):
                found[name][who] = rng.permutation(_apportioned(shares, len(who)))
    hotel, department = found[HOTEL], found[DEPARTMENT]
    few = truths.few
    there = np.flatnonzero((role == few.role) & (hotel == few.hotel))[: few.people]
    department[there] = few.department
    return hotel, department


def _apportioned(shares: dict[str, float], n: int) -> Texts:
    """Split n by shares into whole numbers that sum to n: largest remainders."""
    names, exact = list(shares), np.array(list(shares.values())) * n / sum(shares.values())
    counts = np.floor(exact).astype(int)
    for place in np.argsort(counts - exact, kind="stable")[: n - counts.sum()]:
        counts[place] += 1
    return np.repeat(np.array(names, dtype="U20"), counts)


def _latent(
    truths: Truths,
    framework: Framework,
    wave: str,
    role: Texts,
    person: Floats,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """Draw where each person stands on each item, in levels, before it becomes a whole one."""
    bought = np.isin(role, _customers(framework))
    above = np.array([truths.roles.get(one, 0.0) for one in role])
    gap, split, better = (truths.truth(one) for one in ("said_and_done", "split", "better_measured"))
    found: dict[str, Floats] = {}
    for step in framework.steps:
        level = np.where(bought, truths.customers.get(step.id, 3.0), truths.steps[step.id] + above)
        if better and better.step == step.id and better.wave == wave:
            level = level + np.where(bought, better.customers_by, better.by)
        on_step = rng.standard_normal(len(role)) * truths.spread.step
        standing = level + person + on_step
        if split and split.step == step.id:
            who = np.flatnonzero(role == split.role)
            # Half stand in either camp, and within it close together: a person is of one camp on every item.
            camp = rng.permutation(np.resize(split.camps, len(who)))
            standing[who] = camp + 0.3 * (person[who] + on_step[who])
        for item in step.items:
            noise = truths.spread.item * rng.standard_normal(len(role))
            found[item.id] = standing + noise
            if gap and gap.step == step.id:
                found[item.id] += np.where(bought, 0, gap.gap / 2 if item.stream == "say" else -gap.gap / 2)
    return found


def _beside(truths: Truths, answers: Ints, asked: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    shares = truths.beside
    edges = np.cumsum([shares.blank, shares.not_applicable, shares.dont_know])
    drawn = np.searchsorted(edges, rng.random(len(answers)))
    out = np.choose(drawn, [BLANK, NOT_APPLICABLE, DONT_KNOW, answers]).astype(np.int16)
    out[~asked] = BLANK
    return out


def _rated(framework: Framework, question: str, standing: Floats, who: NDArray[np.bool_]) -> Ints:
    scale = framework.scales[question]
    out = np.clip(np.rint(standing), scale.low, scale.high).astype(np.int16)
    out[~who] = BLANK
    return out


def _recommended(
    truths: Truths,
    framework: Framework,
    latent: dict[str, Floats],
    bought: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Ints:
    """Draw how likely customers are to recommend: from the items that drive it, where any is planted."""
    planted, asked = truths.truth("drivers"), truths.recommend
    standing = asked.mean + rng.standard_normal(len(bought)) * asked.spread
    for item, weight in (planted.weights if planted else {}).items():
        standing = standing + weight * (latent[item] - truths.customers[framework.step_of[item]])
    return _rated(framework, asked.question, standing, bought)


def _said_yes(share: float, who: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    out = np.where(rng.random(len(who)) < share, 1, 0).astype(np.int16)
    out[~who] = BLANK
    return out


def _superior(truths: Truths, role: Texts, roles: Sequence[str], rng: np.random.Generator) -> Ints:
    """Draw who calls the experience superior: the planted shares exactly, for a dozen leaders too."""
    planted = truths.truth("delivery_gap")
    if planted is None:
        return (rng.random(len(role)) < truths.superior.share).astype(np.int16)
    out = np.zeros(len(role), np.int16)
    for one in roles:
        who = np.flatnonzero(role == one)
        out[rng.permutation(who)[: round(planted.yes[one] * len(who))]] = 1
    return out


# ── As a survey tool would export it ────────────────────────────────────────────────────────────


def write_example(
    truths: Truths, framework: Framework, mappings: Mapping[str, MappingSpec], folder: Path
) -> dict[str, dict[str, Path]]:
    """Write the answers of every wave as survey tools would export them, one file a questionnaire.

    Parameters
    ----------
    mappings
        Name of an export → its mapping: the file is written so that the mapping reads it back.

    Returns
    -------
    Wave id → name of the export → file, in the order of the plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out: dict[str, dict[str, Path]] = {}
    for plan in truths.waves:
        drawn = draw(truths, framework, plan.id)
        day = dt.date.fromisoformat(plan.date)
        out[plan.id] = {}
        for number, (name, delimiter) in enumerate(truths.exports.items()):
            path = out[plan.id][name] = folder / f"{plan.id}-{name}.csv"
            with replaced(path) as part:
                text = _csv(list(_rows(drawn, mappings[name], day, number)), delimiter)
                part.write_text(text, encoding="utf-8", newline="")
    return out


def _rows(drawn: Answers, mapping: MappingSpec, day: dt.date, number: int) -> Iterator[list[str]]:
    """Yield header and rows as the mapping expects them."""
    role = mapping.role
    roles = {id_: label for label, id_ in role.values.items()} if role.column else {str(role.value): ""}
    segments = {dim: str(one.column) for dim, one in mapping.segments.items()}
    yield [
        str(mapping.id),
        *([role.column] if role.column else []),
        *segments.values(),
        *([mapping.date.column] if mapping.date else []),
        *(item.column for item in mapping.items),
    ]
    beside = {
        BLANK: "",
        NOT_APPLICABLE: next(iter(mapping.not_applicable), ""),
        DONT_KNOW: next(iter(mapping.dont_know), ""),
    }
    words = [{**beside, **{code: label for label, code in item.values.items()}} for item in mapping.items]
    answers = [drawn.items[item.item] for item in mapping.items]
    for person, at in enumerate(np.flatnonzero(np.isin(drawn.role, list(roles))), 1):
        date = (day - dt.timedelta(days=int(drawn.date[at]))).isoformat()
        given = (int(found[at]) for found in answers)
        yield [
            # With leading zeros, as tools print them; no person of one export has another's number.
            f"0{number}{person:04d}",
            *([roles[drawn.role[at]]] if role.column else []),
            *(str(getattr(drawn, dim)[at]) for dim in segments),
            *([date] if mapping.date else []),
            *(known.get(one, str(one)) for known, one in zip(words, given, strict=True)),
        ]


def _csv(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()
