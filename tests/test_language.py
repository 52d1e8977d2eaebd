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
            dropped = {"workshop", "explore", "remove-cell"} & set(cell["metadata"].get("tags", []))
            if cell["cell_type"] == "markdown" and not dropped:
                yield "".join(cell["source"]), f"{path.relative_to(ROOT)}, {cell['id']}"


def messages() -> dict[str, str]:
    return dict((*said_in_code(), *said_in_notebooks()))


def test_there_is_a_second_language() -> None:
    assert [path.stem for path in CATALOGUES] == ["de"]
    assert len(messages()) > 400


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_catalogue_says_everything_and_nothing_more(path: Path) -> None:
    with path.open("rb") as stream:
        held = {str(one.id): str(one.string) for one in read_po(stream) if one.id}
    wanted = messages()
    missing = [f"{where}: {text[:60]!r}" for text, where in wanted.items() if not held.get(text)]
    assert missing == []
    assert [text for text in held if text not in wanted] == []
    wrong = [
        text
        for text, put in held.items()
        if set(PLACE.findall(text)) != set(PLACE.findall(put)) or (put == text and len(text.split()) > 3)
    ]
    assert wrong == []
    headings = [text for text in held if text.count("\n# ") + text.startswith("# ") != put_count(held[text])]
    assert headings == []


def put_count(text: str) -> int:
    return text.count("\n# ") + text.startswith("# ")


def test_numbers_follow_the_language() -> None:
    german, english = words_of("de"), words_of("en")
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
    assert words_of("de-CH").is_translated
