"""What a text in a survey file means: answers, roles, segments, dates, as the mapping says.

The plan is the mapping seen in one engagement: which column fills which field, by which conversion. A
conversion takes one cleaned text and returns what it means, or a rejection that says why it means nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from cxlib.errors import IngestError, Problem, nearest
from cxlib.frames import (
    BLANK,
    COMMENT,
    DATE,
    DONT_KNOW,
    NOT_APPLICABLE,
    NOT_STATED,
    RESPONDENT,
    ROLE,
    SHARD,
    ItemScale,
)
from cxlib.mapping import DateMapping, DimensionMapping, ItemMapping, MappingSpec

LONGEST_SEGMENT: Final = 200
LONGEST_COMMENT: Final = 2000
SHOWN_VALUES: Final = 8
ISO_DATE: Final = DateMapping.model_fields["format"].default
# What spreadsheets and survey tools leave around a text without showing it.
_UNSEEN: Final = (
    "\ufeff\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069"
)
_SPACES: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
EDGES: Final = _SPACES + _UNSEEN
_QUOTES: Final = "\"'`´“”„‟«»‹›‘’‚‛"
_REORDERING: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_FOLDED: Final = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛`´", "'"),
        **dict.fromkeys("“”„‟", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),
        **dict.fromkeys(_UNSEEN),
    }
)
_WHOLE: Final = re.compile(r"-?[0-9]{1,9}(?:\.0{1,9})?")
_ISO_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
# A time behind a day, as survey tools write it: "10:22", "10:22:31 AM GMT+1", "T08:15:00.000Z".
_TIME: Final = re.compile(
    r"[T,]?\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s*(?:[ap]\.?\s?m\.?)?\s*(?:Z|UTC|GMT)?"
    r"(?:[+-]\d{1,2}(?::?\d{2})?)?",
    re.IGNORECASE,
)
_HAS_TIME: Final = re.compile(r"%[HIMSpzZXcTfRr]")
# Days as a spreadsheet counts them, of this and the last century.
_SERIAL: Final = re.compile(r"[1-7][0-9]{4}(?:\.[0-9]+)?")
_EPOCH: Final = date(1899, 12, 30)
_NOT_WHOLE: Final = (
    (re.compile(r"[+-]?\d+,\d+"), "a decimal comma"),
    (re.compile(r"[+-]?\d*\.\d+"), "not a whole number"),
    (re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+", re.IGNORECASE), "a number in scientific notation"),
    (re.compile(r"[+-]?(?:inf|infinity)", re.IGNORECASE), "infinity is not a level"),
    (re.compile(r"[+-]?nan", re.IGNORECASE), "not a number"),
    (re.compile(r"true|false", re.IGNORECASE), "true or false is not a level"),
)


# ── Texts ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Rejection:
    """Why a text cannot be converted; `known` holds the texts of which one may have been meant."""

    reason: str
    expected: str
    known: tuple[str, ...] = ()

    def of(self, text: str) -> tuple[str, str, str]:
        """Return reason, found and expected."""
        near = nearest(clean(text), self.known) if len(text) <= LONGEST_SEGMENT else ""
        return self.reason + near, shown(text) if text else "", self.expected


Convert = Callable[[str], Any]


def clean(text: str) -> str:
    """Strip what cannot be seen and what merely quotes, so that “7 ” is 7."""
    return unicodedata.normalize("NFC", text.strip(EDGES).strip(_QUOTES).strip(EDGES))


def _fold(text: str) -> str:
    """Reduce a text to what a person would call the same: case, dashes, apostrophes, spaces aside."""
    return " ".join(clean(text).translate(_FOLDED).casefold().split())


def shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")


@dataclass(frozen=True)
class _Lookup:
    """Texts and what they mean: as written first, then folded; earlier tiers win."""

    exact: dict[str, Any] = field(default_factory=dict)
    folded: dict[str, Any] = field(default_factory=dict)

    def add(self, tier: Iterable[tuple[str, Any]]) -> None:
        meanings: dict[str, set[Any]] = {}
        for text, meaning in tier:
            self.exact.setdefault(clean(text), meaning)
            meanings.setdefault(_fold(text), set()).add(meaning)
        for text, found in meanings.items():
            if len(found) == 1:
                self.folded.setdefault(text, *found)

    def find(self, text: str) -> Any:
        found = self.exact.get(clean(text))
        return self.folded.get(_fold(text)) if found is None else found


def _missing_texts(mapping: MappingSpec) -> dict[str, int]:
    return {
        text: code
        for code, texts in (
            (BLANK, mapping.blank),
            (NOT_APPLICABLE, mapping.not_applicable),
            (DONT_KNOW, mapping.dont_know),
        )
        for text in texts
    }


def _level_converter(
    item: ItemMapping, scale: ItemScale, labels: Sequence[str], mapping: MappingSpec
) -> Convert:
    lookup = _Lookup()
    lookup.add(item.values.items())
    lookup.add(_missing_texts(mapping).items())
    lookup.add([("", BLANK)])
    lookup.add((label, scale.low + place) for place, label in enumerate(labels))
    known = tuple(text for text in lookup.exact if text)
    expected = f"{_range(scale)} or blank"

    def convert_level(text: str) -> int | Rejection:
        found = lookup.find(text)
        if found is not None:
            return int(found)
        text = clean(text)
        if _WHOLE.fullmatch(text):
            level = int(text.partition(".")[0])
            return level if level in scale.levels else Rejection("outside the scale", expected)
        for pattern, reason in _NOT_WHOLE:
            if pattern.fullmatch(text):
                return Rejection(reason, expected)
        return Rejection("unknown text", f"{expected}, or a text that the mapping declares", known)

    return convert_level


def _range(scale: ItemScale) -> str:
    return f"{scale.low}–{scale.high}" if scale.low >= 0 else f"{scale.low} to {scale.high}"


def _role_converter(spec: DimensionMapping, roles: Sequence[str]) -> Convert:
    lookup = _Lookup()
    lookup.add(spec.values.items())
    lookup.add((role, role) for role in roles)
    known = tuple(dict.fromkeys([*spec.values, *roles]))
    expected = f"one of {', '.join(known)}"

    def convert_role(text: str) -> str | Rejection:
        found = lookup.find(text)
        if found is not None:
            return str(found)
        if not clean(text):
            return Rejection("no role", expected)
        return Rejection("unknown role", expected, known)

    return convert_role


def _segment_text(text: str) -> str | Rejection:
    text = unicodedata.normalize("NFC", text.strip(EDGES))
    if not text:
        return NOT_STATED
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in _REORDERING for char in text):
        return Rejection("a control character", "plain text in one line")
    if len(text) > LONGEST_SEGMENT:
        return Rejection(f"{len(text):,} characters long", f"at most {LONGEST_SEGMENT}")
    return text


def _segment_converter(spec: DimensionMapping) -> Convert:
    lookup = _Lookup()
    lookup.add(spec.values.items())
    known = tuple(dict.fromkeys(spec.values.values()))
    some = ", ".join(known[:SHOWN_VALUES]) + (" …" if len(known) > SHOWN_VALUES else "")

    def convert_segment(text: str) -> str | Rejection:
        found = lookup.find(text) if spec.values else None
        if found is None and spec.others == "refuse" and clean(text):
            return Rejection("not among the values of the mapping", f"one of {some}", known)
        return _segment_text(text if found is None else str(found))

    return convert_segment


def _date_converter(spec: DateMapping, blank: Collection[str]) -> Convert:
    blanks = {_fold(text) for text in blank} | {""}
    example = date(2026, 3, 31).strftime(spec.format)

    def convert_date(text: str) -> date | Rejection | None:
        text = text.strip(EDGES)
        if _fold(text) in blanks:
            return None
        try:
            if spec.format == ISO_DATE and (moment := _ISO_MOMENT.fullmatch(text)):
                return date.fromisoformat(moment[1])
            day = text if _HAS_TIME.search(spec.format) else day_part(text)
            return datetime.strptime(day, spec.format).date()
        except ValueError:
            expected = f"{spec.format}, as in {example}"
            if _SERIAL.fullmatch(text):
                day = _EPOCH + timedelta(days=int(text.partition(".")[0]))
                return Rejection("a spreadsheet's number instead of a date", f"{expected}; perhaps {day}")
            return Rejection("ambiguous or unknown date: choose the format", expected)

    return convert_date


def day_part(text: str) -> str:
    """Return a moment without its time of day: "2026/03/15" of "2026/03/15 10:22:31 AM GMT+1"."""
    at = next((at for at, char in enumerate(text) if char in "T, " and text[:at].strip()), len(text))
    return text[:at] if _TIME.fullmatch(text[at:]) else text


def words(text: str) -> str:
    """Return what a person wrote as one line: no control characters, spaces at its ends or in a row."""
    # What YAML, a database or a terminal cannot hold, and what would turn the line around it about.
    kept = "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", text)
        if char.isspace() or (unicodedata.category(char) not in {"Cc", "Cs"} and char not in _REORDERING)
    )
    return " ".join(kept.strip(EDGES).split())


def _comment_converter(blank: Collection[str]) -> Convert:
    blanks = {_fold(text) for text in blank} | {""}

    def convert_comment(text: str) -> str | None:
        said = words(text)
        return None if _fold(said) in blanks else said

    return convert_comment


# ── The plan: what the mapping means in this engagement ─────────────────────────────────────────


@dataclass(frozen=True)
class Field:
    """One column of the output, read from the column `header` or, without one, the same for all."""

    name: str
    type: pa.DataType
    header: str | None = None
    convert: Convert | None = None
    value: Any = None


@dataclass(frozen=True)
class Plan:
    mapping: MappingSpec
    fields: tuple[Field, ...]
    scales: tuple[ItemScale, ...]
    segments: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        named = ((one.name, one.type) for one in self.fields)
        return pa.schema([(RESPONDENT, pa.string()), (SHARD, pa.int8()), *named])


def plan(
    mapping: MappingSpec, scales: Mapping[str, ItemScale], roles: Sequence[str], segments: Sequence[str]
) -> Plan:
    problems: list[Problem] = []
    fields = [
        _role_field(mapping.role, roles, problems),
        *(_segment_field(name, mapping.segments.get(name), problems) for name in segments),
        _date_field(mapping, problems),
    ]
    for name in mapping.segments:
        if name not in segments:
            expected = (
                f"one of {', '.join(segments)}" if segments else "none: the engagement declares no segments"
            )
            reason = f"not in the engagement{nearest(name, segments)}"
            problems.append(Problem(f"segment {name}", reason, "", expected))
    meanings: dict[str, int] = {}
    for text, code in _missing_texts(mapping).items():
        if meanings.setdefault(_fold(text), code) != code:
            problems.append(Problem(f"text {shown(text)}", "declared for two kinds of missing answer"))
    taken = {RESPONDENT, SHARD, *(one.name for one in fields)}
    items = []
    for item in sorted(mapping.items, key=lambda one: one.item):
        if item.item in taken:
            problems.append(
                Problem(f"item {item.item}", "the suite uses that name itself", "", "another item id")
            )
        scale = _scale(item, mapping, scales, problems)
        if scale is not None:
            items.append((item, scale))
    if not problems:
        fields += [
            Field(
                one.item, pa.int8(), one.column, _level_converter(one, scale, _labels(one, mapping), mapping)
            )
            for one, scale in items
        ]
        # After the items, under names that no item can have: who reads answers never meets them.
        fields += [
            Field(COMMENT + one.id, pa.string(), one.column, _comment_converter(mapping.blank))
            for one in sorted(mapping.comments, key=lambda one: one.id)
        ]
    if problems:
        raise IngestError(
            f"mapping {mapping.mapping} does not fit the engagement",
            problems=problems,
            fix="Correct the mapping file.",
        )
    return Plan(mapping, tuple(fields), tuple(scale for _, scale in items), tuple(segments))


def _role_field(spec: DimensionMapping, roles: Sequence[str], problems: list[Problem]) -> Field:
    for value in dict.fromkeys([spec.value] if spec.value is not None else spec.values.values()):
        if value not in roles:
            reason = f"unknown role{nearest(value, roles)}"
            problems.append(Problem("role", reason, shown(value), f"one of {', '.join(roles)}"))
    if spec.value is not None:
        return Field(ROLE, pa.string(), value=spec.value)
    return Field(ROLE, pa.string(), spec.column, _role_converter(spec, roles))


def _segment_field(name: str, spec: DimensionMapping | None, problems: list[Problem]) -> Field:
    if spec is None:
        return Field(name, pa.string(), value=NOT_STATED)
    for value in [spec.value] if spec.value is not None else spec.values.values():
        text = _segment_text(str(value))
        if isinstance(text, Rejection):
            problems.append(Problem(f"segment {name}", text.reason, shown(str(value)), text.expected))
    if spec.value is not None:
        return Field(name, pa.string(), value=_segment_text(spec.value))
    return Field(name, pa.string(), spec.column, _segment_converter(spec))


def _date_field(mapping: MappingSpec, problems: list[Problem]) -> Field:
    spec = mapping.date
    if spec is None:
        return Field(DATE, pa.date32())
    sample = date(2026, 3, 31)
    try:
        is_sound = datetime.strptime(sample.strftime(spec.format), spec.format).date() == sample
    except ValueError:
        is_sound = False
    if not is_sound:
        problems.append(
            Problem(
                "date",
                "a format that does not give a day",
                shown(spec.format),
                "day, month and year, as in %d.%m.%Y",
            )
        )
    return Field(DATE, pa.date32(), spec.column, _date_converter(spec, mapping.blank))


def _labels(item: ItemMapping, mapping: MappingSpec) -> Sequence[str]:
    return mapping.scales[item.scale].labels if item.scale is not None else ()


def _scale(
    item: ItemMapping, mapping: MappingSpec, scales: Mapping[str, ItemScale], problems: list[Problem]
) -> ItemScale | None:
    """Settle the scale of an item: a framework's own stands, a mapping declares what none knows."""
    where = f"item {item.item}"
    own, declared = scales.get(item.item), mapping.declared_scale(item)
    if own is not None and declared is not None and own.levels != declared.levels:
        problems.append(Problem(where, "mapped on another scale than its own", _range(declared), _range(own)))
        return None
    scale = own or declared
    if scale is None:
        problems.append(
            Problem(
                where,
                f"unknown item{nearest(item.item, scales)}",
                "",
                "an item of the framework, or `scale` in the mapping",
            )
        )
        return None
    labels = _labels(item, mapping)
    if labels and len(labels) != len(scale.levels):
        problems.append(
            Problem(
                f"scale {item.scale}",
                "labels do not fit its ends",
                f"{len(labels)} labels",
                f"{len(scale.levels)}",
            )
        )
    for repeated, times in Counter(clean(label) for label in labels).items():
        if times > 1:
            problems.append(Problem(f"scale {item.scale}", "a label stands twice", shown(repeated)))
    for text, level in item.values.items():
        if level not in scale.levels:
            problems.append(
                Problem(where, f"the value of {shown(text)} is outside the scale", str(level), _range(scale))
            )
    return scale
