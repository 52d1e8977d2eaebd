"""Widgets for a live workshop and for a client's own look at the figures. The only widgets of the suite.

What a visitor sets is untrusted: every trait of a widget can be written by whoever has the page. So a form
hands its values to a verb that checks them, offers what the release plan publishes, and finds a choice by
its place among the offers.
"""

from __future__ import annotations

from cxlib.forms.exploring import compare, explore
from cxlib.forms.room import commentary, target
from cxlib.forms.showing import begin_anew, begin_at
from cxlib.forms.trying import what_if

__all__ = ["begin_anew", "begin_at", "commentary", "compare", "explore", "target", "what_if"]
