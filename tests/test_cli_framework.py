"""`cx framework`: what it shows, finds, compares and hands out, and how it refuses."""

from __future__ import annotations

import html
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from cxlib.framework import load_framework
from cxlib.opening import open_live
from cxlib.run.checks import examine
from cxlib.settings import read_settings
from tests.conftest import Cx, Said, refused
from tests.samples import BAKERY, bakery, mapping, survey

ROOT = Path(__file__).resolve().parents[1]
RELEASED = ROOT / "data" / "framework" / "cx7-0.1.0.yaml"
# One step with one item, and nothing that an author should look at again.
CLEAN = """\
framework: loaf
version: 1.0.0
title: "A loaf"
languages: [en]
scales: [{id: maturity, low: 1, high: 2}]
roles: [{id: team, name: "Team", kind: staff}]
steps:
  - id: s1
    slug: dough
    name: "Dough"
    question: "Does it rise?"
    target: {level: 2, because: "Flat bread does not sell."}
    items:
      - id: s1.i01
        topic: "Yeast"
        statement: {team: "I know how old our yeast is."}
        evidence: "Ask the baker for the jar."
        levels: ["The jar has no label.", "A date stands on the lid."]
        advice: [{action: "Write the date down.", who: "Baker", effort_days: 0.5, effect: "Age is seen."}]
        seed: "001"
forms:
  - {id: card, name: "Card", roles: [team], items: [s1.i01]}
"""


def edited(path: Path, *changes: tuple[str, str], source: Path = BAKERY) -> Path:
    """Write a framework with some of its text replaced."""
    text = source.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def succeeded(said: Said, code: int = 0) -> Said:
    assert said.code == code, said.err
    assert said.err == ""
    return said


# ── show ────────────────────────────────────────────────────────────────────────────────────────


def test_show_lists_every_part_in_short(cx: Cx) -> None:
    said = succeeded(cx("framework", "show", BAKERY)).out
    assert said.startswith(f"Crumb: a bakery chain in four steps: {bakery().stamp}, in en, nl\n")
    assert "\noven Even baking (baking; target 3.5)\n" in said
    assert "\n  grain.mill  recipe  Where flour comes from\n" in said
    assert "\n  grain.label          Allergens\n" in said
    assert re.search(r"\n  ask\.wish +open text +One wish\n", said)
    assert re.search(r"\n  senses +2 rows: Five senses\n", said)
    assert re.search(r"\n  receipt +6 items, 2 questions, about 2 minutes: guest\n", said)
    for part in [*bakery().items, *bakery().questions, "senses", "kitchen-card", "receipt"]:
        assert len(re.findall(rf"\n  {re.escape(part)} ", said)) == 1


def test_show_speaks_the_language_that_is_asked_for_and_else_the_first(cx: Cx, tmp_path: Path) -> None:
    dutch = succeeded(cx("framework", "show", BAKERY, "--language", "nl")).out
    assert dutch.startswith("Kruim: een bakkerijketen")
    assert "Gelijkmatig bakken" in dutch
    assert "Even baking" not in dutch
    turned = edited(tmp_path / "turned.yaml", ("languages: [en, nl]", "languages: [nl, en]"))
    assert succeeded(cx("framework", "show", turned)).out.startswith("Kruim: een bakkerijketen")


def test_show_for_a_program_lists_every_id(cx: Cx) -> None:
    found = succeeded(cx("framework", "show", BAKERY, "--json")).data
    assert (found["framework"], found["version"], found["digest"]) == ("crumb", "1.0.0", bakery().digest)
    assert (found["languages"], found["lenses"], found["forms"]) == (
        ["en", "nl"],
        ["senses"],
        ["kitchen-card", "receipt"],
    )
    assert found["steps"] == ["grain", "oven", "street", "counter"]
    assert (found["items"], found["questions"]) == (list(bakery().items), list(bakery().questions))


ITEM = [
    "grain.mill Where flour comes from (recipe)",
    "  owner: I know every mill we buy from.",
    "  team: I can say which mill a flour is from.",
    "  1  Nobody can name a mill.",
    "       → Ask who mills our flour. (Owner, 0.5 d)",
    "         One name is known.",
    "  5  Last year a mill was dropped on evidence.",
]


