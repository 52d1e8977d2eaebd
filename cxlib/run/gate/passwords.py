"""Facilitators' passwords: hashed by Argon2id with its library's own settings, and held to a length alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cxlib.errors import SettingsError

# Length is what guessing fails on (NIST SP 800-63B, 2024, 5.1.1.2); the upper bound is for the hash's time.
SHORTEST, LONGEST = 12, 256
_hasher: Final = PasswordHasher()


def hashed(password: str) -> str:
    """Return a password's hash.

    Raises
    ------
    SettingsError
        If it is too short, or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise SettingsError(
            f"the password has {len(password)} characters; expected {SHORTEST} to {LONGEST}",
            fix="Take a sentence, or what a password manager makes.",
        )
    return _hasher.hash(password)


def is_right(known: str | None, password: str) -> bool:
    """Tell whether a password is the one of a hash; without a hash it takes as long, and is not."""
    try:
        return _hasher.verify(known or _nobodys(), password) and known is not None
    except (VerificationError, InvalidHashError):
        return False


def is_weak(known: str) -> bool:
    """Tell whether a hash was made with older settings than a new one would be."""
    return _hasher.check_needs_rehash(known)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash("nobody has this one")
