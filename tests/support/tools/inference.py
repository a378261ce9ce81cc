"""What yosys makes of memories, by itself."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import verilog

from hw.block_memory import BlockMemory
from sim.synthesis.tools import YOSYS, run_tool

Shape = tuple[int, int]  # depth, width


def memory_cells(folder: Path, shapes: Sequence[Shape], synthesis: str) -> dict[Shape, dict[str, int]]:
    """Number of cells by type of each memory after a command of yosys, in which {top} is its module."""
    script: list[str] = []
    names = {shape: f"memory_{shape[0]}_{shape[1]}" for shape in shapes}
    for (depth, width), name in names.items():
        text = verilog.convert(BlockMemory(depth=depth, width=width), name=name, emit_src=False)
        # Without its zeros: yosys takes minutes to read those of deep memories.
        (folder / f"{name}.v").write_text(re.sub(r"(?ms)^  initial begin.*?^  end\n", "", text))
        script += [
            f"read_verilog {name}.v",
            synthesis.format(top=name),
            f"tee -q -o {name}.json stat -json",
            "design -reset",
        ]
    (folder / "all.ys").write_text("\n".join(script))
    run_tool(YOSYS, ["-q", "-l", "all.log", "all.ys"], folder, "all.log")
    return {
        shape: json.loads((folder / f"{name}.json").read_text())["design"]["num_cells_by_type"]
        for shape, name in names.items()
    }
