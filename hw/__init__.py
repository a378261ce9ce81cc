"""The machine in Amaranth, one unit per file, written from the contract in `model` (config, layouts, registers)."""
