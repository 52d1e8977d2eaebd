"""The YAML doors: what a person wrote is read as written, or refused with its line in plain words."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cxlib import declarations
from cxlib.declarations import (
    MAX_BYTES,
    MAX_DEPTH,
    Document,
    EngagementSpec,
    FastLoader,
    Loader,
    parse_document,
    read_document,
    read_engagement,
    validate,
)
from cxlib.errors import DeclarationError, NotFoundError
from cxlib.mapping import MappingSpec, read_mapping

# ── Reading YAML ────────────────────────────────────────────────────────────────────────────────

ALIAS = "anchors and aliases are not allowed here\nWrite the text out."
TAG = "is not allowed here\nRemove it; quote text that should stay text."
DEEP = f"nested deeper than {MAX_DEPTH} levels"

NOT_READ = {
    "an alias": ("a: 1\nb: *a\n", f"a.yaml line 2: {ALIAS}"),
    "an anchor": ("a: 1\n\nb: &a text\n", f"a.yaml line 3: {ALIAS}"),
    "an alias bomb": ("a: &a [ha, ha]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n", f"a.yaml line 1: {ALIAS}"),
    "a Python object": (
        "a: 1\nb: !!python/object/apply:os.system [touch /tmp/owned]\n",
        f"a.yaml line 2: the tag tag:yaml.org,2002:python/object/apply:os.system {TAG}",
    ),
    "a binary": ("a: !!binary aGk=\n", f"a.yaml line 1: the tag tag:yaml.org,2002:binary {TAG}"),
    "a tag of one's own": (
        "%TAG ! tag:here,2026:\n---\na: !x 12\n",
        f"a.yaml line 3: the tag tag:here,2026:x {TAG}",
    ),
    "10,000 lists in each other": ("a: 1\nb: " + "[" * 10_000 + "]" * 10_000, f"a.yaml line 2: {DEEP}"),
    "10,000 lists never closed": ("[" * 10_000, f"a.yaml line 1: {DEEP}"),
    "10,000 mappings in each other": ("{a: " * 10_000, f"a.yaml line 1: {DEEP}"),
    "10,000 dashes": ("- " * 10_000 + "x\n", f"a.yaml line 1: {DEEP}"),
    "a staircase": ("".join(" " * n + "-\n" for n in range(250)), f"a.yaml line 31: {DEEP}"),
    "a key twice": (
        "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n",
        "a.yaml cannot be read\n  a.yaml line 5, b.c: written twice",
    ),
    "a number and its text as keys": (
        "1: one\n'1': two\n",
        "a.yaml cannot be read\n  a.yaml line 2, 1: written twice",
    ),
    "a list as a key": (
        "a: 1\n[x]: 2\n",
        "a.yaml cannot be read\n  a.yaml line 2, top: the name of a field is a list or a mapping; "
        "expected a word",
    ),
    "nothing": ("", "a.yaml is empty"),
    "a comment alone": ("# to be written\n", "a.yaml is empty"),
    "a null": ("---\n", "a.yaml is empty"),
    "two documents": ("a: 1\n---\nb: 2\n", "a.yaml line 2: not valid YAML: but found another document"),
    "a tab": (
        "a:\n\tb: 1\n",
        "a.yaml line 2: not valid YAML: found character '\\t' that cannot start any token",
    ),
    "a bracket left open": (
        "a: [1, 2\nb: 3\n",
        "a.yaml line 2: not valid YAML: expected ',' or ']', but got ':'",
    ),
    "a NUL byte": ("a: 1\nb: \0\n", "a.yaml line 2: a control character, which YAML does not allow"),
    "an escaped NUL": (
        'a: 1\nb: "x\\0"\n',
        "a.yaml cannot be read\n  a.yaml line 2, b: holds a character that no file can store",
    ),
    "half a character": (
        'a: "\\ud800"\n',
        "a.yaml cannot be read\n  a.yaml line 1, a: holds a character that no file can store",
    ),
}


@pytest.mark.parametrize(("text", "message"), NOT_READ.values(), ids=NOT_READ)
def test_what_is_not_allowed_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse_document(text, name="a.yaml")
    assert str(caught.value) == message


NOT_READ_BYTES = {
    "not UTF-8": (b"a: 1\nb: caf\xe9\n", "a.yaml is not UTF-8 (byte 11)\nSave it as UTF-8."),
    "UTF-16": ("a: 1\n".encode("utf-16"), "a.yaml is not UTF-8 (byte 0)\nSave it as UTF-8."),
    "0 bytes": (b"", "a.yaml is empty"),
    "oversize": (
        b"#" * (MAX_BYTES + 1),
        f"a.yaml is larger than {MAX_BYTES // 1_000_000} MB; expected a file a person wrote",
    ),
}


@pytest.mark.parametrize(("content", "message"), NOT_READ_BYTES.values(), ids=NOT_READ_BYTES)
def test_bytes_that_no_person_wrote_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(DeclarationError) as caught:
        read_document(path)
    assert str(caught.value) == message


@pytest.mark.parametrize("missing", ["nowhere.yaml", "."])
def test_a_path_without_a_file_is_named(missing: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"^no file .*{(tmp_path / missing).name}"):
        read_document(tmp_path / missing)


def test_nesting_up_to_the_limit_is_read() -> None:
    data = parse_document("[" * MAX_DEPTH + "]" * MAX_DEPTH, name="a.yaml").data
    depth = 0
    while isinstance(data, list):
        data, depth = (data[0] if data else None), depth + 1
    assert depth == MAX_DEPTH


AS_WRITTEN = {
    "NO": "NO",
    "yes": "yes",
    "on": "on",
    "True": "True",
    "Null": "Null",
    "1.0.0": "1.0.0",
    "00123": "00123",
    "1_000": "1_000",
    "0x10": "0x10",
    "1e3": "1e3",
    ".nan": ".nan",
    ".inf": ".inf",
    "+1": "+1",
    "12:30": "12:30",
    "2026-09-18": "2026-09-18",
    "'5'": "5",
    "=1+1": "=1+1",
    "<<": "<<",
    "5": 5,
    "-5": -5,
    "1.50": 1.5,
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
}


@pytest.mark.parametrize(("written", "read"), AS_WRITTEN.items())
def test_a_word_stays_a_word_and_only_plain_numbers_are_numbers(written: str, read: object) -> None:
    found = parse_document(f"a: {written}\n", name="a.yaml").data["a"]
    assert (found, type(found)) == (read, type(read))


def test_keys_stay_text_and_a_merge_merges_nothing() -> None:
    assert parse_document("1: a\nNO: b\ntrue: c\n<<: {d: e}\n", name="a.yaml").data == {
        "1": "a",
        "NO": "b",
        "true": "c",
        "<<": {"d": "e"},
    }


def test_a_number_of_5000_digits_is_refused_like_any_other_wrong_value() -> None:
    document = parse_document(
        ENGAGEMENT.replace("population: 9}", f"population: {'9' * 5000}}}"), name="e.yaml"
    )
    with pytest.raises(DeclarationError, match=r"line 6, roles\.owner\.population: not a whole number"):
        validate(EngagementSpec, document)


def test_every_field_knows_its_line() -> None:
    document = parse_document("a: 1\nb:\n  - c: 2\n    d:\n      - 3\n", name="a.yaml")
    assert [document.line(path) for path in [(), ("a",), ("b",), ("b", 0, "d"), ("b", 0, "d", 0)]] == [
        1, 1, 2, 4, 5,
    ]  # fmt: skip
    assert document.line(("b", 0, "nowhere")) == 3


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("a: één\r\n".encode())
    assert read_document(path).digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffa: 1\n".encode())
    assert read_document(path).data == {"a": 1}


# ── Two parsers, one reading ────────────────────────────────────────────────────────────────────

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in (ROOT / "data", ROOT / "tests" / "reference")
    for path in (*folder.rglob("*.yaml"), *folder.rglob("*.yml"))
    if ROOT / "data" / "local" not in path.parents
)


def read_by(loader: type[Any], text: str) -> Document:
    """Read with one parser alone: what it refuses is refused, and the other is not asked."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(declarations, "FastLoader", loader)
        patched.setattr(declarations, "Loader", loader)
        return parse_document(text, name="a.yaml")


