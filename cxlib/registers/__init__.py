"""The registers that steps 4 to 8 read: touch points, promises, standards, measures, actions, assumptions.

Each is a small table that people keep, declared here column by column. A file is read strictly and whole:
what a row gets wrong is answered with row, column, found and expected, and then nothing is kept. Texts stay
texts. Owners are roles or titles, since a register is published with the report and names no person.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cxlib.errors import ContractError, NotFoundError, nearest
from cxlib.frames import Column as FrameColumn
from cxlib.frames import Contract

if TYPE_CHECKING:
    import pandas as pd

    from cxlib.language import Words

Row = dict[str, Any]

MOST: Final = 1e12
STEP, ROLE = "step", "role"
# What a column may hold, and how its frame holds it.
KINDS: Final = {
    "id": "text", "name": "text", "text": "text", "owner": "text", "word": "text", "day": "text",
    "reference": "text", "number": "number", "whole": "whole",
}  # fmt: skip
# The most characters that a text may have.
LONGEST: Final = {"name": 120, "text": 300, "owner": 80}


@dataclass(frozen=True)
class Column:
    """One column of a register.

    Attributes
    ----------
    kind : one of `KINDS`: `id`, `name` and `text` of different length, `owner` a role or title, `word` one
        of `words`, `day` as 2026-09-18, `reference` an id of `refers`, `number`, `whole`.
    meaning : what to write into it, with its unit.
    refers : the register that it names a row of; or `step` or `role` of the framework.
    low, high : smallest and largest number.
    """

    name: str
    kind: str
    meaning: str
    is_required: bool = False
    words: tuple[str, ...] = ()
    refers: str = ""
    low: float = -MOST
    high: float = MOST

    @property
    def is_number(self) -> bool:
        return self.kind in {"number", "whole"}

    @property
    def expected(self) -> str:
        """Say what may stand in it."""
        between = f"from {self.low:g} to {self.high:g}" if self.high < MOST else f"of {self.low:g} or more"
        return {
            "id": "letters, digits, dots, - and _, at most 40",
            "word": f"one of {', '.join(self.words)}",
            "day": "a day as 2026-09-18",
            "number": f"a number {between}" if self.low > -MOST else "a number as 1234.5",
            "whole": f"a whole number {between}",
            "owner": "a role or title, at most 80 characters",
        }.get(self.kind, f"a text of at most {LONGEST.get(self.kind, 40)} characters")


@dataclass(frozen=True)
class Register:
    """One register: its columns, and those that make a row the only one of its kind."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)

    def column(self, name: str) -> Column:
        return next(one for one in self.columns if one.name == name)

    @property
    def contract(self) -> Contract:
        """The columns as `eng.register(…)` returns them: days and what is missing as text, else NA."""
        return Contract(
            self.name,
            tuple(FrameColumn(one.name, KINDS[one.kind], one.meaning, one.is_number) for one in self.columns),
        )


def _number(name: str, meaning: str, **beside: Any) -> Column:
    return Column(name, beside.pop("kind", "number"), meaning, **beside)


_OWNER: Final = Column("owner", "owner", "who answers for it: a role or title, never a person's name")

TOUCHPOINTS: Final = Register(
    "touchpoints",
    (
        Column("id", "id", "a short id of your own, such as t01", True),
        Column("stage", "name", "the stage of the customer's journey", True),
        Column("name", "name", "the touch point, in the customer's words", True),
        Column("channel", "name", "where it happens: phone, web, on site, van, advertisement", True),
        Column(
            "contact", "word", "whether the customer deals with you there, or only with an impression of you",
            True, ("direct", "indirect"),
        ),
        Column(
            "moment", "word", "when it happens, seen from the purchase or stay", True,
            ("before", "during", "after"),
        ),
        _OWNER,
        _number("importance", "how much it matters to customers, 1 to 5", low=1, high=5),
        _number("performance", "how well it works today, 1 to 5", low=1, high=5),
    ),
)  # fmt: skip

