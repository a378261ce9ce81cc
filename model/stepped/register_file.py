"""Register file: the host's view of the array, `READ_LATENCY` cycles from address to data."""

from collections.abc import Sequence

from model.config import ArrayConfig
from model.layouts import RUNNING_STATES, ControlState
from model.registers import ADDRESS, ID_VALUE, PeCounter
from model.stepped.controller import Controller
from model.stepped.loader import Loader
from model.stepped.processing_element import ProcessingElement
from model.stepped.signals import Inputs

UNLOAD_STATES = (ControlState.UNLOAD_0, ControlState.UNLOAD_1, ControlState.UNLOAD)


class RegisterFile:
    """A value read is the one the register has in the cycle after its address."""

    def __init__(
        self, config: ArrayConfig, loader: Loader, controller: Controller, pes: Sequence[ProcessingElement]
    ) -> None:
        self._config = config
        self._loader = loader
        self._controller = controller
        self._pes = pes
        self._select_mask = (1 << max(1, (config.pes - 1).bit_length())) - 1
        self.reset()

    def reset(self) -> None:
        self.pe_select = 0
        self.read_data = 0
        self._address = 0
        self._next_data = 0
        self._next_address = 0
        self._next_select = 0

    @staticmethod
    def is_start(inputs: Inputs) -> bool:
        """The start strobe, in the cycle of the write."""
        return bool(inputs.reg_write and inputs.reg_address == ADDRESS["CONTROL"] and inputs.reg_write_data & 1)

    def value(self, address: int) -> int:
        """What a register holds now; addresses without a readable register hold 0."""
        config, loader, controller = self._config, self._loader, self._controller
        counter = address - ADDRESS[f"PE_{PeCounter.ENTRIES.name}"]
        if 0 <= counter < len(PeCounter):
            present = config.pe_counters and self.pe_select < config.pes
            return self._pes[self.pe_select].counters[counter] if present else 0
        if address == ADDRESS["ID"]:
            return ID_VALUE
        if address == ADDRESS["CONFIG"]:
            return config.pes | config.code_bits << 16 | config.index_bits << 20
        if address == ADDRESS["STATUS"]:
            return self._status()
        values = {
            ADDRESS["LAYERS"]: loader.loaded_layers,
            ADDRESS["CYCLES"]: controller.cycles,
            ADDRESS["BROADCASTS"]: controller.broadcasts,
            ADDRESS["STALLS"]: controller.stalls,
            ADDRESS["PE_SELECT"]: self.pe_select,
        }
        return values.get(address, 0)

    def _status(self) -> int:
        state = self._controller.state
        return (
            self._loader.waits
            | (state in RUNNING_STATES) << 1
            | (state in UNLOAD_STATES) << 2
            | self._controller.done << 3
            | any(pe.arithmetic_unit.overflow for pe in self._pes) << 4
            | self._loader.error << 8
        )

    def compute(self, inputs: Inputs) -> None:
        self._next_data = self.value(self._address)
        self._next_address = inputs.reg_address
        self._next_select = self.pe_select
        if inputs.reg_write and inputs.reg_address == ADDRESS["PE_SELECT"]:
            self._next_select = inputs.reg_write_data & self._select_mask

    def commit(self) -> None:
        self.read_data = self._next_data
        self._address = self._next_address
        self.pe_select = self._next_select
