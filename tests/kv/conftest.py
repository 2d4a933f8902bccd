from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stores import BACKENDS


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