PROMISES: Final = Register(
    "promises",
    (
        Column("id", "id", "a short id of your own, such as p1", True),
        Column("touchpoint", "reference", "the touch point that keeps it", refers="touchpoints"),
        Column(
            "half", "word", "which half of the experience statement it comes from", True,
            ("functional", "emotional"),
        ),
        Column("text", "text", "the promise, as a customer would understand it", True),
    ),
)  # fmt: skip

STANDARDS: Final = Register(
    "standards",
    (
        Column("id", "id", "a short id of your own, such as st1", True),
        Column("promise", "reference", "the promise that it keeps", refers="promises"),
        Column("touchpoint", "reference", "the touch point where it holds", refers="touchpoints"),
        Column("actor", "name", "who does it: one role"),
        Column("action", "text", "what that role does, so that a bystander could see it", True),
        _number("number", "how much or how long"),
        Column("unit", "name", "the unit of the number: seconds, minutes, rings, percent"),
        _number("share", "in how many of 100 cases it has to be met [%]", low=0, high=100),
        Column("scope", "name", "where and when it holds: all hotels, from 7 to 23 h"),
        _OWNER,
        Column("measure", "name", "how it is measured, in a few words"),
        Column("review_date", "day", "when it is looked at again"),
    ),
)

MEASURES: Final = Register(
    "measures",
    (
        Column("id", "id", "a short id of your own, such as m1", True),
        Column("standard", "reference", "the standard that it tells of", refers="standards"),
        Column("name", "name", "what is measured", True),
        Column("unit", "name", "its unit: %, minutes, points", True),
        Column("direction", "word", "which way is better", True, ("higher", "lower")),
        _number("target", "the value to reach, in its unit"),
    ),
)

OBSERVATIONS: Final = Register(
    "observations",
    (
        Column("measure", "reference", "the measure", True, refers="measures"),
        Column("date", "day", "the day of the value, or the last day of its period", True),
        _number("value", "the value, in the unit of the measure", is_required=True),
        _number("n", "how many cases it rests on", kind="whole", low=0, high=2e9),
    ),
    ("measure", "date"),
)

INITIATIVES: Final = Register(
    "initiatives",
    (
        Column("id", "id", "a short id of your own, such as i01", True),
        Column("kind", "word", "an idea that somebody had, or an action that was decided", True,
               ("idea", "action")),
        Column("name", "name", "what is to be done", True),
        Column("step", "reference", "the step that it is work on: s1 to s7", True, refers=STEP),
        Column("proposed_by", "reference", "the role it came from", refers=ROLE),
        _OWNER,
        _number("effort_days", "days of work in all [days]", low=0, high=1e6),
        _number("cost", "money it takes beside the work, in the currency of the assumptions", low=0),
        Column("opened_date", "day", "when it was proposed or decided"),
        Column("due_date", "day", "when it is to be done"),
        Column("status", "word", "how it stands", True, ("proposed", "open", "done", "dropped")),
        Column("closed_date", "day", "when it was done or dropped, and those who raised it were told"),
    ),
)  # fmt: skip

ASSUMPTIONS: Final = Register(
    "assumptions",
    (
        Column("id", "id", "its name, such as annual_retention", True),
        _number("value", "the value", is_required=True),
        Column("unit", "name", "its unit: share, EUR a year", True),
        Column("source", "name", "where it comes from", True),
        Column("dated", "day", "the day it was true", True),
    ),
    ("id", "dated"),
)

REGISTERS: Final = {
    one.name: one
    for one in (TOUCHPOINTS, PROMISES, STANDARDS, MEASURES, OBSERVATIONS, INITIATIVES, ASSUMPTIONS)
}


