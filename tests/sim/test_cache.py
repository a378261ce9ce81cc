"""sim/cache.py: where the cache is, and a digest that follows the sources."""

from pathlib import Path
from types import ModuleType

import pytest

from sim.cache import cache_folder, sources_digest


def test_the_folder_is_the_chosen_one_or_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIE_CACHE", "/somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/users")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("EIE_CACHE")
    assert cache_folder() == Path("/users/eie")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "eie"


def test_the_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    def digest(folder: str, **files: str) -> str:
        package = ModuleType(folder)
        package.__file__ = str(tmp_path / folder / "mine" / "__init__.py")
        Path(package.__file__).parent.mkdir(parents=True)
        for name, text in files.items():
            (Path(package.__file__).parent / f"{name}.py").write_text(text)
        return sources_digest((package,))

    first = digest("one", a="x = 1\n", b="")
    assert digest("two", a="x = 1\n", b="") == first
    assert digest("three", a="x = 2\n", b="") != first
    assert digest("four", a="x = 1\n", c="") != first
