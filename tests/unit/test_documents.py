"""The pages that are made from the code say what the code says."""

import pytest

from tests.kit.documents import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    """A page differs from the code nowhere; `python -m tests.kit.documents` writes it anew."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name]()