def told(document: Document) -> tuple[str, dict[tuple[str | int, ...], int]]:
    """Return data, with the type of each value, and lines: 1 and 1.0 and true are not the same."""
    return repr(document.data), dict(document.lines)


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
def test_the_fast_parser_is_libyaml() -> None:
    assert issubclass(FastLoader, yaml.CSafeLoader)
    assert not issubclass(Loader, yaml.CSafeLoader)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_parsers_read_the_same_data_on_the_same_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8-sig")
    assert told(read_by(FastLoader, text)) == told(read_by(Loader, text))
    assert told(read_document(path)) == told(read_by(Loader, text))


def test_files_are_read_by_libyaml_alone_where_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "Loader", None)
    assert len(FILES) >= 8
    for path in FILES:
        assert read_document(path).data


@pytest.mark.parametrize(("text", "message"), NOT_READ.values(), ids=NOT_READ)
def test_without_libyaml_the_same_words_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(DeclarationError) as slow:
        read_by(Loader, text)
    with pytest.raises(DeclarationError) as fast:
        parse_document(text, name="a.yaml")
    assert str(slow.value) == str(fast.value) == message
    assert slow.value.details == fast.value.details


@pytest.mark.parametrize("written", AS_WRITTEN)
def test_without_libyaml_a_word_stays_a_word(written: str) -> None:
    text = f"a: {written}\nb:\n  - {written}\n"
    assert told(read_by(FastLoader, text)) == told(read_by(Loader, text))


