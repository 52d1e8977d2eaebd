"""The columns of every frame that crosses a module, and the codes that stand in them.

A thin check of our own: pandera would cost more import time than the whole command line has.
Dimensions (`role` and the engagement's segments) are text columns whose names vary with the
engagement; a group that is not cut by a dimension holds `""` there, never a missing value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxlib.errors import ContractError, Problem

if TYPE_CHECKING:
    import pandas as pd

# Answers beside the scale. They lie below every scale, so that one int8 column holds any answer.
BLANK: Final = -128
NOT_APPLICABLE: Final = -127
DONT_KNOW: Final = -126
UNSCORED: Final = (BLANK, NOT_APPLICABLE, DONT_KNOW)
LOWEST, HIGHEST = -100, 127

WAVE: Final = "wave"
ROLE: Final = "role"
RESPONDENT: Final = "respondent"
DATE: Final = "date"
# Respondents are dealt out to shards; leaving one out at a time gives the drivers' intervals.
SHARD: Final = "shard"
SHARDS: Final = 40
NOT_STATED: Final = "not stated"
# What a column of texts begins with in a batch: no item or segment can be called so.
COMMENT: Final = "comment:"


@dataclass(frozen=True, order=True)
class ItemScale:
    """One item on its own scale: the whole numbers `low`…`high`, both included."""

    item: str
    low: int
    high: int

    def __post_init__(self) -> None:
        if not LOWEST <= self.low < self.high <= HIGHEST:
            raise ContractError(
                f"{self.item}: scale {self.low}…{self.high}; expected whole numbers "
                f"{LOWEST} ≤ low < high ≤ {HIGHEST}"
            )

    @property
    def levels(self) -> range:
        return range(self.low, self.high + 1)

    @property
    def answers(self) -> tuple[int, ...]:
        """Every code that may stand in a column of this item, in storage order."""
        return (*UNSCORED, *self.levels)

    @property
    def top(self) -> range:
        """The places that a top box counts."""
        return self.levels[-top_places(len(self.levels)) :]

    def as_level(self, value: float) -> float:
        """See a value of this scale on 1–5, by the affine view 1 + 4·(x − low)/(high − low)."""
        return 1 + 4 * (value - self.low) / (self.high - self.low)


def top_places(places: int) -> int:
    """Return how many places of a scale its top box counts: two, and one of four places or fewer."""
    return 2 if places > 4 else 1


@dataclass(frozen=True)
class Column:
    """A column of a frame: its kind (`text`, `whole`, `number`, `flag`) and whether it may miss."""

    name: str
    kind: str
    meaning: str
    may_miss: bool = False


@dataclass(frozen=True)
class Contract:
    """The columns that a frame must have, in the order in which they are shown."""

    name: str
    columns: tuple[Column, ...]

    def names(self, dims: Sequence[str] = ()) -> list[str]:
        """Return the column names with the dimensions spliced in after `cut`."""
        out: list[str] = []
        for column in self.columns:
            out.append(column.name)
            if column.name == "cut":
                out.extend(dims)
        return out


def _contract(name: str, *columns: tuple[str, str, str] | tuple[str, str, str, bool]) -> Contract:
    return Contract(name, tuple(Column(*column) for column in columns))


_GROUP = (
    ("wave", "text", "the round of assessment"),
    ("cut", "text", "the dimensions that the group is cut by, joined by ×; empty for everyone"),
)

GROUPS: Final = _contract(
    "groups",
    *_GROUP,
    ("n", "whole", "respondents", True),
    ("is_hidden", "flag", "too small to show, or hidden to protect one that is"),
)

COUNTS: Final = _contract(
    "counts",
    *_GROUP,
    ("item", "text", "item id"),
    ("answer", "whole", "the item's own scale, or -128 blank, -127 not applicable, -126 don't know"),
    ("n", "whole", "respondents who gave it"),
)

WITHHELD: Final = _contract("withheld", *_GROUP, ("item", "text", "an item hidden within a visible group"))

BOUNDS: Final = _contract(
    "bounds",
    *_GROUP,
    ("item", "text", "an item whose answers in a visible group all stand at one level"),
    ("bound", "text", "at least or at most"),
    ("top_box", "number", "the bound: share 0–1 of answers in the top two places of the scale"),
)

ESTIMATES: Final = _contract(
    "estimates",
    *_GROUP,
    ("kind", "text", "step, stream, lens or construct; or a difference: say_do, pair, change"),
    ("id", "text", "id of the part; of a pair, the two steps as before>after"),
    ("n", "whole", "respondents with an answer, to the item with the fewest"),
    ("items", "whole", "items the estimate is made of"),
    ("items_total", "whole", "items it would be made of, were none hidden or unasked"),
    ("mean", "number", "level on 1–5, or difference of levels"),
    ("se", "number", "standard error of the mean", True),
    ("df", "number", "degrees of freedom of the standard error", True),
)

RELIABILITY: Final = _contract(
    "reliability",
    *_GROUP,
    ("kind", "text", "step or construct"),
    ("id", "text", "its id"),
    ("n", "whole", "respondents with an answer, to the item with the fewest"),
    ("items", "whole", "items"),
    ("alpha", "number", "Cronbach's alpha, raw, missing answers pairwise", True),
    ("alpha_low", "number", "lower end (Feldt)", True),
    ("alpha_high", "number", "upper end (Feldt)", True),
    ("alpha_standardised", "number", "Cronbach's alpha of the correlations", True),
    ("alpha_standardised_low", "number", "lower end (Feldt)", True),
    ("alpha_standardised_high", "number", "upper end (Feldt)", True),
    ("omega", "number", "McDonald's omega of one factor", True),
    ("omega_low", "number", "lower end", True),
    ("omega_high", "number", "upper end", True),
    ("missing", "text", "how missing answers were treated"),
)

DRIVERS: Final = _contract(
    "drivers",
    *_GROUP,
    ("outcome", "text", "id of what is explained"),
    ("driver", "text", "id of the item, step or construct; empty where nothing could be explained"),
    ("share", "number", "its share of R², 0–1; the shares of an outcome sum to R²", True),
    ("low", "number", "lower end (delete-a-group jackknife)", True),
    ("high", "number", "upper end (delete-a-group jackknife)", True),
    ("relative", "number", "share of what is explained, 0–1", True),
    ("correlation", "number", "Pearson's r with the outcome", True),
    ("n", "whole", "respondents"),
    ("method", "text", "lmg or relative weights"),
    ("r_squared", "number", "share of the outcome's variance explained, 0–1", True),
    ("r_squared_low", "number", "lower end (delete-a-group jackknife)", True),
    ("r_squared_high", "number", "upper end (delete-a-group jackknife)", True),
    ("reason", "text", "why nothing could be explained; empty elsewhere"),
)

SCORES: Final = _contract(
    "scores",
    ("kind", "text", "item, step, stream, lens or construct"),
    ("id", "text", "its id"),
    ("name", "text", "its name in the engagement's language"),
    *_GROUP,
    ("is_hidden", "flag", "too small to show, or hidden to protect one that is"),
    ("n", "whole", "respondents who answered", True),
    ("mean", "number", "level 1–5", True),
    ("low", "number", "level 1–5, lower end of the 95 % interval", True),
    ("high", "number", "level 1–5, upper end of the 95 % interval", True),
    ("top_box", "number", "share 0–1 of answers in the top two places of the scale; or its bound", True),
    ("top_box_bound", "text", "at least or at most, where only a bound may be shown; empty elsewhere"),
    ("top_box_low", "number", "share 0–1, lower end (Wilson)", True),
    ("top_box_high", "number", "share 0–1, upper end (Wilson)", True),
    ("agreement", "number", "van der Eijk's A, -1…1", True),
    ("agreement_low", "number", "-1…1, lower end (seeded bootstrap)", True),
    ("agreement_high", "number", "-1…1, upper end (seeded bootstrap)", True),
    ("rwg", "number", "agreement against a flat spread, 0–1; of several items rwg(j)", True),
    ("rwg_low", "number", "lower end (seeded bootstrap)", True),
    ("rwg_high", "number", "upper end (seeded bootstrap)", True),
    ("gated_level", "number", "highest level that every item reaches", True),
    ("gated_low", "number", "lower end (seeded bootstrap)", True),
    ("gated_high", "number", "upper end (seeded bootstrap)", True),
    ("weighting", "text", "pooled, or by role"),
    ("parts", "text", "the roles that the figure is made of, joined by +"),
    ("items", "whole", "items the figure is made of"),
    ("items_total", "whole", "items it would be made of, were none hidden or unasked"),
)

DISTRIBUTION: Final = _contract(
    "distribution",
    ("id", "text", "item id"),
    ("name", "text", "its topic in the engagement's language"),
    *_GROUP,
    ("answer", "whole", "the item's own scale, or -128 blank, -127 not applicable, -126 don't know"),
    ("n", "whole", "respondents who gave it"),
    ("share", "number", "share 0–1 of the answers on the scale; missing for answers beside it", True),
)

SENSITIVITY: Final = _contract(
    "sensitivity",
    ("gate", "number", "level that counts as passed"),
    ("slack", "number", "levels that a step may run ahead"),
    ("position", "whole", "steps passed whose ancestors all pass"),
    ("start_here", "text", "the first steps below the gate, joined by +"),
    ("excess_share", "number", "out-of-sequence index, 0–1; missing where every step is at 1", True),
)

UNITS: Final = _contract(
    "units",
    ("id", "text", "step id"),
    *_GROUP,
    ("n", "whole", "respondents who answered"),
    ("value", "number", "shrunken level, 1–5"),
    ("low", "number", "lower end of its 95 % interval"),
    ("high", "number", "upper end"),
    ("rank", "whole", "by shrunken level, 1 the highest"),
    ("raw", "number", "level as it came out, 1–5"),
    ("raw_rank", "whole", "by raw level; shown to explain, never to rank by"),
    ("weight", "number", "share 0–1 of the raw level in the shrunken one"),
)

METRICS: Final = _contract(
    "metrics",
    ("id", "text", "question id"),
    ("kind", "text", "nps, csat, …"),
    ("name", "text", "what it is about, in the engagement's language"),
    ("figure", "text", "what is computed of it: net promoter score, top box, mean, …"),
    *_GROUP,
    ("is_hidden", "flag", "too small to show, or hidden to protect one that is"),
    ("n", "whole", "respondents who answered", True),
    ("value", "number", "the metric in its own unit", True),
    ("low", "number", "lower end of the 95 % interval", True),
    ("high", "number", "upper end of the 95 % interval", True),
    ("bound", "text", "at least or at most, where only a bound of the value may be shown; empty elsewhere"),
    ("counted_in", "text", "the unit of the value, for example points"),
)

PARTICIPATION: Final = _contract(
    "participation",
    ("role", "text", "role id"),
    ("name", "text", "role name"),
    ("is_hidden", "flag", "too small to show, or hidden to protect one that is"),
    ("n", "whole", "respondents", True),
    ("population", "whole", "people invited or employed", True),
    ("share", "number", "n over population, 0–1", True),
)

INVITED: Final = _contract(
    "invited",
    *_GROUP,
    ("invited", "whole", "people who were asked to answer"),
)

RESPONSE: Final = _contract(
    "response",
    *_GROUP,
    ("is_hidden", "flag", "too small to show, or hidden to protect one that is"),
    ("n", "whole", "respondents", True),
    ("invited", "whole", "people who were asked to answer", True),
    ("share", "number", "n over invited, 0–1", True),
)

COMPLETENESS: Final = _contract(
    "completeness",
    ("step", "text", "step id; empty for what was asked beside the steps"),
    ("name", "text", "its name in the engagement's language"),
    ("items", "whole", "items whose answers may be shown"),
    ("answered", "whole", "answers on the scale, all items together"),
    ("dont_know", "whole", "answered that they do not know"),
    ("not_applicable", "whole", "answered that it does not apply"),
    ("blank", "whole", "left blank"),
    ("share", "number", "answered over all of these, 0–1"),
    ("least", "text", "id of the item with the lowest share"),
    ("least_name", "text", "its topic in the engagement's language"),
    ("least_share", "number", "its share, 0–1"),
)

# By nothing but the role: what people wrote is never cut by a segment.
COMMENTS: Final = _contract(
    "comments",
    ("wave", "text", "the round of assessment"),
    ("question", "text", "id of the open question"),
    ("role", "text", "role id; empty for everyone else: the roles that are not shown by themselves"),
    ("text", "text", "what a person wrote, as a person of the house let it pass"),
)

PORTFOLIO: Final = _contract(
    "portfolio",
    ("engagement", "text", "its name in the store"),
    ("client", "text", "the client's name"),
    ("wave", "text", "id of the wave"),
    ("wave_name", "text", "the wave as a reader calls it"),
    ("date", "text", "day that the figures speak of; empty where it is not known"),
    ("framework", "text", "id and version"),
    ("run", "text", "id of the published run that the row was read from"),
    ("state", "text", "draft, or approved"),
    ("n", "whole", "respondents in the roles that can be shown"),
    ("position", "whole", "steps passed whose ancestors all pass", True),
    ("position_low", "whole", "lower end of the 95 % range", True),
    ("position_high", "whole", "upper end", True),
    ("start_here", "text", "names of the steps to start with, as the client reads them; empty without any"),
    ("start_ids", "text", "their ids, joined by +: the same in every language"),
    ("excess_share", "number", "out-of-sequence index, 0–1", True),
    ("excess_share_low", "number", "lower end of the 95 % range", True),
    ("excess_share_high", "number", "upper end", True),
    ("raw", "number", "mean level of the steps, 1–5", True),
    ("effective", "number", "mean level that is supported, 1–5", True),
)

_KINDS: Final = {"text": "OSU", "whole": "iuf", "number": "fiu", "flag": "b"}


# Names that a segment cannot have, because a frame needs them for itself.
TAKEN: Final = frozenset(
    {RESPONDENT, SHARD, DATE, "cut", "item"}.union(
        *(
            (column.name for column in contract.columns)
            for contract in (
                GROUPS,
                COUNTS,
                ESTIMATES,
                RELIABILITY,
                DRIVERS,
                SCORES,
                DISTRIBUTION,
                UNITS,
                METRICS,
                PARTICIPATION,
                INVITED,
            )
        )
    )
)


def check(frame: pd.DataFrame, contract: Contract, dims: Sequence[str] = ()) -> pd.DataFrame:
    """Return `frame` unchanged if it keeps `contract`.

    Raises
    ------
    ContractError
        Naming every column that is missing, of another kind, or has gaps it may not have.
    """
    problems = [
        *(Problem(f"column {dim}", "missing dimension") for dim in dims if dim not in frame),
        *(problem for column in contract.columns for problem in _column_problems(frame, column)),
    ]
    if problems:
        raise ContractError(
            f"a {contract.name} frame breaks its contract",
            problems=problems,
            fix="Build it with cxlib's own functions; frames.py lists the columns.",
        )
    return frame


def _column_problems(frame: pd.DataFrame, column: Column) -> Iterable[Problem]:
    where = f"column {column.name}"
    if column.name not in frame:
        yield Problem(where, "missing", expected=f"{column.kind}: {column.meaning}")
        return
    series = frame[column.name]
    kind = series.dtype.kind
    if len(series) and kind not in _KINDS[column.kind]:
        yield Problem(where, "wrong kind", found=str(series.dtype), expected=column.kind)
    if not column.may_miss and series.isna().any():
        yield Problem(where, "has gaps", found=f"{int(series.isna().sum())} missing values", expected="none")


def no_comments() -> pd.DataFrame:
    """Return a COMMENTS frame in which nobody says anything."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype="str") for name in COMMENTS.names()})


def cut_name(dims: Iterable[str]) -> str:
    """Name a cut by its dimensions: `""`, `"role"`, `"role×unit"`."""
    return "×".join(dims)


def cut_dims(name: str) -> tuple[str, ...]:
    """Read the dimensions back from a cut's name."""
    return tuple(name.split("×")) if name else ()
