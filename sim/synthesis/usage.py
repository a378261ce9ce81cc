"""How many lookup tables and block RAMs an array takes on a family of FPGAs, by synthesis, which is kept."""

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import hw
import model
from model.config import ArrayConfig
from model.errors import EieError
from sim import synthesis as own_package
from sim.cache import cache_folder, sources_digest
from sim.progress import Say
from sim.synthesis.family import Flow
from sim.synthesis.tools import YOSYS, check_tools, tool_versions
from sim.synthesis.yosys import synthesise, write_sources
from sw.files import read_whole, write_whole


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an array takes, as yosys counts it before placement, without what is around the array.

    luts : lookup tables of the family, carries and memories in lookup tables included (`Flow.cells`).
    block_rams : of the family's kind.
    """

    luts: int
    block_rams: int


def usage_key(config: ArrayConfig, flow: Flow) -> str:
    """A hash of all that the usage depends on: configuration, sources, tools, yosys's command."""
    content = {
        "array": config.fields_for("verilog"),
        "code": sources_digest((hw, model, own_package)),
        "tools": tool_versions(YOSYS),
        "synthesis": flow.synthesis,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def known_usage(key: str) -> Usage | None:
    """What an earlier synthesis found; None if there was none, or what it left cannot be read."""
    try:
        found = cast("dict[str, Any]", json.loads(read_whole(_file(key))))
        usage = Usage(luts=found["luts"], block_rams=found["block_rams"])
    except (EieError, OSError, ValueError, KeyError, TypeError):
        return None
    return usage if all(type(value) is int and value >= 0 for value in asdict(usage).values()) else None


def measure_usage(config: ArrayConfig, flow: Flow, say: Say = lambda _: None) -> Usage:
    """Synthesise the array unless that was done before; a minute or so. EieError without yosys, or if it fails."""
    key = usage_key(config, flow)
    known = known_usage(key)
    if known is not None:
        return known
    check_tools(YOSYS)
    with tempfile.TemporaryDirectory(prefix="eie-synthesis-") as temporary:
        folder = Path(temporary)
        found = synthesise(folder, write_sources(config, folder), flow, say)
    cells = config.pes * found.pe_total + found.shared_total
    usage = Usage(luts=cells.comb, block_rams=cells.block_rams)
    _file(key).parent.mkdir(parents=True, exist_ok=True)
    write_whole(_file(key), (json.dumps(asdict(usage)) + "\n").encode())
    return usage


def _file(key: str) -> Path:
    return cache_folder() / "synthesis" / f"{key}.json"
