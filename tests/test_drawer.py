"""The process that draws charts: what ends it, and what cannot be started, ends no report."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import pytest

from cxlib.exports import drawer as drawers
from cxlib.exports.drawer import Drawer
from cxlib.exports.drawing import fonts

SPEC = json.dumps({
    "data": {"values": [{"step": "Vision", "level": 2.5}]},
    "mark": "bar",
    "encoding": {"x": {"field": "level", "type": "quantitative"}, "y": {"field": "step", "type": "nominal"}},
})  # fmt: skip


@pytest.fixture(scope="module")
def drawer() -> Drawer:
    return Drawer()


def asked(by: Drawer, **order: Any) -> str:
    return by.ask(lambda: {"folder": str(fonts()), **order}).result(60)


def test_orders_are_answered_in_their_order_with_drawings_and_pictures(drawer: Drawer) -> None:
    first = drawer.ask(lambda: {"folder": str(fonts()), "spec": SPEC})
    # An order is written when its turn comes: this one is of what the first was answered with.
    second = drawer.ask(lambda: {"folder": str(fonts()), "svg": first.result(), "scale": 1})
    assert base64.b64decode(second.result(60)).startswith(b"\x89PNG")
    assert ">Vision</text>" in first.result()


def test_what_cannot_be_drawn_is_answered_with_nothing(drawer: Drawer) -> None:
    assert asked(drawer, spec='{"mark": "no such mark"}') == ""
    assert asked(drawer, svg="", scale=1) == ""


def test_a_drawer_that_ended_is_started_again(drawer: Drawer) -> None:
    before = asked(drawer, spec=SPEC)
    process = drawer._process
    assert process is not None
    process.kill()
    process.wait()
    assert asked(drawer, spec=SPEC) == before


def test_an_order_that_ends_the_drawer_is_given_up_and_the_next_one_is_drawn(drawer: Drawer) -> None:
    assert asked(drawer, spec=None) == ""
    assert ">Vision</text>" in asked(drawer, spec=SPEC)


def test_a_fault_in_an_order_reaches_who_waits_for_it(drawer: Drawer) -> None:
    order: dict[str, str] = {}
    with pytest.raises(KeyError):
        drawer.ask(lambda: {"folder": order["folder"]}).result(60)
    assert asked(drawer, spec=SPEC)


def test_where_no_process_can_be_started_this_one_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    here = sys.executable
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert ">Vision</text>" in asked(Drawer(), spec=SPEC)
    # One that does not say that it is there is none either.
    monkeypatch.setattr(sys, "executable", here)
    monkeypatch.setattr(drawers, "READY", b"what it does not say\n")
    assert ">Vision</text>" in asked(Drawer(), spec=SPEC)


def test_the_drawer_ends_when_nobody_can_give_it_orders_any_more() -> None:
    process = drawers._started()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0
