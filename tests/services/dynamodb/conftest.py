"""Properties are tested without a deadline: a busy machine takes its time over an example."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
