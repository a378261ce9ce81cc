"""docs/contract/registers.md is what the register map gives."""

from pathlib import Path

from hw.register_page import register_page


def test_the_page_is_generated():
    page = Path(__file__).parents[2] / "docs" / "contract" / "registers.md"
    assert page.read_text() == register_page(), "run: python -m hw.register_page > docs/contract/registers.md"
