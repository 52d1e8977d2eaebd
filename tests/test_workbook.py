"""The workbook of a framework: everything is in it, texts are texts, and it appears whole or not at all."""

from __future__ import annotations

import errno
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from cxlib.errors import NotFoundError, SettingsError
from cxlib.framework import Framework, load_framework, parse_framework
from cxlib.workbook import write_workbook
from tests.samples import BAKERY

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORKS = [*sorted((ROOT / "data" / "framework").glob("*.yaml")), BAKERY]
NAMES = ["About", "Steps", "Items", "Advice", "Prerequisites", "Questions", "Scales", "Lenses", "Forms"]


@cache
def loaded(path: Path) -> Framework:
    return load_framework(path)


CASES = [(path, language) for path in FRAMEWORKS for language in loaded(path).content.languages]


class Book:
    """A workbook that was written and read back, and the framework it should hold."""

    def __init__(self, framework: Framework, language: str, path: Path) -> None:
        write_workbook(framework, path, language=language)
        self.framework, self.language = framework, language
        self.book = load_workbook(path)

    def say(self, text: Any) -> str | None:
        """Say a text as a cell holds it: an empty one is no text at all."""
        return self.framework.say(text, self.language) or None

    def rows(self, sheet: str) -> list[dict[str, Any]]:
        """Return a sheet row by row, each cell by its heading."""
        head, *rows = self.book[sheet].iter_rows(values_only=True)
        assert len(set(head)) == len(head)
        return [dict(zip(head, row, strict=True)) for row in rows]

    def columns(self, sheet: str, *headings: str) -> list[tuple[Any, ...]]:
        return [tuple(row[one] for one in headings) for row in self.rows(sheet)]

    def cells(self) -> list[Any]:
        return [cell for sheet in self.book for row in sheet.iter_rows() for cell in row]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0].stem} {case[1]}")
