"""Brings what is generated in README.md and docs/ up to date, or says which of it is stale.

Run: ``python -m benchmarks.pages`` runs every command again whose output a page shows, and writes the pages;
``--check`` writes nothing and names the stale pages; ``--page NAME`` takes only pages whose path contains NAME.
Cog (Ned Batchelder's cogapp) runs what stands in the pages between ``[[[cog`` and ``]]]``.
"""

import argparse
import sys
from pathlib import Path

from cogapp import Cog

from benchmarks.pages import picture

ROOT = Path(__file__).parents[2]
# Cog's one import for all blocks: a page names its commands and nothing else.
PROLOGUE = "from benchmarks.pages.blocks import commands, figures, output, show, summary"


def main() -> int:
    """Write or check; 1 if something is stale."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description="The generated parts of the pages.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a page is stale")
    parser.add_argument("--page", default="", help="only pages whose path contains this")
    options = parser.parse_args()
    stale: list[str] = []
    for page in pages():
        name = str(page.relative_to(ROOT))
        if options.page in name:
            print(f"{name} ..", file=sys.stderr)
            if not up_to_date(page, check=options.check):
                stale.append(name)
    if options.page in picture.NAME and not picture.up_to_date(check=options.check):
        stale.append(picture.NAME)
    for name in stale:
        print(f"{name} is not what its commands print now: python -m benchmarks.pages", file=sys.stderr)
    return 1 if stale else 0


def pages() -> list[Path]:
    """The pages with generated blocks, in the order in which they are made."""
    found = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if "[[[cog" in page.read_text()]


def up_to_date(page: Path, *, check: bool) -> bool:
    """Run the page's blocks; with `check`, whether they print what the page says, else they are written into it."""
    mode = ["--check"] if check else ["-r"]
    code = Cog().main(["cog", *mode, "-I", str(ROOT), "-P", "-p", PROLOGUE, "--verbosity", "0", str(page)])
    if code not in (0, 5):  # 5: --check found a difference
        raise SystemExit(f"error: a block of {page.name} failed")
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
