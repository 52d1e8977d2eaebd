"""The local folder: batch files, staging, the keys that turn ids into pseudonyms, the gate's secrets.

A file is on disk, and its folder knows it, before a row of the database says that it exists. The other
way round a crash could leave a row without its file; this way it leaves at worst a file without a row.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cxlib.errors import StoreError

KEY_BYTES = 32
_CHUNK = 1 << 20


class LocalFolder:
    """`data/local/` and what lies in it.

    Parameters
    ----------
    root
        The folder; made, for this user alone, where it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staging = root / "staging"
        self.batches = root / "batches"
        self.keys = root / "keys"

    def create(self) -> None:
        """Make the folders, private to this user."""
        with disk_errors(self.root):
            self.root.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self.root, self.staging, self.batches, self.keys):
                folder.mkdir(mode=0o700, exist_ok=True)

    # ── Keys ────────────────────────────────────────────────────────────────────────────────────

    def key_path(self, slug: str) -> Path:
        return self.keys / f"{slug}.key"

    def make_key(self, slug: str) -> None:
        """Make an engagement's key. One that is there already is kept: it may be all that is left."""
        final = self.key_path(slug)
        if final.exists():
            self.read_key(slug)
            return
        with disk_errors(final):
            _drawn_beside(final).replace(final)
            sync_folder(self.keys)

    def read_key(self, slug: str) -> bytes:
        """Return the 32 bytes of an engagement's key.

        Raises
        ------
        StoreError
            If the file is missing or is not a key.
        """
        path = self.key_path(slug)
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = b""
        except OSError as error:
            raise _refused(path, error) from None
        if len(key) != KEY_BYTES:
            state = "is damaged" if path.exists() else "is missing"
            raise StoreError(
                f"the key of {slug} {state}; without it the same person would get another pseudonym",
                fix=f"Restore {path} from a backup, or from the machine where {slug} was created.",
            )
        return key

    # ── The gate's secrets ──────────────────────────────────────────────────────────────────────

    def secret(self, name: str) -> bytes:
        """Return 32 secret bytes of the gate's, made on first use, for this user's eyes alone.

        Raises
        ------
        StoreError
            If the file is damaged, or the folder refuses it.
        """
        final = self.root / "gate" / f"{name}.key"
        with disk_errors(final):
            if not final.exists():
                final.parent.mkdir(mode=0o700, exist_ok=True)
                temporary = _drawn_beside(final)
                # By a link and not by a rename: of two processes that begin together, one makes it for both.
                with suppress(FileExistsError):
                    os.link(temporary, final)
                temporary.unlink()
                sync_folder(final.parent)
            key = final.read_bytes()
        if len(key) != KEY_BYTES:
            raise StoreError(f"{final} is damaged", fix="Restore it from a backup.")
        return key

    # ── Batch files ─────────────────────────────────────────────────────────────────────────────

    def relative_batch_path(self, slug: str, batch_id: str) -> str:
        return f"batches/{slug}/{batch_id}.parquet"

    def take_in(self, staged: Path, relative: str) -> None:
        """Move a staged file to its place, with file and folders on disk when it returns."""
        final = self.root / relative
        with disk_errors(final):
            sync_file(staged)
            if not final.parent.exists():
                final.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(final.parent.parent)
            staged.replace(final)
            sync_folder(final.parent)
            sync_folder(staged.parent)

    def put_back(self, relative: str, staged: Path) -> None:
        """Undo `take_in` after a refusal; what cannot be put back is swept as an orphan later."""
        with suppress(OSError):
            (self.root / relative).replace(staged)

    def remove(self, relative: str) -> None:
        """Remove a file that no row needs; what cannot be removed is swept as an orphan later."""
        with suppress(OSError):
            (self.root / relative).unlink(missing_ok=True)

    def loose(self, referenced: set[str], *, older_than_seconds: float) -> list[Path]:
        """List staged files, batch files without a row and half-made keys, if not touched lately."""
        before = time.time() - older_than_seconds
        with disk_errors(self.root):
            candidates = [
                *(path for path in self.staging.rglob("*") if path.is_file()),
                *(
                    path
                    for path in self.batches.rglob("*")
                    if path.is_file() and path.relative_to(self.root).as_posix() not in referenced
                ),
                *self.keys.glob(".*.tmp"),
            ]
            return sorted(path for path in candidates if path.stat().st_mtime <= before)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file of any size, in hexadecimal."""
    digest = hashlib.sha256()
    with disk_errors(path), path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sync_file(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    if os.name == "nt":
        # Windows cannot open a folder to flush it; its file system journals renames by itself.
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one sentence and a next move."""
    try:
        yield
    except OSError as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot use {path}: {error.strerror or error}",
        fix="Give this user the right to write there, free some space, or set CX_HOME to another folder.",
    )


def _drawn_beside(final: Path) -> Path:
    """Draw a key into a file beside its final place, for this user's eyes alone, and safe on disk."""
    temporary = final.with_name(f".{final.stem}.{secrets.token_hex(4)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(KEY_BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    return temporary