def book(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Book:
    """Every framework in each of its languages."""
    path, language = request.param
    return Book(loaded(path), language, tmp_path_factory.mktemp("book") / "framework.xlsx")


def edited(*changes: tuple[str, str]) -> Framework:
    text = BAKERY.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_framework(text)


# ── All of it ───────────────────────────────────────────────────────────────────────────────────


def test_the_first_sheet_says_what_this_is_and_in_which_version(book: Book) -> None:
    framework = book.framework
    assert book.book.sheetnames == NAMES
    told = book.columns("About", "What", "")
    facts = dict(told)
    assert facts["Title"] == book.say(framework.content.title)
    assert (facts["Framework"], facts["Version"]) == (framework.id, framework.version)
    assert facts["SHA-256"] == framework.digest
    assert facts["Language of this workbook"] == book.language
    assert (facts["Steps"], facts["Items"]) == (len(framework.steps), len(framework.items))
    sources = [text for what, text in told if what == "Source"]
    assert sources == [book.say(one) for one in framework.content.sources]
    assert book.book.properties.title == facts["Title"]
    assert book.book.properties.description == framework.stamp


def test_every_step_is_there_with_its_question_order_and_target(book: Book) -> None:
    say = book.say
    found = book.columns("Steps", "Step", "Name", "Question", "Outcome", "Stands on", "Because")
    assert found == [
        (one.id, say(one.name), say(one.question), say(one.outcome), ", ".join(one.requires) or None,
         say(one.because))
        for one in book.framework.steps
    ]  # fmt: skip
    assert book.columns("Steps", "Target", "Why this target") == [
        (one.target.level, say(one.target.because)) if one.target else (None, None)
        for one in book.framework.steps
    ]


def test_every_item_is_there_with_each_role_s_statement_and_every_level(book: Book) -> None:
    framework, say = book.framework, book.say
    rows = book.rows("Items")
    assert [row["Item"] for row in rows] == list(framework.items)
    most = max(len(item.levels) for item in framework.items.values())
    for row, item in zip(rows, framework.items.values(), strict=True):
        assert row["Topic"] == say(item.topic)
        assert row["Step"] == say(framework.step(framework.step_of[item.id]).name)
        assert row["Stream"] == item.stream
        statements = {role.id: row[f"Statement: {say(role.name)}"] for role in framework.roles}
        assert statements == {role.id: say(item.statement.get(role.id)) for role in framework.roles}
        levels = [row[f"Level {n}"] for n in range(1, most + 1)]
        assert levels == [*map(say, item.levels), *[None] * (most - len(item.levels))]
        assert (row["Ask to see"], row["Source"]) == (say(item.evidence), item.seed)
        served = [
            f"{lens.id}.{one.id}"
            for lens in framework.content.lenses
            for one in lens.rows
            if item.id in one.items
        ]
        assert (row["Serves"] or "").split(", ") == (served or [""])


def test_every_move_up_has_its_advice(book: Book) -> None:
    say = book.say
    found = book.columns("Advice", "Item", "Move", "First action", "Who", "Effort [days]", "What it changes")
    assert found == [
        (item.id, f"{n} → {n + 1}", say(one.action), say(one.who), one.effort_days, say(one.effect))
        for item in book.framework.items.values()
        for n, one in enumerate(item.advice, 1)
    ]


def test_every_prerequisite_is_there_with_its_reason(book: Book) -> None:
    say, items = book.say, book.framework.items
    assert book.columns("Prerequisites", "Item", "Stands on", "Its topic", "Because") == [
        (item.id, one.item, say(items[one.item].topic), say(one.because))
        for item in items.values()
        for one in item.requires
    ]


def test_every_question_is_there_with_each_role_s_wording(book: Book) -> None:
    say = book.say
    for row, one in zip(book.rows("Questions"), book.framework.questions.values(), strict=True):
        assert (row["Question"], row["Kind"], row["Text"]) == (one.id, one.kind, say(one.text))
        assert row["Topic"] == say(one.topic)
        assert row["Roles"].split(", ") == one.roles
        assert row["Scale"] == (one.scale or "open text")
        assert row["Better"] == (one.toward if one.scale else None)
        for role in book.framework.roles:
            assert row[f"Wording: {say(role.name)}"] == say(one.wordings.get(role.id))


def test_every_answer_of_every_scale_is_there_with_its_words(book: Book) -> None:
    assert book.columns("Scales", "Scale", "Answer", "In words") == [
        (scale.id, value, book.say(scale.labels.get(str(value))))
        for scale in book.framework.content.scales
        for value in range(scale.low, scale.high + 1)
    ]


def test_every_lens_row_is_there_with_what_serves_it(book: Book) -> None:
    framework, say = book.framework, book.say

    def named(ids: list[str]) -> str | None:
        parts = {**framework.items, **framework.questions}
        return "\n".join(f"{id_} {say(parts[id_].topic)}" for id_ in ids) or None

    assert book.columns("Lenses", "Lens", "Row", "Name", "Start here", "Items", "Questions") == [
        (say(lens.name), row.id, say(row.name), say(row.start_here), named(row.items), named(row.questions))
        for lens in framework.content.lenses
        for row in lens.rows
    ]


def test_every_form_lists_what_it_asks(book: Book) -> None:
    parts = {**book.framework.items, **book.framework.questions}
    found = book.columns("Forms", "Form", "Name", "Roles", "Minutes", "Asks", "Topic")
    wanted = {
        (form.id, book.say(form.name), ", ".join(form.roles), form.minutes, id_, book.say(parts[id_].topic))
        for form in book.framework.content.forms
        for id_ in (*form.items, *form.questions)
    }
    assert set(found) == wanted
    assert len(found) == len(wanted)
    for form in book.framework.content.forms:
        places = [place for id_, place in book.columns("Forms", "Form", "Place") if id_ == form.id]
        assert places == list(range(1, len(form.items) + len(form.questions) + 1))


# ── As it is written ────────────────────────────────────────────────────────────────────────────


def test_every_sheet_keeps_its_headings_in_sight_and_can_be_filtered(book: Book) -> None:
    for sheet in book.book:
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref == f"A1:{sheet.cell(max(2, sheet.max_row), sheet.max_column).coordinate}"
        assert sheet.print_title_rows == "$1:$1"
        assert all(cell.font.b and cell.alignment.wrap_text for cell in sheet[1])
        assert all(sheet.column_dimensions[cell.column_letter].width > 5 for cell in sheet[1])


def test_texts_are_texts_and_numbers_are_numbers(book: Book) -> None:
    filled = [cell for cell in book.cells() if cell.value is not None]
    assert {(type(cell.value) is str, cell.data_type) for cell in filled} == {(True, "s"), (False, "n")}
    for sheet, heading in (("Advice", "Effort [days]"), ("Scales", "Answer"), ("Forms", "Place")):
        assert all(type(value) in (int, float) for (value,) in book.columns(sheet, heading))
    assert {type(value) for (value,) in book.columns("About", "What")} == {str}


TRICKS = [
    '=HYPERLINK("http://crumb.example","x")', "=1+1", "{=1+1}", "+31 20 123", "@SUM(A1:A9)", "-3",
    "https://crumb.example/x", "mailto:anna@crumb.example", "internal:Items!A1", "0123", "1.50",
    "2026-03-31", "TRUE", "#N/A", "' quoted", "<b>bold</b> & more", "tab\tand _x0041_", "1e5",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_a_text_that_looks_like_something_else_stays_the_text_it_is(tmp_path: Path, trick: str) -> None:
    yaml = '"' + trick.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"'
    places = [
        "Where flour comes from", "I know every mill we buy from.", "Nobody can name a mill.",
        "Ask who mills our flour.", "Another flour needs another time.", "Would you send a friend to us?",
        "Certainly not", "Taste it yourself.", "On the receipt", "Good ingredients", "Made up for the tests",
    ]  # fmt: skip
    framework = edited(*((f'en: "{text}"', f"en: {yaml}") for text in places))
    book = Book(framework, "en", tmp_path / "x.xlsx")
    found = [cell for cell in book.cells() if cell.value == trick]
    assert len(found) >= len(places)
    assert {cell.parent.title for cell in found} == set(NAMES)
    assert {(cell.data_type, cell.hyperlink) for cell in found} == {("s", None)}
    with zipfile.ZipFile(tmp_path / "x.xlsx") as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/"):
                text = parts.read(name).decode()
                assert not any(tag in text for tag in ("<f>", "<f ", "<hyperlink"))


def test_a_workbook_holds_no_macro_link_or_path_of_the_machine(tmp_path: Path) -> None:
    write_workbook(loaded(BAKERY), tmp_path / "x.xlsx")
    with zipfile.ZipFile(tmp_path / "x.xlsx") as parts:
        names = parts.namelist()
        assert not [one for one in names if "vba" in one.lower() or "externalLink" in one]
        relations = b"".join(parts.read(one) for one in names if one.endswith(".rels"))
        everything = b"".join(map(parts.read, names))
    assert b'TargetMode="External"' not in relations
    assert str(tmp_path).encode() not in everything
    assert str(Path.home()).encode() + b"/" not in everything


def test_a_framework_without_lenses_forms_or_questions_is_written_too(tmp_path: Path) -> None:
    text = BAKERY.read_text(encoding="utf-8")
    framework = parse_framework(text[: text.index("\nquestions:")])
    book = Book(framework, "nl", tmp_path / "x.xlsx")
    assert [book.rows(name) for name in ("Questions", "Lenses", "Forms")] == [[], [], []]
    assert len(book.rows("Items")) == 12


def test_the_same_text_is_found_in_either_language(tmp_path: Path) -> None:
    said = {}
    for language in ("en", "nl"):
        book = Book(loaded(BAKERY), language, tmp_path / f"{language}.xlsx")
        said[language] = {row["Item"]: row["Level 5"] for row in book.rows("Items")}["grain.mill"]
    assert said == {
        "en": "Last year a mill was dropped on evidence.",
        "nl": "Vorig jaar viel een molen af op bewijs.",
    }


# ── Whole or not at all ─────────────────────────────────────────────────────────────────────────


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_workbook_takes_the_place_of_an_older_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"the older one, which is longer than a header" * 10_000)
    write_workbook(loaded(BAKERY), path)
    assert load_workbook(path).sheetnames == NAMES
    assert list(contents(tmp_path)) == ["x.xlsx"]


def test_a_reader_never_meets_half_a_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"the older one")
    seen = []
    replace = Path.replace

    def watched(part: Path, target: Path) -> Path:
        seen.append((path.read_bytes(), load_workbook(part.open("rb")).sheetnames, Path(target)))
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_workbook(loaded(BAKERY), path)
    assert seen == [(b"the older one", NAMES, path)]


@pytest.mark.parametrize("verb", ["write_bytes", "replace"])
def test_a_full_disk_is_a_known_error_and_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"the older one")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, verb, full)
    with pytest.raises(SettingsError, match=r"cannot write x\.xlsx .*No space left"):
        write_workbook(loaded(BAKERY), path)
    assert contents(tmp_path) == {"x.xlsx": b"the older one"}


@pytest.mark.parametrize("place", ["nowhere/x.xlsx", "a-file/x.xlsx", "a-folder"])
def test_a_place_that_cannot_be_written_to_is_a_known_error_and_leaves_nothing(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "a-file").write_bytes(b"")
    (tmp_path / "a-folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingsError, match="cannot write") as refused:
        write_workbook(loaded(BAKERY), tmp_path / place)
    assert "folder" in refused.value.fix
    assert sorted(tmp_path.rglob("*")) == before


def test_a_language_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"the older one")
    with pytest.raises(NotFoundError, match="not written in 'fr'; expected one of en, nl"):
        write_workbook(loaded(BAKERY), path, language="fr")
    assert contents(tmp_path) == {"x.xlsx": b"the older one"}