@pytest.mark.parametrize(
    ("what", "lines"),
    [
        ("grain.mill", ITEM),
        ("oven.time", ["  stands on grain.mill: Another flour needs another time."]),
        ("oven.crust", ["  serves senses.tongue: Taste", "  guest: How good was the crust?"]),
        ("ask.wish", [
            "ask.wish One wish: What should we bake?",
            "  as team is asked: What would you bake?",
            "  asked of team, guest; open text, kind comment",
        ]),
        ("ask.recommend", ["  asked of guest; chance, kind nps", "  serves senses.tongue: Taste"]),
        ("oven", [
            "oven Even baking: Is today's loaf like yesterday's?",
            "  No oven mends poor flour.",
            "  target 3.5: Guests forgive one bad day a month.",
            "oven.time Times and heat (recipe)",
            "  5  Half of last year's waste.",
        ]),
        ("ingredients", ["  A list of suppliers that we can stand by.", *ITEM]),
        ("senses", [
            "senses: Five senses",
            "tongue: Taste",
            "  start here: Taste it yourself.",
            "  ask.recommend         Recommending us",
            "  oven.crust            The crust",
        ]),
        ("receipt", [
            "receipt: On the receipt",
            "Two minutes for {client}?",
            "No name is asked.",
            "  grain.label           Allergens",
            "  ask.wish              One wish",
        ]),
        ("form.receipt", ["receipt: On the receipt", "  counter.queue         The queue"]),
    ],
)  # fmt: skip
def test_show_tells_one_part_in_full(cx: Cx, what: str, lines: list[str]) -> None:
    said = succeeded(cx("framework", "show", BAKERY, what)).out.splitlines()
    assert [line for line in lines if line not in said] == []


@pytest.mark.parametrize(
    ("what", "part"),
    [
        ("grain.mill", lambda found: found.items["grain.mill"]),
        ("ask.wish", lambda found: found.questions["ask.wish"]),
        ("oven", lambda found: found.step("oven")),
        ("ingredients", lambda found: found.step("grain")),
        ("senses", lambda found: found.content.lenses[0]),
        ("receipt", lambda found: found.form("receipt")),
        ("form.receipt", lambda found: found.form("receipt")),
    ],
)
def test_show_gives_a_program_one_part_as_the_file_has_it(cx: Cx, what: str, part: Any) -> None:
    found = succeeded(cx("framework", "show", BAKERY, what, "--json")).data
    assert found == part(bakery()).model_dump()


def test_show_tells_what_to_ask_to_see_and_where_an_item_is_from(cx: Cx, tmp_path: Path) -> None:
    (tmp_path / "loaf.yaml").write_text(CLEAN, encoding="utf-8")
    said = succeeded(cx("framework", "show", "loaf.yaml", "s1.i01")).out
    assert "\n  ask to see: Ask the baker for the jar.\n" in said
    assert "\n  from seed 001\n" in said


def test_show_writes_days_as_the_language_does(cx: Cx) -> None:
    said = succeeded(cx("framework", "show", BAKERY, "grain.mill", "--language", "nl")).out
    assert "→ Vraag wie ons meel maalt. (Eigenaar, 0,5 d)" in said


def test_a_form_with_the_name_of_a_lens_can_still_be_shown(cx: Cx, tmp_path: Path) -> None:
    both = edited(tmp_path / "both.yaml", ("id: senses", "id: receipt"))
    assert succeeded(cx("framework", "show", both, "receipt")).out.startswith("receipt: Five senses\n")
    assert succeeded(cx("framework", "show", both, "form.receipt")).out.startswith(
        "receipt: On the receipt\n"
    )


def test_show_lists_an_opening_question_before_the_items_and_once(cx: Cx, tmp_path: Path) -> None:
    change = (
        "    items: [grain.label, oven.crust,",
        "    opening: [ask.wish]\n    items: [grain.label, oven.crust,",
    )
    said = succeeded(cx("framework", "show", edited(tmp_path / "x.yaml", change), "receipt")).out
    listed = re.findall(r"^  (\S+) ", said, flags=re.MULTILINE)
    assert listed == ["ask.wish", *bakery().form("receipt").items, "ask.recommend"]


