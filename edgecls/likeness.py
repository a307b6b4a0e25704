"""How alike two pictures are: what shows near-duplicates among those that are kept."""

from __future__ import annotations
