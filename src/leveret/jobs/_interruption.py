"""Ctrl-C in a job: it stops, and says what is kept."""

from __future__ import annotations

__all__ = ["JobInterrupted"]


class JobInterrupted(KeyboardInterrupt):
    """A job was stopped by Ctrl-C; the message says what is kept and how to go on."""
