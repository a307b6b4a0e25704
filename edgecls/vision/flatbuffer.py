"""Reading flatbuffers with every step checked.

The `flatbuffers` package checks no bounds, and tflite-runtime dies with SIGSEGV on most files that
were cut off: nothing in this module reads outside the bytes, whatever they say.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

_STRUCTS = {code: struct.Struct("<" + code) for code in "bBhHiIqQf"}


class DamagedError(ValueError):
    """The bytes are no whole flatbuffer; the message says what does not fit."""


class Flat:
    """The bytes of one flatbuffer."""

    __slots__ = ("data", "size")

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data
        self.size = len(data)

    def root(self, identifier: bytes) -> Table:
        """The first table; the file must carry the identifier of its format."""
        if bytes(self.data[4:8]) != identifier:
            raise DamagedError(f"it lacks the identifier {identifier.decode()}")
        return Table(self, self.follow(0))

    def number(self, code: str, at: int) -> Any:
        """One number in the notation of `struct`, aligned as C++ code expects it."""
        form = _STRUCTS[code]
        if at < 0 or at + form.size > self.size or at % form.size:
            raise DamagedError(f"a value at byte {at} of {self.size} is misplaced")
        return form.unpack_from(self.data, at)[0]

    def follow(self, at: int) -> int:
        """Where the offset that stands at `at` leads."""
        offset = self.number("I", at)
        if not 0 < offset < self.size - at:
            raise DamagedError(f"the offset at byte {at} leads outside")
        return at + int(offset)

    def span(self, at: int, item: int) -> tuple[int, int]:
        """(first byte, count) of the vector of items of so many bytes that `at` leads to."""
        start = self.follow(at)
        count = int(self.number("I", start))
        start += 4
        if count * item > self.size - start or (count and start % min(item, 8)):
            raise DamagedError(f"a list of {count} at byte {start} does not fit")
        return start, count


class Table:
    """A table of a flatbuffer; fields are asked for by their number in the schema."""

    __slots__ = ("_at", "_fields", "_flat")

    def __init__(self, flat: Flat, at: int) -> None:
        vtable = at - flat.number("i", at)
        length = flat.number("H", vtable)
        inline = flat.number("H", vtable + 2)
        if length < 4 or length % 2 or vtable + length > flat.size or at + inline > flat.size:
            raise DamagedError(f"the table at byte {at} does not fit")
        self._flat = flat
        self._at = at
        self._fields = struct.unpack_from(f"<{length // 2 - 2}H", flat.data, vtable + 4)
        if self._fields and max(self._fields) >= inline:
            raise DamagedError(f"the table at byte {at} has fields outside itself")

    def number(self, field: int, code: str, default: float = 0) -> Any:
        """A number in the notation of `struct`, or the default of the schema."""
        at = self._place(field)
        return self._flat.number(code, at) if at else default

    def table(self, field: int) -> Table | None:
        """The table that the field leads to."""
        at = self._place(field)
        return Table(self._flat, self._flat.follow(at)) if at else None

    def tables(self, field: int) -> list[Table]:
        """The tables of a list; empty where there is none."""
        at = self._place(field)
        if not at:
            return []
        flat = self._flat
        start, count = flat.span(at, 4)
        return [Table(flat, flat.follow(start + 4 * index)) for index in range(count)]

    def numbers(self, field: int, code: str) -> Sequence[Any]:
        """The numbers of a list; empty where there is none."""
        at = self._place(field)
        if not at:
            return ()
        start, count = self._flat.span(at, _STRUCTS[code].size)
        return struct.unpack_from(f"<{count}{code}", self._flat.data, start)

    def text(self, field: int) -> str | None:
        """A string; bytes that are no UTF-8 are replaced."""
        at = self._place(field)
        if not at:
            return None
        start, count = self._flat.span(at, 1)
        if start + count >= self._flat.size or self._flat.data[start + count]:
            raise DamagedError(f"the text at byte {start} has no end")
        return str(self._flat.data[start : start + count], "utf-8", "replace")

    def span(self, field: int) -> tuple[int, int]:
        """(first byte, count) of a list of bytes; (0, 0) where there is none."""
        at = self._place(field)
        return self._flat.span(at, 1) if at else (0, 0)

    def _place(self, field: int) -> int:
        """The byte where the field lies, 0 where it is left out."""
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._at + offset if offset else 0