def about(name: str, words: Words) -> tuple[str, str]:
    """Say what a register is and why it matters: what an empty one is answered with."""
    _ = words
    return {
        "touchpoints": (
            _("The touch points: wherever a customer meets the organisation or an impression of it."),
            _("What nobody owns nobody improves, and what is not listed is not seen to be missing."),
        ),
        "promises": (
            _("The promises that follow from the customer experience statement."),
            _("A promise that no touch point keeps is an advertisement; it raises what people expect."),
        ),
        "standards": (
            _("The service standards: who does what, how well and how often, for each promise."),
            _("Without a number, a share and an owner nobody can tell whether a standard is met."),
        ),
        "measures": (
            _("The measures that tell whether a standard is met, each with a direction and a target."),
            _("A standard without a measure is a wish, and a measure without a standard changes nothing."),
        ),
        "observations": (
            _("The values of the measures, with their dates."),
            _("One value is a number; only a series shows whether anything changed."),
        ),
        "initiatives": (
            _("The ideas and actions: who raised them, who owns them, what they take, when they are due."),
            _("Ideas that nobody answers stop coming, and effort spent out of sequence does not hold."),
        ),
        "assumptions": (
            _("The assumptions of the business case: dated values with unit and source."),
            _("A figure in money convinces only as far as what it assumes can be looked up."),
        ),
    }[name]


# ── What is kept ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Kept:
    """The rows of one register, as they were loaded; `version` counts the loads."""

    version: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Assumption:
    """A dated value with unit and source."""

    value: float
    unit: str
    source: str
    dated: str


@dataclass(frozen=True)
class Registers:
    """Every register of one engagement, as frames: `registers["standards"]`."""

    engagement: str
    kept: Mapping[str, Kept] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a register's rows; without any, a frame of its columns."""
        return frame_of(name, self.kept[name].rows if name in self.kept else ())

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Go through every register that is declared, empty ones included."""
        return ((name, self[name]) for name in REGISTERS)

    @property
    def assumptions(self) -> dict[str, Assumption]:
        """Each assumption's newest value, by id."""
        rows = self.kept["assumptions"].rows if "assumptions" in self.kept else ()
        return {row["id"]: Assumption(**{key: row[key] for key in row if key != "id"}) for row in rows}

    def to_plain(self) -> dict[str, Any]:
        """Return what JSON can hold: rows and versions, and nobody's name."""
        return {
            name: {"version": one.version, "rows": [dict(row) for row in one.rows]}
            for name, one in self.kept.items()
        }


def find_register(name: str) -> Register:
    """Return a register by name.

    Raises
    ------
    NotFoundError
        Naming the nearest.
    """
    if name not in REGISTERS:
        raise NotFoundError(
            f"no register {name!r}{nearest(name, REGISTERS)}", fix=f"There are: {', '.join(REGISTERS)}."
        )
    return REGISTERS[name]


def frame_of(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a frame of the register's contract: texts "", numbers NA where nothing stands."""
    import pandas as pd

    columns = find_register(name).columns
    kinds = {"text": "str", "number": "float64", "whole": "Int64"}
    data = pd.DataFrame(list(rows), columns=[one.name for one in columns])
    return data.astype({one.name: kinds[KINDS[one.kind]] for one in columns})


def from_plain(plain: Any) -> dict[str, Kept]:
    """Read back what `Registers.to_plain` wrote.

    Raises
    ------
    ContractError
        If it holds a register, a column or a kind of value that is not declared.
    """
    out = {}
    for name, one in dict(plain).items():
        register = REGISTERS.get(name)
        if register is None:
            raise ContractError(f"no register {name!r}")
        wanted = [column.name for column in register.columns]
        for row in one["rows"]:
            fits = list(row) == wanted and all(
                _is_of(row[column.name], KINDS[column.kind]) for column in register.columns
            )
            if not fits:
                raise ContractError(f"a row of {name} breaks its contract: {str(row)[:120]}")
        out[name] = Kept(int(one["version"]), tuple(dict(row) for row in one["rows"]))
    return out


def _is_of(value: Any, kind: str) -> bool:
    if kind == "text":
        return isinstance(value, str)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value is None or (is_number and (kind == "number" or isinstance(value, int)))
