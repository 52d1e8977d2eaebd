"""The arithmetic under the tally: Arrow columns to answer codes, codes to counts and moments.

Pure functions on arrays, exact throughout. An answer's code is its place in `ItemScale.answers`:
0 blank, 1 not applicable, 2 don't know, 3 the lowest level and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cxlib.batchfile import is_text
from cxlib.errors import ContractError, Problem, nearest
from cxlib.frames import NOT_STATED, UNSCORED, ItemScale

Counts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]
Key: TypeAlias = tuple[str, ...]
Batches: TypeAlias = pa.RecordBatch | pa.Table | Iterable[pa.RecordBatch | pa.Table]
# The keys of the cells in a slice of respondents, the cell of each respondent, codes [items, rows].
Slice: TypeAlias = tuple[list[Key], Places, Codes]

# Small enough that its codes stay near the processor, large enough that calling numpy costs little.
SLICE_ROWS: Final = 1 << 17

# As many items are counted at once as their joint code has bins for: fewer passes over the answers,
# in tables that still lie in the processor's cache.
JOINT_BINS: Final = 1 << 14
# Planes of one window of respondents stay in the cache, and 64 bits a word add up within uint16.
WINDOW_WORDS: Final = 1000


# --------------------------------------------------------------------------------------- columns


def check_columns(batch: pa.RecordBatch, items: Sequence[ItemScale], dims: Iterable[str]) -> None:
    """Refuse a batch whose columns cannot be items or dimensions, naming every such column.

    Raises
    ------
    ContractError
        For columns that are missing, items that are not whole numbers, dimensions that are not text.
    """
    needs: list[tuple[str, Callable[[pa.DataType], bool], str]] = [
        *((dim, is_text, "text") for dim in dims),
        *((item.item, _is_whole, "whole numbers, best int8") for item in items),
    ]
    problems = []
    for name, is_fit, expected in needs:
        at = batch.schema.get_field_index(name)
        if at < 0:
            near = (
                nearest(name, batch.schema.names) if name not in batch.schema.names else "; it is there twice"
            )
            problems.append(Problem(f"column {name}", f"missing{near}", expected=expected))
        elif not is_fit(batch.schema.field(at).type):
            kind = str(batch.schema.field(at).type)
            problems.append(Problem(f"column {name}", "wrong kind", found=kind, expected=expected))
    if problems:
        raise ContractError(
            "answers cannot be tallied: columns break the contract",
            problems=problems,
            fix="Cast items to int8 with null for blank, and dimensions to text, before tallying.",
        )


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_null(kind))


def text_codes(column: pa.Array, known: dict[str, int]) -> Places:
    """Code a dimension by `known`, which grows by the texts that are new; null is not stated."""
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    # "" in a frame means that a group is not cut by the dimension, so no group may be called so.
    texts = [text or NOT_STATED for text in column.dictionary.to_pylist()]
    indices = column.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(len(texts))
        texts.append(NOT_STATED)
    codes = np.array([known.setdefault(text, len(known)) for text in texts], np.intp)
    places: Places = codes[indices.to_numpy()]
    return places


def as_int8(column: pa.Array, item: ItemScale, first_row: int) -> pa.Array:
    """Narrow a column of whole numbers to int8.

    Raises
    ------
    ContractError
        If a value fits no scale at all.
    """
    if column.type == pa.int8():
        return column
    try:
        return column.cast(pa.int8())
    except pa.ArrowInvalid:
        raise _refusal(column, item, first_row) from None


def answer_codes(column: pa.Array, item: ItemScale, out: Codes, first_row: int) -> None:
    """Write the codes of an int8 column to `out`.

    Raises
    ------
    ContractError
        If a value lies outside the item's scale.
    """
    validity, data = column.buffers()
    rows, offset = len(column), column.offset
    # Bytes in signed order, 0 the least. Subtracting the gap between the unscored codes and the
    # lowest level would lay it over the levels; turned round the ring of 256, it ends above them.
    np.bitwise_xor(np.frombuffer(data, np.uint8, rows, offset), np.uint8(128), out=out)
    is_scored = out >= np.uint8(item.low + 128)
    is_past = out >= np.uint8(len(UNSCORED))
    out += is_past.view(np.uint8) * np.uint8(128 - item.low)
    out += is_scored.view(np.uint8) * np.uint8(len(UNSCORED))
    if column.null_count:
        skip = offset % 8
        bits = np.frombuffer(validity, np.uint8)[offset // 8 : (offset + rows + 7) // 8]
        # Whatever lies under a null becomes 0, the code of a blank.
        out *= np.unpackbits(bits, bitorder="little")[skip : skip + rows]
    if rows and out.max() >= len(item.answers):
        raise _refusal(column, item, first_row)


def _refusal(column: pa.Array, item: ItemScale, first_row: int) -> ContractError:
    known = set(item.answers)
    wrong = [
        (row, x) for row, x in enumerate(column.to_pylist(), first_row) if x is not None and x not in known
    ]
    row, value = wrong[0]
    expected = f"{item.low}…{item.high}, null for blank, -127 not applicable, -126 don't know"
    return ContractError(
        f"{item.item}: value {value} in row {row}; expected {expected}",
        problems=[
            Problem(f"row {row}, item {item.item}", "off the scale", str(value), expected, row, item.item)
            for row, value in wrong[:100]
        ],
        fix="Map the answers to the item's scale first; nothing was counted.",
    )


# ---------------------------------------------------------------------------------------- slices


def slices(
    batches: Batches, items: Sequence[ItemScale], dims: Key, constants: Mapping[str, str]
) -> Iterator[Slice]:
    """Cut Arrow batches into slices of respondents, with answers coded and cells named.

    Raises
    ------
    ContractError
        If a column is missing or of the wrong kind, or a value lies outside its item's scale.
    """
    texts: dict[str, dict[str, int]] = {dim: {} for dim in dims if dim not in constants}
    first = 0
    for batch in _record_batches(batches):
        check_columns(batch, items, texts)
        parts = [text_codes(batch.column(dim), known) for dim, known in texts.items()]
        names = {dim: list(known) for dim, known in texts.items()}
        columns = [as_int8(batch.column(item.item), item, first) for item in items]
        for start in range(0, batch.num_rows, SLICE_ROWS):
            rows = min(SLICE_ROWS, batch.num_rows - start)
            codes = np.empty((len(items), rows), np.uint8)
            for item, column, out in zip(items, columns, codes, strict=True):
                answer_codes(column.slice(start, rows), item, out, first + start)
            sizes = [len(known) for known in names.values()]
            found, local = cells([part[start : start + rows] for part in parts], sizes, rows)
            held = {dim: [constant] * len(found) for dim, constant in constants.items()}
            for (dim, known), column in zip(names.items(), found.T.tolist(), strict=True):
                held[dim] = [known[code] for code in column]
            yield list(zip(*(held[dim] for dim in dims), strict=True)), local, codes
        first += batch.num_rows


def _record_batches(batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in [batches] if isinstance(batches, pa.RecordBatch | pa.Table) else batches:
        yield from batch.to_batches() if isinstance(batch, pa.Table) else [batch]


# ---------------------------------------------------------------------------------------- counts


def cells(codes: Sequence[Places], sizes: Sequence[int], rows: int) -> tuple[Places, Places]:
    """Find the non-empty cells of several dimensions.

    Returns
    -------
    The codes of each cell, [cells, dimensions], and the cell of each row, [rows].
    """
    found, local = np.zeros((1, 0), np.intp), np.zeros(rows, np.intp)
    for code, size in zip(codes, sizes, strict=True):
        joint, bins = local * size + code, len(found) * size
        if bins <= rows:
            seen = np.flatnonzero(np.bincount(joint, minlength=bins))
            place = np.zeros(bins, np.intp)
            place[seen] = np.arange(len(seen))
            local = place[joint]
        else:
            seen, local = np.unique(joint, return_inverse=True)
        found = np.column_stack([found[seen // size], seen % size])
    return found, local


def count(codes: Codes, local: Places, groups: int, widths: Sequence[int]) -> Counts:
    """Count [items, rows] codes in each group; columns [groups, Σ widths], item by item."""
    parts: list[Counts] = []
    narrow = local.astype(np.uint16) if groups <= JOINT_BINS else local
    first = 0
    while first < len(widths):
        shape, last = [groups, widths[first]], first + 1
        while last < len(widths) and prod(shape) * widths[last] <= JOINT_BINS:
            shape.append(widths[last])
            last += 1
        bins = prod(shape)
        joint = (narrow if bins <= 1 << 16 else local) * widths[first] + codes[first]
        for width, code in zip(widths[first + 1 : last], codes[first + 1 : last], strict=True):
            joint *= width
            joint += code
        table = np.bincount(joint, minlength=bins)
        for width in shape[1:]:
            table = table.reshape(groups, width, -1)
            parts.append(table.sum(axis=2))
            table = table.sum(axis=1)
        first = last
    return np.concatenate([np.zeros((groups, 0), np.int64), *parts], axis=1)


# --------------------------------------------------------------------------------------- moments


def add_moments(sums: Counts, codes: Codes, group: Places, levels: int) -> None:
    """Add the cross-moments of a block of respondents to `sums`, in whole numbers throughout.

    Every item becomes planes of bits: one says who stands on its scale, the others hold the binary
    digits of how far above the lowest level. A moment is a weighted sum of how many bits two planes
    share. (Matrix products are as fast on an idle machine, but their threads wait on one another:
    on a busy one they took ten times as long.)

    Parameters
    ----------
    sums
        [n s q, groups, items, items]; `on_scale` turns them into moments of the values.
    codes
        [items, rows].
    group
        [rows], places in `sums`.
    levels
        Of the longest scale.
    """
    items, rows = codes.shape
    # A radix sort serves 16-bit keys only.
    order = np.argsort(group.astype(np.uint16) if sums.shape[1] <= 1 << 16 else group, kind="stable")
    present, sizes = np.unique(group, return_counts=True)
    # Every group begins a new word; the bits that are left over are those of a blank at the end.
    words = -(-sizes // 64)
    first_words, first_rows = np.cumsum(words) - words, np.cumsum(sizes) - sizes
    source = np.full(64 * words.sum(), rows, np.intp)
    source[np.arange(rows) + np.repeat(64 * first_words - first_rows, sizes)] = order
    codes = np.concatenate([codes, np.zeros((items, 1), np.uint8)], axis=1)
    of_word = np.repeat(present, words)
    for start in range(0, len(of_word), WINDOW_WORDS):
        within = of_word[start : start + WINDOW_WORDS]
        edges = np.flatnonzero(np.diff(within, prepend=-1))
        planes = _bit_planes(
            codes, source[64 * start : 64 * (start + len(within))], (levels - 1).bit_length()
        )
        sums[:, within[edges]] += _shared_bits(planes, edges).transpose(0, 3, 1, 2)


def _bit_planes(codes: Codes, rows: Places, digits: int) -> npt.NDArray[np.uint64]:
    """Return [items, 1 + digits, words]: on the scale or not, then the digits above its lowest level."""
    planes = np.empty((len(codes), 1 + digits, len(rows) // 8), np.uint8)
    for code, plane in zip(codes, planes, strict=True):
        code = code.take(rows)
        is_scored = code >= np.uint8(len(UNSCORED))
        code -= np.uint8(len(UNSCORED))
        code *= is_scored
        plane[0] = np.packbits(is_scored)
        for digit in range(digits):
            plane[1 + digit] = np.packbits(code & np.uint8(1 << digit))
    return planes.view(np.uint64)


def _shared_bits(planes: npt.NDArray[np.uint64], edges: Places) -> Counts:
    """Return n, s, q as [3, items, items, groups]; groups begin at the words `edges`."""
    items, depth, words = planes.shape
    weights = (1 << np.arange(depth - 1)).astype(np.int64)
    n, s, q = out = np.zeros((3, items, items, len(edges)), np.int64)
    both = np.empty((depth, items, depth, words), np.uint64)
    bits = np.empty(both.shape, np.uint8)
    for i in range(items):
        np.bitwise_and(planes[i][:, None, None, :], planes[i:], out=both[:, i:])
        np.bitwise_count(both[:, i:], out=bits[:, i:])
        shared = np.add.reduceat(bits[:, i:], edges, axis=3, dtype=np.uint16).astype(np.int64)
        n[i, i:] = n[i:, i] = shared[0, :, 0]
        s[i, i:] = np.einsum("d,djg->jg", weights, shared[1:, :, 0])
        s[i:, i] = np.einsum("e,jeg->jg", weights, shared[0, :, 1:])
        q[i, i:] = q[i:, i] = np.einsum("d,e,djeg->jg", weights, weights, shared[1:, :, 1:])
    return out


def on_scale(sums: Sequence[Counts], items: Sequence[ItemScale]) -> tuple[Counts, Counts, Counts]:
    """Turn moments n, s, q of the distances above the lowest level into moments of the values."""
    n, s, q = sums
    base = np.array([item.low for item in items], np.int64)
    of_i, of_j = base[:, None], base[None, :]
    return n, s + n * of_i, q + s * of_j + s.transpose(0, 2, 1) * of_i + n * (of_i * of_j)
