"""Tcl that builds a Zynq-7000 block design around the packaged array in Vivado, DMA and all, up to the bitstream."""

from hw.ip_package.component import LIBRARY, VENDOR, version

LENGTH_BITS = 26  # of a DMA transfer: 64 MB, beyond any image
CLOCK_MHZ = 50  # asked of the processing system, which has whole dividers of its PLL

HEAD = """# A Zynq-7000 system around {top}: processing system, the array{with_dma}, resets, bitstream.
# It has been run in a Tcl shell with Vivado's commands replaced by ones that check them, never in Vivado.
#
#   vivado -mode batch -source {file} -tclargs ?PART? ?BOARD_PART? ?CLOCK_MHZ?
#
# PART: xc7z020clg400-1 (PYNQ-Z1, PYNQ-Z2) unless given. BOARD_PART: its preset configures memory and pins of the
# processing system. Without it they stay as by default: right under PYNQ, where the boot image has configured them.
# Afterwards DIR/eie.bit and DIR/eie.hwh, where DIR is this file's folder.
set here [file normalize [file dirname [info script]]]
set part [expr {{[llength $argv] > 0 ? [lindex $argv 0] : "xc7z020clg400-1"}}]
set board [expr {{[llength $argv] > 1 ? [lindex $argv 1] : ""}}]
set clock_mhz [expr {{[llength $argv] > 2 ? [lindex $argv 2] : {clock_mhz}}}]

create_project -force eie [file join $here vivado] -part $part
if {{$board ne ""}} {{
    set_property board_part $board [current_project]
}}
set_property ip_repo_paths [list $here] [current_project]
update_ip_catalog
create_bd_design eie_system

set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 processing_system7_0]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 -config [list make_external "FIXED_IO, DDR" \\
    apply_board_preset [expr {{$board ne "" ? 1 : 0}}]] $ps
set_property -dict [list CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $clock_mhz CONFIG.PCW_USE_M_AXI_GP0 1 \\
    CONFIG.PCW_USE_S_AXI_HP0 {hp} CONFIG.PCW_USE_FABRIC_INTERRUPT 1 CONFIG.PCW_IRQ_F2P_INTR 1] $ps
set eie [create_bd_cell -type ip -vlnv {vlnv} eie]
set resets [create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset resets]
set control [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect control]
set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI {controlled}] $control
set interrupts [create_bd_cell -type ip -vlnv xilinx.com:ip:xlconcat interrupts]
set_property CONFIG.NUM_PORTS {interrupts} $interrupts
"""

DMA = """
# Registers reach the DMA's streams; a scatter-gather engine is not needed: every packet is one transfer.
set dma [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma axi_dma_0]
set_property -dict [list CONFIG.c_include_sg 0 CONFIG.c_sg_length_width {length_bits} CONFIG.c_include_mm2s_dre 0 \\
    CONFIG.c_include_s2mm_dre 0 CONFIG.c_m_axi_mm2s_data_width {memory_bits} \\
    CONFIG.c_m_axi_s2mm_data_width {memory_bits} CONFIG.c_m_axis_mm2s_tdata_width {stream_bits}] $dma
set memory [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect memory]
set_property -dict [list CONFIG.NUM_SI 2 CONFIG.NUM_MI 1] $memory

connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXIS_MM2S] [get_bd_intf_pins eie/s_axis]
connect_bd_intf_net [get_bd_intf_pins eie/m_axis] [get_bd_intf_pins axi_dma_0/S_AXIS_S2MM]
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_MM2S] [get_bd_intf_pins memory/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_S2MM] [get_bd_intf_pins memory/S01_AXI]
connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] [get_bd_intf_pins processing_system7_0/S_AXI_HP0]
connect_bd_intf_net [get_bd_intf_pins control/M01_AXI] [get_bd_intf_pins axi_dma_0/S_AXI_LITE]
connect_bd_net [get_bd_pins axi_dma_0/mm2s_introut] [get_bd_pins interrupts/In1]
connect_bd_net [get_bd_pins axi_dma_0/s2mm_introut] [get_bd_pins interrupts/In2]
"""

TAIL = """
connect_bd_intf_net [get_bd_intf_pins processing_system7_0/M_AXI_GP0] [get_bd_intf_pins control/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins control/M00_AXI] [get_bd_intf_pins eie/s_axi]
connect_bd_net [get_bd_pins eie/interrupt] [get_bd_pins interrupts/In0]
connect_bd_net [get_bd_pins interrupts/dout] [get_bd_pins processing_system7_0/IRQ_F2P]

# One clock and one reset for everything.
connect_bd_net [get_bd_pins processing_system7_0/FCLK_CLK0] [get_bd_pins [list {clocks}]]
connect_bd_net [get_bd_pins processing_system7_0/FCLK_RESET0_N] [get_bd_pins resets/ext_reset_in]
connect_bd_net [get_bd_pins resets/peripheral_aresetn] [get_bd_pins [list {resets}]]

assign_bd_address
validate_bd_design
save_bd_design

set design [get_files eie_system.bd]
add_files -norecurse [make_wrapper -files $design -top]
set_property top eie_system_wrapper [current_fileset]
launch_runs impl_1 -to_step write_bitstream
wait_on_run impl_1
if {{[get_property PROGRESS [get_runs impl_1]] ne "100%"}} {{
    error "the implementation did not end: see [get_property DIRECTORY [get_runs impl_1]]"
}}
file copy -force [file join [get_property DIRECTORY [get_runs impl_1]] eie_system_wrapper.bit] [file join $here eie.bit]
set handoffs [glob -directory [file join $here vivado] eie.*/sources_1/bd/eie_system/hw_handoff/eie_system.hwh]
file copy -force [lindex $handoffs 0] [file join $here eie.hwh]
"""

CLOCKS = (
    "processing_system7_0/M_AXI_GP0_ACLK", "eie/aclk", "resets/slowest_sync_clk", "control/aclk"
)  # fmt: skip
RESETS = ("eie/aresetn", "control/aresetn")
DMA_CLOCKS = (
    "processing_system7_0/S_AXI_HP0_ACLK", "axi_dma_0/s_axi_lite_aclk", "axi_dma_0/m_axi_mm2s_aclk",
    "axi_dma_0/m_axi_s2mm_aclk", "memory/aclk",
)  # fmt: skip
DMA_RESETS = ("axi_dma_0/axi_resetn", "memory/aresetn")


def zynq_tcl(top: str, stream_bits: int | None, file: str) -> str:
    """The text of `file`; `stream_bits` None is an array without streams, which gets no DMA."""
    dma = stream_bits is not None
    head = HEAD.format(
        top=top,
        file=file,
        clock_mhz=CLOCK_MHZ,
        with_dma=" with its DMA" if dma else "",
        vlnv=f"{VENDOR}:{LIBRARY}:{top}:{version()}",
        hp=int(dma),
        controlled=2 if dma else 1,
        interrupts=3 if dma else 1,
    )
    middle = "" if stream_bits is None else DMA.format(
        length_bits=LENGTH_BITS, stream_bits=stream_bits, memory_bits=max(stream_bits, 32)
    )  # fmt: skip
    return head + middle + TAIL.format(
        clocks=_lines(CLOCKS + DMA_CLOCKS * dma), resets=_lines(RESETS + DMA_RESETS * dma)
    )  # fmt: skip


def _lines(pins: tuple[str, ...]) -> str:
    return " \\\n    ".join(pins)
