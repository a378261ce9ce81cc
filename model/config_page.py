"""The fields of a configuration as docs/contract/configuration.md; ``python -m model.config_page`` prints the page."""

from dataclasses import MISSING, fields

from model.array_config import ArrayConfig
from model.config_fields import declaration

HEAD = """# Configuration of an array

`eie config` shows an array's fields; `--preset`, `--config FILE.toml`, `--pes` and `--set FIELD=VALUE` choose them. A
file holds the fields at top level; `preset = "eie64"` starts from a preset and the other keys change it. This page is
printed by `python -m model.config_page` from the declarations in `model/array_config.py`.

What a field changes: *image*, how a layer is laid out for the array, as long as its memories hold it; *cycles*, cycles
or events of loading and running, otherwise than by the image; *area*; *verilog*, the machine: images and drivers are
bound to these fields by a fingerprint (register CONFIG_HASH).

| field | default | values | unit | changes | what it is |
|---|---|---|---|---|---|
"""


def page() -> str:
    """The whole page, Markdown."""
    lines: list[str] = []
    for item in fields(ArrayConfig):
        known = declaration(item)
        default = "" if item.default is MISSING else str(item.default).lower()
        influences = [name for name in ("image", "cycles", "area", "verilog") if name in known.influences]
        cells = [f"`{item.name}`", default, known.values, known.unit, ", ".join(influences), known.meaning]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    print(page(), end="")
