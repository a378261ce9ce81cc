"""Register file: the host's view of the array, `READ_LATENCY` cycles from address to data."""

from collections.abc import Sequence

from model.config import ArrayConfig
from model.layouts import RUNNING_STATES, UNLOADING_STATES
from model.registers import ADDRESS, ID_VALUE, VERSION, Control, Error, Interrupt, PeCounter
from model.stepped.controller import Controller
from model.stepped.loader import Loader
from model.stepped.processing_element import ProcessingElement
from model.stepped.signals import HostStrobes, Inputs


class RegisterFile:
    """A value read is the one the register has in the cycle after its address; a write has its effect in the next."""

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
        self.irq_enable: int = 0
        self.irq_status = 0
        self.strobes = HostStrobes()
        self.read_data = 0
        self._address = 0
        self._inputs = Inputs()
        self._next_data = 0
        self._next_interrupt = False
        self._error_now = False
        self._becomes_done = False
        self._reset_work()

    def soft_reset(self) -> None:
        """What the host reads and writes in this cycle is read and written as always; no event of it counts."""
        self.irq_status = self._irq_status_without_events
        self._reset_work()

    def _reset_work(self) -> None:
        self._irq_status_without_events = self.irq_status
        self.interrupt = False
        self._error_before = False

    @staticmethod
    def _asked(inputs: Inputs) -> HostStrobes:
        """What the host asks for with the write of this cycle."""
        if not inputs.reg_write or inputs.reg_address != ADDRESS["CONTROL"]:
            return HostStrobes()

        def bit(number: Control) -> bool:
            return bool(inputs.reg_write_data >> number & 1)

        if bit(Control.RESET):
            return HostStrobes(soft_reset=True)
        return HostStrobes(start=bit(Control.START), resume=bit(Control.RESUME), hold=bit(Control.HOLD))

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
            has_8_bits = config.activation_bits == 8
            return config.pes | config.code_bits << 16 | config.index_bits << 20 | has_8_bits << 24
        if address == ADDRESS["STATUS"]:
            return self._status()
        values = {
            ADDRESS["LAYERS"]: loader.loaded_layers,
            ADDRESS["CYCLES"]: controller.cycles,
            ADDRESS["BROADCASTS"]: controller.broadcast_count,
            ADDRESS["STALLS"]: controller.stalls,
            ADDRESS["PE_SELECT"]: self.pe_select,
            ADDRESS["ERROR_PE"]: loader.error_pe,
            ADDRESS["IRQ_ENABLE"]: self.irq_enable,
            ADDRESS["IRQ_STATUS"]: self.irq_status,
            ADDRESS["CONFIG_HASH"]: config.fingerprint,
            ADDRESS["VERSION"]: VERSION,
        }
        return values.get(address, 0)

    def _status(self) -> int:
        state = self._controller.state
        return (
            self._loader.waits
            | (state in RUNNING_STATES) << 1
            | (state in UNLOADING_STATES) << 2
            | self._controller.done << 3
            | any(pe.arithmetic_unit.overflow for pe in self._pes) << 4
            | self._loader.error << 8
        )

    def compute(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._next_data = self.value(self._address)
        self._next_interrupt = bool(self.irq_status & self.irq_enable)
        self._error_now = self._loader.error != Error.NONE
        self._becomes_done = self._controller.becomes_done

    def commit(self) -> None:
        inputs = self._inputs
        self.read_data = self._next_data
        self._address = inputs.reg_address
        self.strobes = self._asked(inputs)
        self.interrupt = self._next_interrupt
        if inputs.reg_write:
            self._write(inputs.reg_address, inputs.reg_write_data)
        self._irq_status_without_events = self.irq_status
        self.irq_status |= self._becomes_done << Interrupt.DONE
        self.irq_status |= (self._error_now and not self._error_before) << Interrupt.ERROR
        self._error_before = self._error_now

    def _write(self, address: int, data: int) -> None:
        interrupts = (1 << len(Interrupt)) - 1
        if address == ADDRESS["PE_SELECT"]:
            self.pe_select = data & self._select_mask
        elif address == ADDRESS["IRQ_ENABLE"]:
            self.irq_enable = data & interrupts
        elif address == ADDRESS["IRQ_STATUS"]:
            self.irq_status &= ~data