def test_show_by_default_shows_the_suites_own_newest_framework(cx: Cx) -> None:
    versions = [load_framework(path) for path in RELEASED.parent.glob("cx7-*.yaml")]
    newest = max(versions, key=lambda one: tuple(map(int, one.version.split("."))))
    assert newest.stamp in succeeded(cx("framework", "show")).out.splitlines()[0]
    assert newest.stamp in succeeded(cx("framework", "show", "cx7")).out.splitlines()[0]


def test_a_version_is_shown_by_its_name(cx: Cx) -> None:
    assert succeeded(cx("framework", "show", "cx7-0.1.0", "--json")).data["version"] == "0.1.0"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((BAKERY, "grain.mil"), "no part 'grain.mil'; nearest grain.mill. cx framework show lists them all."),
        ((BAKERY, "ask.wihs"), "nearest ask.wish"),
        ((BAKERY, "ovn"), "nearest oven"),
        ((BAKERY, "neighborhood"), "nearest neighbourhood"),
        ((BAKERY, "sense"), "nearest senses"),
        ((BAKERY, "reciept"), "nearest receipt"),
        ((BAKERY, "form.reciept"), "nearest form.receipt"),
        ((BAKERY, "--language", "fr"), "not written in 'fr'; expected one of en, nl"),
        (("cx7-0.1.1",), "no framework 'cx7-0.1.1'"),
        (("cx7-0.1.1",), "nearest cx7-0.1.0"),
        (("nothing.yaml",), "no file nothing.yaml"),
    ],
)
def test_show_answers_what_is_not_there_with_the_nearest(cx: Cx, args: tuple[Any, ...], told: str) -> None:
    for more in ((), ("--json",)):
        said = cx("framework", "show", *args, *more)
        refused(said, told)
        assert len(said.err.splitlines()) == 1


# ── check ───────────────────────────────────────────────────────────────────────────────────────


def test_check_finds_nothing_in_a_framework_that_is_whole_and_plain(cx: Cx, tmp_path: Path) -> None:
    (tmp_path / "loaf.yaml").write_text(CLEAN, encoding="utf-8")
    stamp = load_framework(tmp_path / "loaf.yaml").stamp
    said = succeeded(cx("framework", "check", "loaf.yaml")).out.splitlines()
    assert said == [f"{stamp}: 1 steps, 1 items, 1 languages; it holds together", "Nothing to look at again."]
    found = succeeded(cx("framework", "check", "loaf.yaml", "--json")).data
    assert found == {"framework": stamp, "remarks": [], "changed": ""}


def test_check_names_what_to_look_at_again_by_line_and_ends_with_1(cx: Cx, tmp_path: Path) -> None:
    text = CLEAN.replace("I know how old our yeast is.", "I know how old our yeast is and where it stands.")
    (tmp_path / "loaf.yaml").write_text(text.replace('        seed: "001"\n', ""), encoding="utf-8")
    said = succeeded(cx("framework", "check", "loaf.yaml"), code=1).out.splitlines()
    [missing, joined] = said[1:-1]
    item, statement = (
        next(n for n, line in enumerate(CLEAN.splitlines(), 1) if part in line)
        for part in ("id: s1.i01", "statement:")
    )
    assert missing.startswith(f"  line {item}, missing: s1.i01 has no ")
    assert joined.startswith(f"  line {statement}, asks two things: s1.i01 for team (en) joins with 'and'")
    assert said[-1] == "2 to look at again."
    found = succeeded(cx("framework", "check", "loaf.yaml", "--json"), code=1).data
    assert [one["what"] for one in found["remarks"]] == ["missing", "asks two things"]
    assert [one["line"] for one in found["remarks"]] == [item, statement]
    assert found["changed"] == ""


def test_check_answers_a_broken_framework_with_its_line_and_2(cx: Cx, tmp_path: Path) -> None:
    broken = edited(tmp_path / "broken.yaml", ("requires: [oven, counter]", "requires: [ovn, counter]"))
    line = broken.read_text(encoding="utf-8").splitlines().index("    requires: [ovn, counter]") + 1
    for more in ((), ("--json",)):
        said = cx("framework", "check", "broken.yaml", *more)
        refused(said, f"broken.yaml line {line}, steps.2.requires.0", "nearest oven")
        assert len(said.err.splitlines()) == 1


