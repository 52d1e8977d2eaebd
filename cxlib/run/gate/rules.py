"""Who may pass a route: the rules, and the routes that cannot be written without one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from cxlib.declarations import SLUG
from cxlib.errors import ContractError

if TYPE_CHECKING:
    from tornado.web import RequestHandler

# Where a private link leads; its token follows.
OPEN_PATH: Final = "/open"

# What a page may load and do. The gate's own need no script at all; a route that needs more says so itself.
STRICT: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Rule(Enum):
    """Who may pass. There is no default: a route names one of these."""

    OPEN = "anybody"
    CLIENT = "a client who is in, whoever it is: the page shows their own"
    RUN = "a client whose published run the path names, or a facilitator of its engagement"
    KERNEL = "the session that started the kernel which the path names, while it may see the run"
    FACILITATOR = "a facilitator who is in"
    ENGAGEMENT = "a facilitator of the engagement that the path names"
    OPERATOR = "who bears the operator's token, or a facilitator"


# What may stand for a name in a path: each from a fixed alphabet, and none can climb.
ALPHABETS: Final[dict[str, str]] = {
    "run": r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}",
    "engagement": SLUG.strip("^$"),
    "file": r"report\.(?:html|pdf|docx|xlsx|pptx)|results\.json",
    "kernel": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "token": r"[A-Za-z0-9_-]{8,32}\.[A-Za-z0-9_-]{20,64}",
    "asset": r"[a-z0-9-]{1,64}\.[0-9a-f]{12}\.(?:css|js|woff2)",
    "chapter": r"[a-z]+(?:_[a-z]+)*",
    "version": r"[0-9a-f]{12}",
    # Of Voilà's front end: what its index holds, and nothing else (see frontend.py).
    "part": r"(?:@?[\w-][\w.-]*/)*[\w-][\w.-]*",
}
_NAME: Final = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class Route:
    """A path, what answers it, and who may ask.

    Attributes
    ----------
    name : of the route, for logs, metrics and links; no path ever stands in a log.
    path : with names in braces, each of :data:`ALPHABETS`.
    policy : the Content-Security-Policy of its answers.
    is_beacon : what is posted here comes from a script and not from a form of ours: it is held to its origin,
        and needs no form token.
    options : for the handler's `initialize`.

    Raises
    ------
    ContractError
        If it has no rule, or its path a name without an alphabet, or lacks what its rule asks about.
    """

    name: str
    path: str
    handler: type[RequestHandler]
    rule: Rule
    policy: str = STRICT
    is_beacon: bool = False
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __post_init__(self) -> None:
        names = _NAME.findall(self.path)
        if not isinstance(self.rule, Rule):
            raise ContractError(f"route {self.name} has no rule", fix="Say who may pass: one of Rule.")
        if unknown := [name for name in names if name not in ALPHABETS]:
            raise ContractError(
                f"route {self.name}: no alphabet for {', '.join(unknown)}", fix="Add it to ALPHABETS."
            )
        needed = {Rule.RUN: "run", Rule.ENGAGEMENT: "engagement", Rule.KERNEL: "kernel"}.get(self.rule)
        if needed and needed not in names:
            raise ContractError(
                f"route {self.name} is for {self.rule.value}, but its path names no {needed}",
                fix=f"Put {{{needed}}} into its path.",
            )

    def pattern(self, prefix: str = "") -> str:
        """Return the regular expression of the whole path below a prefix."""
        parts = _NAME.split(self.path)
        # Every second part is a name; the same one twice would be two groups of one name.
        body = "".join(
            f"(?P<{part}>{ALPHABETS[part]})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
        return re.escape(prefix) + body + r"\Z"

    def address(self, prefix: str = "", **names: str) -> str:
        """Write the path for given names.

        Raises
        ------
        ContractError
            If a name is not of its alphabet.
        """
        for name in _NAME.findall(self.path):
            if not re.fullmatch(ALPHABETS[name], names[name]):
                raise ContractError(f"route {self.name}: {names[name]!a} is no {name}")
        return prefix + self.path.format(**names)