@pytest.mark.parametrize("text", ["a: \ud800\n", "a: 1 # \udc80\n", "\udfff"])
def test_half_a_character_that_no_file_could_hold_is_refused_like_a_control_character(text: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse_document(text, name="a.yaml")
    assert str(caught.value) == "a.yaml line 1: a control character, which YAML does not allow"


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
scalars = st.one_of(
    words, st.sampled_from(list(AS_WRITTEN)), st.none(), st.booleans(), st.integers(-(10**9), 10**9)
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(words, st.sampled_from(["NO", "1", "a", ""])), inner, max_size=4),
    ),
    max_leaves=20,
)


class Plain(yaml.SafeDumper):
    """Writes everything out: an alias would be refused."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def outcome(text: str, loader: type[Any] = FastLoader) -> object:
    """Return what is read, or else what is said."""
    try:
        return told(parse_document(text, name="a.yaml") if loader is FastLoader else read_by(loader, text))
    except DeclarationError as error:
        return str(error)


@given(trees, st.sampled_from([True, False, None]), st.sampled_from([None, '"', "|", ">"]), st.booleans())
def test_whatever_is_written_is_read_alike_by_both(
    tree: object, flow: bool | None, style: str | None, as_is: bool
) -> None:
    text = yaml.dump(
        {"top": tree}, Dumper=Plain, default_flow_style=flow, default_style=style, allow_unicode=as_is,
        sort_keys=False, width=40,
    )  # fmt: skip
    assert outcome(text) == outcome(text, Loader)


# ── Engagements and mappings ────────────────────────────────────────────────────────────────────

ENGAGEMENT = """\
engagement: harbour
name: Harbour
framework: crumb
languages: [en]
roles:
  owner: {population: 9}
  guest: {weight: 0}
segments:
  shop: {name: Shop}
  shift: {name: Shift}
anonymity: {scores: 5, comments: 10}
release:
  - []
  - [role]
  - [shop, role]
waves:
  - {id: 2026-1, name: Spring, date: "2026-04-01"}
  - id: 2026-2