def test_check_finds_a_released_version_that_was_changed(cx: Cx, tmp_path: Path) -> None:
    same = Path(shutil.copy(RELEASED, tmp_path / "same.yaml"))
    assert "another text" not in cx("framework", "check", same).out
    assert cx("framework", "check", same, "--json").data["changed"] == ""
    changed = edited(tmp_path / "changed.yaml", ("Committed leadership", "Leadership"), source=RELEASED)
    said = succeeded(cx("framework", "check", changed), code=1)
    told = "cx7-0.1.0.yaml was released with another text; give the changed one a new version number"
    assert f"  {told}" in said.out.splitlines()
    assert cx("framework", "check", changed, "--json").data["changed"] == told
    renumbered = edited(changed, ('version: "0.1.0"', 'version: "0.1.1"'), source=changed)
    assert "another text" not in cx("framework", "check", renumbered).out


def test_check_finds_a_version_that_was_used_with_another_text(cx: Cx, tmp_path: Path) -> None:
    copy = tmp_path / "loaf.yaml"
    copy.write_text(CLEAN, encoding="utf-8")
    succeeded(cx("init", "crumbs", "--framework", "loaf.yaml"))
    succeeded(cx("framework", "check", "loaf.yaml"))
    edited(copy, ("A date stands on the lid.", "A day stands on the lid."), source=copy)
    said = succeeded(cx("framework", "check", "loaf.yaml"), code=1).out.splitlines()
    told = "loaf-1.0.0.yaml was used with another text; give the changed one a new version number"
    assert said[1:] == [f"  {told}", "1 to look at again."]
    assert succeeded(cx("framework", "check", "loaf.yaml", "--json"), code=1).data["changed"] == told
    edited(copy, ("version: 1.0.0", "version: 1.0.1"), source=copy)
    succeeded(cx("framework", "check", "loaf.yaml"))


def test_doctor_finds_a_released_version_that_was_changed_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "share" / "data" / "framework"
    folder.mkdir(parents=True)
    shutil.copy(RELEASED.with_name("SHA256SUMS"), folder)
    settings = replace(read_settings({"CX_HOME": str(tmp_path / "home")}), share=tmp_path / "share")
    for changes, is_ok in (([], True), ([("Committed leadership", "Leadership")], False)):
        edited(folder / RELEASED.name, *changes, source=RELEASED)
        found = {one.what: one for one in examine(settings)}["cx7-0.1.0"]
        assert (found.is_ok, "was released with another text" in found.found) == (is_ok, not is_ok)


def test_check_makes_no_store(cx: Cx, tmp_path: Path) -> None:
    (tmp_path / "loaf.yaml").write_text(CLEAN, encoding="utf-8")
    succeeded(cx("framework", "check", "loaf.yaml"))
    assert not (tmp_path / "home").exists()


# ── compare ─────────────────────────────────────────────────────────────────────────────────────

CHANGES = [
    ("version: 1.0.0", "version: 1.1.0"),
    ('guest: {en: "I can see what is in the bread."', 'guest: {en: "I can read what is in the bread."'),
    ('{en: "Some bags carry a date."', '{en: "One bag in two carries a date."'),
    ("      - id: oven.waste\n", "      - id: oven.leftover\n"),
    ("      - oven.waste\n", "      - oven.leftover\n"),
    ("      - id: street.give\n        stream: recipe\n", "      - id: street.give\n        stream: shift\n"),
    ("  - {id: points, low: 0, high: 10}", "  - {id: points, low: 0, high: 9}"),
]


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    return edited(tmp_path / "newer.yaml", *CHANGES)


def test_compare_counts_what_changed_by_kind(cx: Cx, newer: Path) -> None:
    said = succeeded(cx("framework", "compare", BAKERY, newer)).out.splitlines()
    assert said == [
        f"{bakery().stamp} → {load_framework(newer).stamp}",
        "  unchanged 7 of 13 items (54%): only these are trended",
        "  and of the questions: ask.recommend, ask.wish",
        "  added 1: oven.leftover",
        "  dropped 1: oven.waste",
        "  reworded 1: grain.label",
        "  re-levelled 1: grain.stock",
        "  rescaled 2: oven.crust, street.scent",
        "  moved 1: street.give",
    ]


