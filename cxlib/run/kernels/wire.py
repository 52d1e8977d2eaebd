"""How a client and the kernels' parent talk: length-prefixed JSON and descriptors over a private socket.

A message is four bytes of length (big-endian), then that many bytes of JSON, an object. Descriptors travel
with its first byte (SCM_RIGHTS). Both ends ask the operating system who the other one is.

    client → parent   {"argv", "cwd", "env", "memory", "tied"}   + stdin, stdout, stderr, client's own pidfd
    client → parent   {"stay": true}                             for as long as the connection is held
    parent → client   {"pid"}                                    + the kernel's pidfd; or {"refused": why}
    kernel → client   {"ready": true}                            its sockets are bound; even before its pid
    parent → client   {"exit": code}                             as `Popen.returncode` has it
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

MOST_BYTES = 1 << 20
MOST_FDS = 4
_LENGTH = struct.Struct(">I")
_PEER = struct.Struct("3i")


class WireError(Exception):
    """The other end hung up, is somebody else, or says what no end of ours would say."""


def send(connection: socket.socket, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one message and, with it, descriptors; they stay open here."""
    body = json.dumps(message).encode()
    if len(body) > MOST_BYTES:
        raise WireError(f"a message of {len(body):,} bytes; expected at most {MOST_BYTES:,}")
    whole = _LENGTH.pack(len(body)) + body
    try:
        # Without a signal where the other end is gone.
        sent = socket.send_fds(connection, [whole], fds, socket.MSG_NOSIGNAL)
        connection.sendall(whole[sent:], socket.MSG_NOSIGNAL)
    except OSError as error:
        raise WireError(f"the other end is gone: {error.strerror or error}") from error


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Wait for one message; the descriptors that came with it are the caller's to close.

    Raises
    ------
    WireError
        If the other end hung up, took longer than the connection's timeout, or sent anything else.
    """
    fds: list[int] = []
    try:
        head, fds, _flags, _address = socket.recv_fds(connection, _LENGTH.size, MOST_FDS)
        (length,) = _LENGTH.unpack(head + _exactly(connection, _LENGTH.size - len(head)))
        if length > MOST_BYTES:
            raise WireError(f"a message of {length:,} bytes; expected at most {MOST_BYTES:,}")
        message = json.loads(_exactly(connection, length))
        if not isinstance(message, dict):
            raise WireError("a message that is no object")
    except (OSError, ValueError, WireError) as error:
        for fd in fds:
            os.close(fd)
        raise error if isinstance(error, WireError) else WireError(str(error)) from error
    return message, fds


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = connection.recv(length)
        if not part:
            raise WireError("the other end hung up")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def is_own(connection: socket.socket) -> bool:
    """Is the process at the other end one of this user's? The system says so, not that process."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _pid, uid, _gid = _PEER.unpack(raw)
    return uid == os.geteuid()