targets:
  oven: {level: 3.5, because: Agreed}
assumptions:
  margin: {value: 0.3, unit: share, source: Books, dated: "2026-01-01"}
"""

MAPPING = """\
mapping: till
id: guest number
role: {column: who, values: {g: guest}}
segments:
  shop: {value: Harbour}
date: {column: day, format: "%d/%m/%Y"}
not_applicable: [n/a]
scales:
  ten: {low: 1, high: 10}
  words: {labels: [poor, good, superb]}
items:
  - {item: own.bread, column: Q1, scale: ten, text: Bread}
  - {item: own.cake, column: Q2, scale: words}
  - {item: oven.crust, column: Q3, values: {lots: 10}}
constructs:
  - id: sweet
    name: Sweet things
    items: [own.bread, own.cake]
"""

NOT_A_SLUG = "expected small letters and digits, with - or _ between them, at most 64"
NOT_A_LANGUAGE = "expected a language: en, pt-BR"
NOT_TEXT = "expected text; quote it if it looks like a number"
TAKEN = "has a name that the suite uses itself; choose another"
NOT_A_CUT = "is not a cut by at most two different dimensions"
SLUGS = {
    "con": "the name 'con' is reserved by an operating system; found 'con'",
    "lpt1": "the name 'lpt1' is reserved by an operating system; found 'lpt1'",
    "../../etc/x": f"not written as it should be; found '../../etc/x'; {NOT_A_SLUG}",
    "a/b": f"not written as it should be; found 'a/b'; {NOT_A_SLUG}",
    "CON": f"not written as it should be; found 'CON'; {NOT_A_SLUG}",
    "nul.txt": f"not written as it should be; found 'nul.txt'; {NOT_A_SLUG}",
    "a-": f"not written as it should be; found 'a-'; {NOT_A_SLUG}",
    '"a\\n"': f"not written as it should be; found 'a\\n'; {NOT_A_SLUG}",
    "a" * 65: f"not written as it should be; found '{'a' * 56}…; {NOT_A_SLUG}",
    "é": f"not written as it should be; found 'é'; {NOT_A_SLUG}",
    "''": f"not written as it should be; found ''; {NOT_A_SLUG}",
    "12": f"not text; found 12; {NOT_TEXT}",
}

# What is written, what is written instead, and the line, field and finding that must be reported.
BROKEN_ENGAGEMENT = [
    *(("engagement: harbour", f"engagement: {slug}", 1, f"engagement: {why}") for slug, why in SLUGS.items()),
    ("id: 2026-2", "id: a/b", 18, f"waves.1.id: not written as it should be; found 'a/b'; {NOT_A_SLUG}"),
    ("id: 2026-2", "id: 2026-1", 18, "waves.1.id: the wave 2026-1 is there twice"),
    ('"2026-04-01"', '"01/04/2026"', 17,
     "waves.0.date: not written as it should be; found '01/04/2026'; expected a day: 2026-09-18"),
    ('"2026-04-01"', '"2026-04-31"', 17,
     "waves.0.date: day is out of range for month; found '2026-04-31'"),
    ("name: Harbour", "name: 12", 2, f"name: not text; found 12; {NOT_TEXT}"),
    ("name: Harbour", r'name: "Har\abour"', 2,
     r"name: control characters are not allowed in a name; found 'Har\x07bour'"),
    ("framework: crumb", "framwork: crumb", 3, "framwork: no such field; nearest framework"),
    ("languages: [en]", "languages: en", 4, "languages: not a list; found 'en'; expected a list: [one, two]"),
    ("languages: [en]", "languages: [NO]", 4,
     f"languages.0: not written as it should be; found 'NO'; {NOT_A_LANGUAGE}"),
    ("population: 9}", "population: 0}", 6,
     "roles.owner.population: input should be greater than or equal to 1; found 0"),
    ("{weight: 0}", "{wait: 0}", 7, "roles.guest.wait: no such field; nearest weight"),
    ("{weight: 0}", "{name: 0}", 7, "roles.guest.name: no such field"),
    ("{weight: 0}", "{weight: -1}", 7,
     "roles.guest.weight: input should be greater than or equal to 0; found -1"),
    ("{weight: 0}", "{weight: .nan}", 7,
     "roles.guest.weight: not a number; found '.nan'; expected a number without quotes"),
    ("{weight: 0}", "", 7, "roles.guest: not a mapping; found None; expected fields: {name: value}"),
    ("  shop: {", "  wave: {", 9, f"segments.wave: segment 'wave' {TAKEN}"),
    ("  shop: {", "  kind: {", 9, f"segments.kind: segment 'kind' {TAKEN}"),
    ("scores: 5", "scores: 2", 11, "anonymity.scores: input should be greater than or equal to 3; found 2"),
    ("scores: 5", "scores: true", 11,
     "anonymity.scores: not a whole number; found True; expected a whole number without quotes"),
    ("[shop, role]", "[shp, role]", 15,
     "release.2.0: unknown dimension 'shp'; nearest shop; expected one of role, shop, shift"),
    ("[shop, role]", "[role, shop, shift]", 15, f"release.2: ['role', 'shop', 'shift'] {NOT_A_CUT}"),
    ("[shop, role]", "[role, role]", 15, f"release.2: ['role', 'role'] {NOT_A_CUT}"),
    ("level: 3.5", "level: 6", 20, "targets.oven.level: input should be less than or equal to 5; found 6"),
    ("value: 0.3", "value: true", 22,
     "assumptions.margin.value: not a number; found True; expected a number without quotes"),
    ("value: 0.3", "value: '0.3'", 22,
     "assumptions.margin.value: not a number; found '0.3'; expected a number without quotes"),
]  # fmt: skip

NO_ROOM = "a scale needs `high` above `low`, or at least two labels"
BROKEN_MAPPING = [
    *(("mapping: till", f"mapping: {slug}", 1, f"mapping: {why}") for slug, why in SLUGS.items()),
    ("id: guest number", "id: 12", 2, f"id: not text; found 12; {NOT_TEXT}"),
    ("{value: Harbour}", "{}", 5,
     "segments.shop: give either `value` (the same for every row) or `column`; found {}"),
    ("[n/a]", "[99]", 7, f"not_applicable.0: not text; found 99; {NOT_TEXT}"),
    ("[n/a]", "n/a", 7, "not_applicable: not a list; found 'n/a'; expected a list: [one, two]"),
    ("{low: 1, high: 10}", "{low: 10, high: 1}", 9, f"scales.ten: {NO_ROOM}; found {{'low': 10, 'high': 1}}"),
    ("{low: 1, high: 10}", "{low: 1, high: 1000}", 9,
     "scales.ten.high: input should be less than or equal to 127; found 1000"),
    ("[poor, good, superb]", "[poor]", 10, f"scales.words: {NO_ROOM}; found {{'labels': ['poor']}}"),
    ("item: own.cake", "item: own.bread", 13, "items.1.item: item own.bread is mapped twice"),
    ("item: own.cake", "item: Own.cake", 13,
     "items.1.item: not written as it should be; found 'Own.cake'; "
     "expected small letters, digits, _ and dots, beginning with a letter: s3.i04"),
    ("column: Q2", "column: Q1", 13, "items.1.column: column 'Q1' answers two items"),
    ("column: Q2", "column: guest number", 13,
     "items.1.column: column 'guest number' is the id; it cannot be an answer"),
    ("column: Q2", "colunm: Q2", 13, "items.1.colunm: no such field; nearest column"),
    ("date: {column: day, f", "date: {f", 6, "date.column: missing; expected column"),
    ("scale: words", "scale: wrods", 13, "items.1.scale: unknown scale wrods; nearest words"),
    ("scale: words", "scale: zzz", 13, "items.1.scale: unknown scale zzz"),
    ("{lots: 10}", "{lots: many}", 14,
     "items.2.values.lots: not a whole number; found 'many'; expected a whole number without quotes"),
    ("id: sweet", "id: own.cake", 16, "constructs.0.id: the id own.cake is there twice"),
    ("[own.bread, own.cake]", "[own.bread, own.cakes]", 18,
     "constructs.0.items.1: unknown item own.cakes; nearest own.cake"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "line", "finding"), BROKEN_ENGAGEMENT)
def test_a_broken_engagement_names_line_field_and_finding(
    before: str, after: str, line: int, finding: str, tmp_path: Path
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(changed(ENGAGEMENT, before, after), encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        read_engagement(path)
    assert findings(caught.value) == [(line, f"e.yaml line {line}, {finding}")]


@pytest.mark.parametrize(("before", "after", "line", "finding"), BROKEN_MAPPING)
def test_a_broken_mapping_names_line_field_and_finding(
    before: str, after: str, line: int, finding: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(changed(MAPPING, before, after), encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        read_mapping(path)
    assert findings(caught.value) == [(line, f"m.yaml line {line}, {finding}")]


def test_the_whole_message_says_how_much_is_wrong_and_what_to_do() -> None:
    text = changed(changed(ENGAGEMENT, "scores: 5", "scores: 2"), "languages: [en]", "languages: [NO]")
    with pytest.raises(DeclarationError) as caught:
        validate(EngagementSpec, parse_document(text, name="e.yaml"))
    assert str(caught.value) == (
        "e.yaml: 2 things break the schema\n"
        f"  e.yaml line 4, languages.0: not written as it should be; found 'NO'; {NOT_A_LANGUAGE}\n"
        "  e.yaml line 11, anonymity.scores: input should be greater than or equal to 3; found 2\n"
        "Correct the file and try again."
    )


@pytest.mark.parametrize("model", [EngagementSpec, MappingSpec])
@pytest.mark.parametrize("text", ["- a\n- b\n", "just a word\n", "12\n"])
def test_a_file_that_is_no_mapping_is_refused(
    model: type[EngagementSpec] | type[MappingSpec], text: str
) -> None:
    with pytest.raises(DeclarationError, match=r"line 1, top: not a mapping; found .*; expected fields:"):
        validate(model, parse_document(text, name="a.yaml"))


def test_a_whole_engagement_is_read_and_its_cuts_put_the_role_first(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(ENGAGEMENT, encoding="utf-8")
    spec = read_engagement(path)
    assert spec.dims == ("role", "shop", "shift")
    assert spec.cuts == ((), ("role",), ("role", "shop"))
    assert [wave.label for wave in spec.waves] == ["Spring", "2026-2"]
    assert spec.roles["guest"].weight == 0


def test_without_a_release_plan_each_segment_is_cut_alone_and_within_roles() -> None:
    before, _, rest = ENGAGEMENT.partition("release:")
    spec = validate(EngagementSpec, parse_document(before + rest[rest.index("waves:") :], name="e.yaml"))
    assert spec.cuts == ((), ("role",), ("shop",), ("shift",), ("role", "shop"), ("role", "shift"))


def test_a_whole_mapping_is_read_and_names_every_column(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    spec = read_mapping(path)
    assert spec.columns == ["guest number", "who", "day", "Q1", "Q2", "Q3"]
    bread, cake, crust = (spec.declared_scale(item) for item in spec.items)
    assert (bread.low, bread.high, cake.low, cake.high, crust) == (1, 10, 1, 3, None)


def findings(error: DeclarationError) -> list[tuple[int | None, str]]:
    """List what was found; a misspelt field is also a missing one, which is said elsewhere."""
    misspelt = any("no such field" in problem.reason for problem in error.details)
    return [
        (problem.line, str(problem))
        for problem in error.details
        if not (misspelt and problem.reason == "missing")
    ]


def changed(text: str, before: str, after: str) -> str:
    """Replace one place of a text; a test that changes nothing would test nothing."""
    assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times"
    return text.replace(before, after)