def test_compare_prints_the_texts_before_and_after_when_asked(cx: Cx, newer: Path) -> None:
    said = succeeded(cx("framework", "compare", BAKERY, newer, "--texts")).out
    assert (
        "\ngrain.label reworded statement (guest, en)\n"
        "  - I can see what is in the bread.\n  + I can read what is in the bread.\n"
    ) in said
    assert (
        "\ngrain.stock re-levelled level 2 (en)\n"
        "  - Some bags carry a date.\n  + One bag in two carries a date.\n"
    ) in said
    assert "\noven.leftover added" in said
    assert "I can read" not in succeeded(cx("framework", "compare", BAKERY, newer)).out


def test_compare_for_one_role_leaves_out_what_others_are_asked(cx: Cx, newer: Path) -> None:
    said = succeeded(cx("framework", "compare", BAKERY, newer, "--role", "team")).out
    assert ", as team is asked\n" in said
    assert "reworded" not in said
    assert "unchanged 8 of 12 items (67%)" in said
    assert "reworded 1: grain.label" in cx("framework", "compare", BAKERY, newer, "--role", "guest").out


@pytest.mark.parametrize(("role", "unchanged"), [((), 7), (("--role", "team"), 8)])
def test_compare_gives_a_program_the_same_figures(
    cx: Cx, newer: Path, role: tuple[str, ...], unchanged: int
) -> None:
    found = succeeded(cx("framework", "compare", BAKERY, newer, "--json", *role)).data
    assert (found["before"], found["after"]) == (bakery().stamp, load_framework(newer).stamp)
    asked = 12 if role else 13
    assert len(found["items"]) == asked
    assert len(set(found["trended"]) & set(found["items"])) == unchanged
    assert found["share_unchanged"] == pytest.approx(unchanged / asked)
    kinds = {(one["id"], one["kind"]) for one in found["changes"]}
    assert ("grain.stock", "re-levelled") in kinds
    assert (("grain.label", "reworded") in kinds) == (not role)


def test_compare_finds_nothing_between_a_version_and_itself(cx: Cx) -> None:
    said = succeeded(cx("framework", "compare", BAKERY, BAKERY)).out.splitlines()
    assert said[1:] == [
        "  unchanged 12 of 12 items (100%): only these are trended",
        "  and of the questions: ask.recommend, ask.wish",
    ]
    assert succeeded(cx("framework", "compare", BAKERY, BAKERY, "--json")).data["changes"] == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((BAKERY, BAKERY, "--role", "teem"), "nearest team"),
        ((BAKERY, "nothing.yaml"), "no file nothing.yaml"),
        (("cx7-0.1.1", BAKERY), "nearest cx7-0.1.0"),
    ],
)
def test_compare_refuses_what_is_not_there(cx: Cx, args: tuple[Any, ...], told: str) -> None:
    for more in ((), ("--json",), ("--texts",)):
        refused(cx("framework", "compare", *args, *more), told)


def test_compare_for_one_role_names_no_question_that_it_is_never_asked(cx: Cx) -> None:
    said = succeeded(cx("framework", "compare", "cx7-0.1.0", "cx7-1.0.0", "--role", "frontline")).out
    assert "q.ease" not in said
    assert "q.referral_asked" not in said
    assert "and of the questions: q.delivery_gap" in said
    assert "added 28: " in said
    assert " questions: " in said


# ── export: the whole ───────────────────────────────────────────────────────────────────────────

EXPORT = ("framework", "export")


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_export_writes_the_whole_to_a_workbook(cx: Cx, tmp_path: Path) -> None:
    said = succeeded(cx(*EXPORT, "crumb.xlsx", "--framework", BAKERY))
    assert said.out == "Written: crumb.xlsx\n"
    items = load_workbook(tmp_path / "crumb.xlsx")["Items"]
    assert [cell.value for cell in items["A"]][1:] == list(bakery().items)
    assert "Nobody can name a mill." in [cell.value for row in items.iter_rows() for cell in row]
    assert beside(tmp_path) == ["crumb.xlsx"]


