"""What the suite says, in every language it claims: nothing untranslated, nothing stale, no figure lost."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from cxlib.errors import NotFoundError
from cxlib.language import Words, words_of

ROOT = Path(__file__).resolve().parents[1]
CATALOGUES = sorted((ROOT / "reports" / "template" / "words").glob("*.po"))
PLACE = re.compile(r"\{(\w+)\}")
NOT_IN_A_REPORT = {"portfolio"}


def said_in_code() -> Iterator[tuple[str, str]]:
    """Yield every message that the code marks, a call of `_` or of a handle's words, and where."""
    for path in sorted((ROOT / "cxlib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func
            is_words = (isinstance(called, ast.Name) and called.id == "_") or (
                isinstance(called, ast.Attribute)
                and called.attr == "words"
                and isinstance(called.value, ast.Name)
                and called.value.id in {"eng", "self", "instrument"}
            )
            if is_words:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                first = node.args[0]
                assert isinstance(first, ast.Constant), f"{where}: a message has to be a literal"
                assert isinstance(first.value, str), f"{where}: a message has to be text"
                yield first.value, where


def said_in_notebooks() -> Iterator[tuple[str, str]]:
    """Yield the prose of every notebook that stands in a report."""
    for path in sorted((ROOT / "notebooks").glob("[0-9]_*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            dropped = {"workshop", "remove-cell"} & set(cell["metadata"].get("tags", []))
            if cell["cell_type"] == "markdown" and not dropped:
                yield "".join(cell["source"]), f"{path.relative_to(ROOT)}, {cell['id']}"


def messages() -> dict[str, str]:
    return dict((*said_in_code(), *said_in_notebooks()))


def test_every_sentence_of_a_report_is_marked_for_translation() -> None:
    assert len(messages()) > 400


def faults(held: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """Say what a catalogue lacks, holds for nothing, or puts with other figures or headings."""
    found = [f"missing, {where}: {text[:60]!r}" for text, where in wanted.items() if not held.get(text)]
    found += [f"stale: {text[:60]!r}" for text in held if text not in wanted]
    for text, put in held.items():
        if set(PLACE.findall(text)) != set(PLACE.findall(put)):
            found.append(f"other figures: {text[:60]!r}")
        if put == text and len(text.split()) > 3:
            found.append(f"not translated: {text[:60]!r}")
        if headings(text) != headings(put):
            found.append(f"other headings: {text[:60]!r}")
    return found


def headings(text: str) -> int:
    return sum(line.startswith(("# ", "## ")) for line in text.splitlines())


def test_every_catalogue_says_everything_and_nothing_more() -> None:
    for path in CATALOGUES:
        with path.open("rb") as stream:
            held = {str(one.id): str(one.string) for one in read_po(stream) if one.id}
        assert faults(held, messages()) == [], path.name


def test_what_is_wrong_with_a_catalogue_is_found() -> None:
    wanted = {"At {level}": "a", "# One": "b", "We say four words": "c", "Gone": "d"}
    held = {
        "At {level}": "Auf {stufe}",
        "# One": "Eins",
        "We say four words": "We say four words",
        "Old": "Alt",
    }
    assert [one.split(":")[0].split(",")[0] for one in faults(held, wanted)] == [
        "missing", "stale", "other figures", "other headings", "not translated",
    ]  # fmt: skip
    assert faults({"At {level}": "Auf Stufe {level}"}, {"At {level}": "a"}) == []


def test_numbers_follow_the_language() -> None:
    german, english = Words("de", {}), words_of("en")
    assert (english.number(-1234.56, 1), german.number(-1234.56, 1)) == ("−1,234.6", "−1.234,6")
    assert (english.percent(0.345), german.percent(0.345)) == ("34%", "34\N{NO-BREAK SPACE}%")
    assert english.number(-0.04, 1, signed=True) == "0.0"
    assert english.number(0.3, 1, signed=True) == "+0.3"
    assert (english.listed(["a", "b", "c"]), german.listed(["a", "b", "c"])) == ("a, b and c", "a, b und c")


def test_a_sentence_that_a_catalogue_lacks_is_never_replaced_in_silence() -> None:
    words = Words("de", {"Level": "Stufe"})
    assert words("Level") == "Stufe"
    with pytest.raises(NotFoundError, match="not translated into de"):
        words("Share of answers")


def test_a_language_without_a_catalogue_speaks_english_and_says_so() -> None:
    french = words_of("fr")
    assert not french.is_translated
    assert french.spoken == "en"
    assert french("Level") == "Level"
    assert Words("de-CH", {}).is_translated
