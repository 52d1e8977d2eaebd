"""Notebooks are read before they are run: their form is held here, and each rule is shown able to fail."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIVE = frozenset({"workshop", "explore"})
KNOWN_TAGS = LIVE | {"parameters", "skip-execution", "remove-cell", "remove-input", "optional", "appendix"}
CODE_LINES = 8
WORDS = range(20, 81)

Notebook = dict[str, Any]
Rule = Callable[[Notebook], Iterator[str]]


# ── What is looked at ───────────────────────────────────────────────────────────────────────────


def read(path: Path) -> Notebook:
    """Read a notebook as it stands in the file: nbformat would repair what is to be found here."""
    found: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return found


def text(cell: Notebook) -> str:
    return "".join(cell["source"])


def tags(cell: Notebook) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def cells(notebook: Notebook, kind: str) -> Iterator[tuple[str, Notebook]]:
    """Yield the cells of a kind, each with what a message calls it."""
    for n, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == kind:
            yield f"cell {n}", cell


def parsed(cell: Notebook) -> ast.Module:
    """Parse a code cell; one that is no plain Python counts as empty here and is found by `is_python`."""
    try:
        return ast.parse(text(cell))
    except SyntaxError:
        return ast.Module([], [])


def names(cell: Notebook, *contexts: type[ast.expr_context]) -> set[str]:
    """Collect the names that a code cell sets (`ast.Store`) or reads (`ast.Load`)."""
    found = {
        node.id
        for node in ast.walk(parsed(cell))
        if isinstance(node, ast.Name) and isinstance(node.ctx, contexts)
    }
    if ast.Store in contexts:
        imported = (node for node in ast.walk(parsed(cell)) if isinstance(node, ast.Import | ast.ImportFrom))
        found |= {alias.asname or alias.name.partition(".")[0] for node in imported for alias in node.names}
    return found


# ── The rules ───────────────────────────────────────────────────────────────────────────────────


def is_valid(notebook: Notebook) -> Iterator[str]:
    try:
        nbformat.validate(deepcopy(notebook))
    except nbformat.ValidationError as error:
        yield str(error).splitlines()[0]


def has_stable_ids(notebook: Notebook) -> Iterator[str]:
    ids = [cell.get("id") for cell in notebook["cells"]]
    for n, one in enumerate(ids):
        if one is None:
            yield f"cell {n} has no id"
        elif one in ids[:n]:
            yield f"cell {n} has the id {one} of another cell"


def has_python_kernel(notebook: Notebook) -> Iterator[str]:
    kernel = notebook["metadata"].get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"kernel {kernel}"


def carries_no_output(notebook: Notebook) -> Iterator[str]:
    for where, cell in cells(notebook, "code"):
        if cell["outputs"]:
            yield f"{where} has outputs"
        if cell["execution_count"] is not None:
            yield f"{where} was executed"
    for left in sorted(set(notebook["metadata"]) - {"cx", "kernelspec", "language_info"}):
        yield f"metadata hold {left}"


def is_python(notebook: Notebook) -> Iterator[str]:
    for where, cell in cells(notebook, "code"):
        try:
            ast.parse(text(cell))
        except SyntaxError:
            yield f"{where} is not plain Python"


def has_short_cells(notebook: Notebook) -> Iterator[str]:
    for where, cell in cells(notebook, "code"):
        lines = [
            line for line in text(cell).splitlines() if line.strip() and not line.lstrip().startswith("#")
        ]
        if not lines:
            yield f"{where} is empty"
        if len(lines) > CODE_LINES:
            yield f"{where} has {len(lines)} lines of code"


def defines_nothing(notebook: Notebook) -> Iterator[str]:
    banned = (
        ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.AsyncFor, ast.While, ast.Lambda,
    )  # fmt: skip
    for where, cell in cells(notebook, "code"):
        for node in ast.walk(parsed(cell)):
            if isinstance(node, banned):
                yield f"{where} holds a {type(node).__name__}"


def ends_in_what_it_shows(notebook: Notebook) -> Iterator[str]:
    for where, cell in cells(notebook, "code"):
        if tags(cell) & {"parameters", "remove-cell"}:
            continue
        body = parsed(cell).body
        if not body or not isinstance(body[-1], ast.Expr) or text(cell).rstrip().endswith(";"):
            yield f"{where} shows nothing"


def says_enough_and_no_more(notebook: Notebook) -> Iterator[str]:
    for where, cell in cells(notebook, "markdown"):
        count = len(re.findall(r"[^\W_][\w'’./-]*", text(cell)))
        if count not in WORDS:
            yield f"{where} has {count} words"


def opens_with_a_title(notebook: Notebook) -> Iterator[str]:
    """Hold that a page opens with a title, and that a further one begins its cell, alone."""
    for n, cell in enumerate(notebook["cells"]):
        lines = text(cell).splitlines() if cell["cell_type"] == "markdown" else []
        titles = [place for place, line in enumerate(lines) if line.startswith("# ")]
        if titles != [0] if n == 0 else titles not in ([], [0]):
            yield f"cell {n} has {len(titles)} titles"


def puts_whole_sections_at_the_back(notebook: Notebook) -> Iterator[str]:
    for n, cell in enumerate(notebook["cells"]):
        if "appendix" in tags(cell) and not text(cell).startswith("# "):
            yield f"cell {n} is at the back without a title"


def lines_with_a_comment(source: str) -> set[int]:
    """Find the lines whose code is followed by a comment that says something."""
    return {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
        and token.string.strip("# ")
        and token.line[: token.start[1]].strip()
    }


def has_explained_parameters(notebook: Notebook) -> Iterator[str]:
    found = [(where, cell) for where, cell in cells(notebook, "code") if "parameters" in tags(cell)]
    if len(found) != 1 or any("parameters" in tags(cell) for _, cell in cells(notebook, "markdown")):
        yield f"{len(found)} cells of code hold parameters, where exactly one does"
    for where, cell in found:
        explained = lines_with_a_comment(text(cell))
        for node in parsed(cell).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(target, ast.Name):
                yield f"{where} line {node.lineno} is no parameter"
            elif node.end_lineno not in explained:
                yield f"{where}: {target.id} is not explained"


def uses_known_tags(notebook: Notebook) -> Iterator[str]:
    for n, cell in enumerate(notebook["cells"]):
        for tag in sorted(tags(cell) - KNOWN_TAGS):
            yield f"cell {n} has the tag {tag}"


def skips_what_needs_a_person(notebook: Notebook) -> Iterator[str]:
    for n, cell in enumerate(notebook["cells"]):
        if bool(tags(cell) & LIVE) != ("skip-execution" in tags(cell)):
            yield f"cell {n} has the tags {', '.join(sorted(tags(cell)))}"


def runs_without_a_person(notebook: Notebook) -> Iterator[str]:
    code = [(where, cell, bool(tags(cell) & LIVE)) for where, cell in cells(notebook, "code")]
    live = {name for _, cell, is_live in code if is_live for name in names(cell, ast.Store)}
    for where, cell, is_live in code:
        for name in sorted(names(cell, ast.Load) & live) if not is_live else ():
            yield f"{where} needs {name}, which only a tagged cell defines"


RULES: list[Rule] = [
    is_valid,
    has_stable_ids,
    has_python_kernel,
    carries_no_output,
    is_python,
    has_short_cells,
    defines_nothing,
    ends_in_what_it_shows,
    says_enough_and_no_more,
    opens_with_a_title,
    puts_whole_sections_at_the_back,
    has_explained_parameters,
    uses_known_tags,
    skips_what_needs_a_person,
    runs_without_a_person,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_rule(path: Path, rule: Rule) -> None:
    assert list(rule(read(path))) == []


def test_there_are_notebooks_to_look_at() -> None:
    assert NOTEBOOKS


# ── Each rule can fail ──────────────────────────────────────────────────────────────────────────

PROSE = "\nOne reads what is seen here, " + "and then looks again " * 4


def markdown(cell: str, source: str, *tag: str) -> Notebook:
    return {"cell_type": "markdown", "id": cell, "metadata": {"tags": list(tag)}, "source": [source]}


def code(cell: str, source: str, *tag: str) -> Notebook:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": cell,
        "metadata": {"tags": list(tag)},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def sound() -> Notebook:
    """Build a notebook that keeps every rule."""
    return {
        "cells": [
            markdown("c0", "# A title" + PROSE),
            code(
                "c1",
                'engagement = "harbour"  # its name\nwave: str = ""  # empty for the latest',
                "parameters",
            ),
            code("c2", "import cxlib as cx\n\neng = cx.open(engagement)", "remove-cell"),
            markdown("c3", "## A question" + PROSE, "optional"),
            code("c4", "# what is shown\nscores = eng.scores()\nscores"),
            markdown("c5", "## In the room" + PROSE, "workshop", "skip-execution"),
            code("c6", "form = cx.forms.target(eng)\nform", "workshop", "skip-execution"),
            code("c7", "form.result", "workshop", "skip-execution"),
            code("c8", "eng.provenance"),
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_notebook_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(sound())) == []


Break = Callable[[Notebook], object]


def cell(n: int, **changes: Any) -> Break:
    return lambda notebook: notebook["cells"][n].update(changes)


def source(n: int, new: str) -> Break:
    return cell(n, source=[new])


def tagged(n: int, *new: str) -> Break:
    return cell(n, metadata={"tags": list(new)})


def without(n: int, field: str) -> Break:
    return lambda notebook: notebook["cells"][n].pop(field)


def metadata(**changes: Any) -> Break:
    return lambda notebook: notebook["metadata"].update(changes)


def each(*breaks: Break) -> Break:
    return lambda notebook: [broken(notebook) for broken in breaks]


BROKEN: list[tuple[Rule, Break, str]] = [
    (is_valid, without(4, "outputs"), "'outputs' is a required property"),
    (is_valid, cell(4, id="not an id"), "'not an id' does not match"),
    (has_stable_ids, without(4, "id"), "cell 4 has no id"),
    (has_stable_ids, cell(4, id="c1"), "cell 4 has the id c1 of another cell"),
    (has_python_kernel, metadata(kernelspec={"name": "cx"}), "kernel cx"),
    (has_python_kernel, metadata(kernelspec={}), "kernel None"),
    (carries_no_output, cell(4, outputs=[{"text": "x"}]), "cell 4 has outputs"),
    (carries_no_output, cell(4, execution_count=1), "cell 4 was executed"),
    (carries_no_output, metadata(widgets={}), "metadata hold widgets"),
    (is_python, source(4, "%matplotlib inline\nscores"), "cell 4 is not plain Python"),
    (is_python, source(4, "!cat /etc/passwd"), "cell 4 is not plain Python"),
    (has_short_cells, source(4, "eng\n" * 9), "cell 4 has 9 lines of code"),
    (has_short_cells, source(4, "# nothing yet\n"), "cell 4 is empty"),
    (defines_nothing, source(4, "def f():\n    return 1\nf()"), "cell 4 holds a FunctionDef"),
    (defines_nothing, source(4, "class A:\n    pass\nA()"), "cell 4 holds a ClassDef"),
    (defines_nothing, source(4, "for x in eng:\n    x\neng"), "cell 4 holds a For"),
    (defines_nothing, source(4, "if eng:\n    while 1:\n        pass\neng"), "cell 4 holds a While"),
    (defines_nothing, source(4, "f = lambda: 1\nf()"), "cell 4 holds a Lambda"),
    (ends_in_what_it_shows, source(4, "scores = eng.scores()"), "cell 4 shows nothing"),
    (ends_in_what_it_shows, source(4, "eng.scores();"), "cell 4 shows nothing"),
    (ends_in_what_it_shows, source(6, "form = 1"), "cell 6 shows nothing"),
    (
        says_enough_and_no_more,
        source(3, "## A question\n" + "word " * 17 + "- **–** —"),
        "cell 3 has 19 words",
    ),
    (says_enough_and_no_more, source(3, "## A question\n" + "word " * 79), "cell 3 has 81 words"),
    (opens_with_a_title, source(0, "## A title" + PROSE), "cell 0 has 0 titles"),
    (opens_with_a_title, source(0, "# A title\n# Another" + PROSE), "cell 0 has 2 titles"),
    (opens_with_a_title, source(3, "Before it.\n# Another title" + PROSE), "cell 3 has 1 titles"),
    (opens_with_a_title, lambda notebook: notebook["cells"].pop(0), "cell 0 has 0 titles"),
    (puts_whole_sections_at_the_back, tagged(3, "appendix"), "cell 3 is at the back without a title"),
    (has_explained_parameters, tagged(1), "0 cells of code hold parameters"),
    (
        has_explained_parameters,
        each(source(4, "wave = 1  # which"), tagged(4, "parameters")),
        "2 cells of code hold parameters",
    ),
    (has_explained_parameters, tagged(3, "parameters"), "1 cells of code hold parameters"),
    (has_explained_parameters, source(1, 'wave = ""'), "cell 1: wave is not explained"),
    (has_explained_parameters, source(1, '# the wave\nwave = ""'), "cell 1: wave is not explained"),
    (has_explained_parameters, source(1, 'wave = ""  #'), "cell 1: wave is not explained"),
    (has_explained_parameters, source(1, 'wave = "#"'), "cell 1: wave is not explained"),
    (has_explained_parameters, source(1, "import os  # why"), "cell 1 line 1 is no parameter"),
    (has_explained_parameters, source(1, "eng.wave = 1  # why"), "cell 1 line 1 is no parameter"),
    (uses_known_tags, tagged(4, "worksop", "skip-execution"), "cell 4 has the tag worksop"),
    (skips_what_needs_a_person, tagged(6, "workshop"), "cell 6 has the tags workshop"),
    (skips_what_needs_a_person, tagged(5, "explore"), "cell 5 has the tags explore"),
    (skips_what_needs_a_person, tagged(4, "skip-execution"), "cell 4 has the tags skip-execution"),
    (runs_without_a_person, source(8, "form.result"), "cell 8 needs form, which only"),
    (
        runs_without_a_person,
        each(source(7, "import math as m\nm"), source(8, "m.pi")),
        "cell 8 needs m, which only",
    ),
    (
        runs_without_a_person,
        each(source(7, "(best := 1)"), source(4, "best")),
        "cell 4 needs best, which only",
    ),
]


@pytest.mark.parametrize(("rule", "broken", "finding"), BROKEN)
def test_a_broken_notebook_is_found(rule: Rule, broken: Break, finding: str) -> None:
    notebook = sound()
    broken(notebook)
    found = list(rule(notebook))
    assert len(found) == 1
    assert found[0].startswith(finding)


def test_every_rule_is_shown_able_to_fail() -> None:
    assert {rule.__name__ for rule, _, _ in BROKEN} == {rule.__name__ for rule in RULES}