def test_export_writes_the_language_that_is_asked_for(cx: Cx, tmp_path: Path) -> None:
    succeeded(cx(*EXPORT, "crumb.XLSX", "--framework", BAKERY, "--language", "nl"))
    items = load_workbook((tmp_path / "crumb.XLSX").open("rb"))["Items"]
    assert "Niemand kan een molen noemen." in [cell.value for row in items.iter_rows() for cell in row]


def test_export_without_a_name_takes_the_suites_own_framework(cx: Cx, tmp_path: Path) -> None:
    succeeded(cx(*EXPORT, tmp_path / "cx7.xlsx"))
    about = load_workbook(tmp_path / "cx7.xlsx")["About"]
    assert [row[1].value for row in about.iter_rows() if row[0].value == "Framework"] == ["cx7"]


def test_export_never_writes_over_a_file_unless_told_to(cx: Cx, tmp_path: Path) -> None:
    marked = tmp_path / "cx7.xlsx"
    marked.write_bytes(b"marked up by hand")
    refused(cx("framework", "export", marked), "cx7.xlsx is there already", "--force")
    assert marked.read_bytes() == b"marked up by hand"
    succeeded(cx("framework", "export", marked, "--force"))
    assert marked.read_bytes()[:2] == b"PK"


def test_export_refuses_options_that_would_do_nothing(cx: Cx, tmp_path: Path) -> None:
    refused(cx("framework", "export", tmp_path / "a.xlsx", "--role", "frontline"), "Say --form as well")
    refused(cx("framework", "export", tmp_path / "a.html", "--guide", "--wave", "w1"), "Say --engagement")


# ── export: forms and the guide ─────────────────────────────────────────────────────────────────

WHO = ("--client", "Crumb & Sons", "--contact", "Anna, <anna@crumb.example>")


def said_on(path: Path) -> str:
    """Return what a reader sees of a page."""
    body = path.read_text(encoding="utf-8").split("<body>")[1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_export_writes_a_form_for_whom_the_options_name(cx: Cx, tmp_path: Path) -> None:
    said = succeeded(cx(*EXPORT, "card.html", "--framework", BAKERY, "--form", "receipt", *WHO))
    assert said.out == "Written: card.html\n"
    page = said_on(tmp_path / "card.html")
    assert page.startswith("Crumb & Sons On the receipt For: Guests")
    assert "Two minutes for Crumb & Sons?" in page
    assert beside(tmp_path) == ["card.html"]


def test_export_asks_for_the_role_where_a_form_is_for_several(cx: Cx, tmp_path: Path) -> None:
    form = (*EXPORT, "card.htm", "--framework", BAKERY, "--form", "kitchen-card", *WHO)
    refused(cx(*form), "several roles: owner, team", "--role")
    assert beside(tmp_path) == []
    succeeded(cx(*form, "--role", "owner"))
    assert "I know every mill we buy from." in said_on(tmp_path / "card.htm")


def test_export_writes_the_guide_with_or_without_a_client(cx: Cx, tmp_path: Path) -> None:
    succeeded(cx(*EXPORT, "guide.html", "--framework", BAKERY, "--guide"))
    assert said_on(tmp_path / "guide.html").startswith("Crumb: a bakery chain in four steps Assessor's guide")
    succeeded(
        cx(*EXPORT, "guide.html", "--framework", BAKERY, "--guide", "--client", "Crumb & Sons", "--force")
    )
    assert said_on(tmp_path / "guide.html").startswith("Crumb & Sons Assessor's guide")
    assert beside(tmp_path) == ["guide.html"]


BAKERY_AS = ("--framework", BAKERY)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("x.pdf", *BAKERY_AS), "no way to write 'x.pdf'. Name an .xlsx or an .html file."),
        (("x", *BAKERY_AS, "--guide"), "no way to write 'x'"),
        (("x.html", *BAKERY_AS), "Say --form or --guide. Forms: kitchen-card, receipt."),
        (("x.html", *BAKERY_AS, "--guide", "--form", "receipt", *WHO), "a page holds one form, or the guide"),
        (("x.xlsx", *BAKERY_AS, "--guide"), "Write to an .html file"),
        (("x.xlsx", *BAKERY_AS, "--form", "receipt"), "Write to an .html file"),
        (("x.html", *BAKERY_AS, "--form", "receipt"), "missing: --client, --contact"),
        (("x.html", *BAKERY_AS, "--form", "receipt", *WHO[:2]), "missing: --contact"),
        (("x.html", *BAKERY_AS, "--form", "receipt", "--client", "", *WHO[2:]), "missing: --client"),
        (("x.html", *BAKERY_AS, "--form", "reciept", *WHO), "nearest receipt"),
        (("x.html", *BAKERY_AS, "--form", "receipt", "--role", "team", *WHO), "not for team"),
        (("x.html", *BAKERY_AS, "--form", "receipt", "--language", "fr", *WHO), "not written in 'fr'"),
        (("x.html", *BAKERY_AS, "--form", "receipt", "--language", "nl", *WHO), 'Add a block "nl"'),
        (("x.html", *BAKERY_AS, "--guide", "--language", "nl"), 'Add a block "nl"'),
        (("x.xlsx", "--framework", "cx8"), "There are: cx7-"),
        (("nowhere/x.xlsx", *BAKERY_AS), "cannot write x.xlsx in nowhere"),
        (("nowhere/x.html", *BAKERY_AS, "--guide"), "cannot write x.html in nowhere"),
        (("x.html", "--engagement", "crumbs", "--guide"), "no engagement 'crumbs'"),
    ],
)
def test_export_refuses_what_cannot_be_written_and_leaves_nothing(
    cx: Cx, tmp_path: Path, args: tuple[Any, ...], told: str
) -> None:
    said = cx(*EXPORT, *args)
    refused(said, told)
    assert len(said.err.splitlines()) == 1
    assert set(beside(tmp_path)) <= {"home"}


