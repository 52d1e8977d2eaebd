"""What is signed: links, session cookies and form tokens, each with a salt of its own.

A link's token carries an id and a nonce; the store keeps a digest of it. A cookie carries a random number,
and its digest stands for the session. So neither the store nor a log holds what would open anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadSignature, Signer

_LINK, _COOKIE, _FORM = "cx.gate.link", "cx.gate.cookie", "cx.gate.form"
# No I, l, O or 0: an id of a link is read out on the telephone.
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
ID_LENGTH: Final = 8


@dataclass(frozen=True)
class Minted:
    """A new link: its id, its token, and the digest that the store keeps."""

    id: str
    token: str
    digest: str


class Signatures:
    """Signs and reads with the gate's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _signer(self, salt: str) -> Signer:
        return Signer(self._secret, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)

    def mint(self) -> Minted:
        """Make a link's token: 128 random bits behind an id, signed."""
        id_ = "".join(secrets.choice(_LETTERS) for _ in range(ID_LENGTH))
        token = self._signer(_LINK).sign(id_ + secrets.token_urlsafe(16)).decode()
        return Minted(id_, token, digest_of(token))

    def read_link(self, token: str) -> tuple[str, str] | None:
        """Return a token's id and digest; None where we did not sign it."""
        signed = self._unsigned(_LINK, token)
        return (signed[:ID_LENGTH], digest_of(token)) if signed else None

    def cookie(self) -> tuple[str, str]:
        """Return a new cookie, and the digest that stands for it."""
        cookie = self._signer(_COOKIE).sign(secrets.token_urlsafe(24)).decode()
        return cookie, digest_of(cookie)

    def read_cookie(self, cookie: str | None) -> str:
        """Return the digest that stands for a cookie; "" where we did not sign it."""
        return digest_of(cookie) if cookie and self._unsigned(_COOKIE, cookie) else ""

    def form_token(self, session: str) -> str:
        """Return what a form of this session has to bring back."""
        return self._signer(_FORM).get_signature(session).decode()

    def is_form_token(self, session: str, given: str) -> bool:
        return bool(session) and hmac.compare_digest(self.form_token(session).encode(), given.encode())

    def _unsigned(self, salt: str, text: str) -> str:
        try:
            return self._signer(salt).unsign(text).decode()
        except (BadSignature, UnicodeError):
            return ""


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