def test_a_name_that_no_file_can_hold_is_written_as_what_it_shows(cx: Cx, tmp_path: Path) -> None:
    hostile = ("--client", "\udcff</p><script>alert(1)</script>", "--contact", "x\0y")
    succeeded(cx(*EXPORT, "x.html", *BAKERY_AS, "--form", "receipt", *hostile))
    assert "<script" not in (tmp_path / "x.html").read_text(encoding="utf-8")
    assert said_on(tmp_path / "x.html").startswith("?</p><script>alert(1)</script> On the receipt")


# ── export: for an engagement ───────────────────────────────────────────────────────────────────

PLACES = (
    'privacy: {en: "No name is asked.", nl: "Er wordt geen naam gevraagd."}',
    'privacy: {en: "Figures from {k_scores}, words from {k_comments}; write to {contact}.", nl: "{contact}"}',
)
ENGAGEMENT = """\
engagement: crumbs
name: "Crumb & Sons"
framework: crumb.yaml
contact: "Anna Miller, anna@crumb.example"
roles: {owner: {}, team: {}, guest: {}}
segments: {shop: {name: Shop}, shift: {name: "Part of the day"}}
anonymity: {scores: 7, comments: 12}
waves:
  - {id: w1, name: Spring, date: "2026-03-31"}
  - {id: w2, framework: newer.yaml}
"""


@pytest.fixture
def crumbs(cx: Cx, tmp_path: Path) -> Cx:
    """An engagement that says whom to write to, its second wave with a newer version."""
    edited(tmp_path / "crumb.yaml", PLACES)
    newer = (*CHANGES[:2], ("On the receipt", "On the new receipt"))
    edited(tmp_path / "newer.yaml", *newer, source=tmp_path / "crumb.yaml")
    (tmp_path / "crumbs.yaml").write_text(ENGAGEMENT, encoding="utf-8")
    succeeded(cx("init", "crumbs.yaml"))
    return cx


FORM = (*EXPORT, "x.html", "--form", "receipt", "--engagement", "crumbs")


def test_an_engagement_fills_in_client_contact_groups_segments_wave_and_date(
    crumbs: Cx, tmp_path: Path
) -> None:
    succeeded(crumbs(*FORM))
    page = said_on(tmp_path / "x.html")
    assert page.startswith("Crumb & Sons · Spring · 31 March 2026 On the receipt")
    assert "Two minutes for Crumb & Sons?" in page
    assert "Figures from 7, words from 12; write to Anna Miller, anna@crumb.example." in page
    assert "About you Shop Part of the day" in page


def test_a_wave_is_handed_its_own_name_and_its_own_version(crumbs: Cx, tmp_path: Path) -> None:
    succeeded(crumbs(*FORM, "--wave", "w2"))
    page = said_on(tmp_path / "x.html")
    assert page.startswith("Crumb & Sons · w2 On the new receipt")
    assert "I can read what is in the bread." in page
    refused(crumbs(*FORM, "--wave", "w3", "--force"), "no wave 'w3'; nearest w2")


def test_the_wave_in_hand_is_the_latest_with_answers(crumbs: Cx, tmp_path: Path) -> None:
    survey(tmp_path / "autumn.csv")
    crumbs_mapping = mapping(tmp_path)
    text = crumbs_mapping.read_text(encoding="utf-8")
    crumbs_mapping.write_text(text.replace("segments:\n", "segments:\n  shift: {column: Shop}\n"))
    imported = crumbs("import", "crumbs", "autumn.csv", "--mapping", "mapping.yaml", "--wave", "w2")
    assert imported.code == 0, imported.err
    succeeded(crumbs(*FORM))
    assert said_on(tmp_path / "x.html").startswith("Crumb & Sons · w2 On the new receipt")


def test_options_stand_before_what_the_engagement_says(crumbs: Cx, tmp_path: Path) -> None:
    succeeded(crumbs(*FORM, "--client", "The bakery", "--contact", "Ben"))
    page = said_on(tmp_path / "x.html")
    assert page.startswith("The bakery · Spring")
    assert "write to Ben." in page


def test_a_contact_that_was_set_later_is_the_one_on_the_form(crumbs: Cx, tmp_path: Path) -> None:
    with open_live("crumbs") as eng:
        eng.set_contact("Ben Field")
    succeeded(crumbs(*FORM))
    assert "write to Ben Field." in said_on(tmp_path / "x.html")


def test_an_engagement_that_names_nobody_asks_for_a_contact(crumbs: Cx, tmp_path: Path) -> None:
    text = "".join(
        line for line in ENGAGEMENT.splitlines(keepends=True) if not line.startswith("contact:")
    ).replace("crumbs", "silent")
    (tmp_path / "silent.yaml").write_text(text, encoding="utf-8")
    succeeded(crumbs("init", "silent.yaml"))
    form = (*EXPORT, "x.html", "--form", "receipt", "--engagement", "silent")
    refused(crumbs(*form), "silent names nobody to write to", "Add --contact")
    assert not (tmp_path / "x.html").exists()
    succeeded(crumbs(*form, "--contact", "Anna"))
    assert "write to Anna." in said_on(tmp_path / "x.html")


def test_the_guide_of_an_engagement_bears_its_client_and_its_levels(crumbs: Cx, tmp_path: Path) -> None:
    succeeded(crumbs(*EXPORT, "guide.html", "--guide", "--engagement", "crumbs"))
    page = said_on(tmp_path / "guide.html")
    assert page.startswith("Crumb & Sons Assessor's guide Crumb: a bakery chain in four steps")


def test_the_workbook_of_an_engagement_holds_the_version_of_its_wave(crumbs: Cx, tmp_path: Path) -> None:
    for wave, version in (("w1", "1.0.0"), ("w2", "1.1.0")):
        succeeded(crumbs(*EXPORT, "x.xlsx", "--engagement", "crumbs", "--wave", wave, "--force"))
        about = load_workbook(tmp_path / "x.xlsx")["About"]
        assert [row[1].value for row in about.iter_rows() if row[0].value == "Version"] == [version]


@pytest.mark.parametrize("kind", [("x.html", "--form", "receipt"), ("x.html", "--guide"), ("x.xlsx",)])
def test_another_framework_than_the_engagements_is_refused(
    crumbs: Cx, tmp_path: Path, kind: tuple[str, ...]
) -> None:
    command = (*EXPORT, *kind, "--engagement", "crumbs", "--framework")
    told = f"crumbs is assessed with {load_framework(tmp_path / 'crumb.yaml').stamp}"
    refused(crumbs(*command, BAKERY), told, "Leave --framework out")
    refused(crumbs(*command, "newer.yaml"), told)
    refused(crumbs(*command, "cx7"), told)
    assert not list(tmp_path.glob("x.*"))
    succeeded(crumbs(*command, "crumb.yaml"))
