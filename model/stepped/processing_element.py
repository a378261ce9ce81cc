"""A processing element: decoder, memories and pipeline, with its counters."""

from typing import Protocol

from model.config import ArrayConfig
from model.layouts import COUNTER_BITS, pipeline_stages
from model.registers import PeCounter, PeError
from model.stepped.activation_memory import ActivationMemory
from model.stepped.activation_queue import ActivationQueue
from model.stepped.arithmetic_unit import ArithmeticUnit
from model.stepped.function_unit import FunctionUnit
from model.stepped.huffman_decoder import HuffmanDecoder
from model.stepped.own_activation import OwnActivation
from model.stepped.pointer_memory import PointerMemory
from model.stepped.signals import ControlSignals, LoaderSignals, PeSignals
from model.stepped.sparse_matrix_memory import SparseMatrixMemory


class Unit(Protocol):
    """What a PE is made of: `compute` reads registers and presents memory accesses, `commit` is the clock edge."""

    def compute(self, pe: PeSignals) -> None: ...

    def commit(self) -> None: ...

    def reset(self) -> None: ...


class ProcessingElement:
    """PE `number`. The order of `units` is of no importance, neither within `compute` nor within `commit`."""

    def __init__(self, config: ArrayConfig, number: int) -> None:
        self._config = config
        self._activation_mask = (1 << config.activation_bits) - 1
        self.number = number
        self.decoder = HuffmanDecoder(config)
        self.own_activation = OwnActivation()
        self.pointer_memory = PointerMemory(config, self.own_activation)
        self.queue = ActivationQueue(config, self.pointer_memory)
        self.sparse_matrix_memory = SparseMatrixMemory(config, self.queue)
        self.arithmetic_unit = ArithmeticUnit(config, self.sparse_matrix_memory)
        self.function_unit = FunctionUnit(self.arithmetic_unit)
        self.activation_memory = ActivationMemory(config, self.arithmetic_unit, self.function_unit)
        self.units: list[Unit] = [
            self.decoder,
            self.own_activation,
            self.pointer_memory,
            self.queue,
            self.sparse_matrix_memory,
            self.arithmetic_unit,
            self.function_unit,
            self.activation_memory,
        ]
        self.reset()

    def reset(self) -> None:
        for unit in self.units:
            unit.reset()
        self.counters = [0] * len(PeCounter)
        self.error = PeError.NONE
        self._taken = 0
        self._next_taken = 0
        self._next_counters = self.counters
        self._next_error = self.error

    def is_full(self, selected: int) -> bool:
        """Whether what is selected now might find no room, with that many activations in the select register.

        Slots that became free in the cycle before are not known yet.
        """
        return self._taken + selected + self._config.broadcasts_per_cycle > self._config.queue_depth

    @property
    def queue_empty(self) -> bool:
        return self.queue.count == 0 and self.pointer_memory.on_the_way == 0

    def compute(self, loader: LoaderSignals, control: ControlSignals) -> None:
        signals = PeSignals(self.number, loader, control, self.activation_memory.current, self.activation_memory.second)
        signals.word = loader.code_word if loader.code_pe == self.number else None
        signals.decoder = self.decoder.settle(signals)
        signals.issue = self.sparse_matrix_memory.settle()
        for unit in self.units:
            unit.compute(signals)
        broadcast = sum(lane is not None for lane in control.broadcasts)
        self._next_taken = self.queue.count + self.pointer_memory.on_the_way + broadcast + control.selection.valid_lanes
        self._count(signals)
        self._notice_errors(signals)

    def commit(self) -> None:
        for unit in self.units:
            unit.commit()
        self._taken = self._next_taken
        self.counters = self._next_counters
        self.error = self._next_error

    def _notice_errors(self, pe: PeSignals) -> None:
        """The first error stays; of several in one cycle the lowest."""
        errors = [pe.decoder.error, *self.pointer_memory.errors]
        if self.arithmetic_unit.is_misplaced(pe):
            errors.append(PeError.ROW)
        if self.sparse_matrix_memory.parity_error:
            errors.append(PeError.PARITY)
        now = min((error for error in errors if error != PeError.NONE), default=PeError.NONE)
        self._next_error = now if self.error == PeError.NONE else self.error

    def _count(self, pe: PeSignals) -> None:
        """The events of this cycle, in the order of `PeCounter`."""
        unit, control = self.arithmetic_unit, pe.control
        events = (
            pe.issue.entry,
            unit.is_filler(),
            control.computing and self.queue.issue is None,
            pe.issue.empty + self.queue.skipped,
            pe.issue.row_read,
            sum(broadcast is not None for broadcast in self.pointer_memory.arriving(pe)),
            unit.x is not None,
            unit.k is not None,
            pe.decoder.symbol,
        )
        modulus = 1 << COUNTER_BITS
        counted = [(counter + event) % modulus for counter, event in zip(self.counters, events, strict=True)]
        if control.clears_counters:
            counted[: PeCounter.DECODED_SYMBOLS] = [0] * PeCounter.DECODED_SYMBOLS
        if pe.loader.load:
            counted[PeCounter.DECODED_SYMBOLS] = 0
        self._next_counters = counted

    def debug(self) -> dict[str, int]:
        """The fields of `model.layouts.pe_debug_fields`, unsigned; those whose valid field is 0 are 0."""
        config, decoder, read, unit = self._config, self.decoder, self.sparse_matrix_memory, self.arithmetic_unit
        k, o = unit.k, unit.o
        placed = unit.address_stages
        address = (placed.e, placed.t, placed.v, placed.u) if config.maps else ()
        stages = (read.m, read.s, read.d, unit.w, *address, unit.x, unit.r, unit.c, k, o)
        issue, position = self.queue.issue, read.position & (1 << config.pointer_bits) - 1
        fields = {
            "decoder_running": int(decoder.running),
            "decoder_bits_left": decoder.bits_left,
            "decoder_fresh": int(decoder.fresh),
            "decoder_walked": int(decoder.walked),
            "decoder_alphabet": decoder.alphabet,
            "decoder_row": decoder.row,
            "decoder_slot": decoder.slot,
            "decoder_pointer": decoder.pointer,
            "error": int(self.error),
            "pending": int(self.activation_memory.pending),
            "current": self.activation_memory.current & self._activation_mask,
            **self._own_fields(),
            **self._reading_valid(),
            "queue_count": self.queue.count,
            "issue_valid": int(issue is not None),
            "issue_empty": int(issue is not None and issue.empty),
            "issue_row": position >> config.slot_bits,
            "issue_slot": position & ((1 << config.slot_bits) - 1),
        }
        if config.maps:
            fields |= {"issue_y": issue.y if issue else 0, "issue_x": issue.x if issue else 0}
        fields |= {
            f"{name}_valid": int(stage is not None) for name, stage in zip(pipeline_stages(config), stages, strict=True)
        }
        fields |= {
            "k_row": k.row if k else 0,
            "k_sum": k.value & ((1 << config.accumulator_bits) - 1) if k else 0,
            "o_row": o.row if o else 0,
            "o_value": o.value & self._activation_mask if o else 0,
            **self._stored_fields(),
            "overflow": int(unit.overflow),
        }
        if config.pe_counters:
            fields |= {counter.name.lower(): self.counters[counter] for counter in PeCounter}
        return fields

    def _own_fields(self) -> dict[str, int]:
        own = self.own_activation
        if not self._config.maps:
            return {}
        return {"own_valid": int(own.valid), "own_activation": own.value & self._activation_mask if own.valid else 0}

    def _stored_fields(self) -> dict[str, int]:
        """What the function unit stores."""
        z = self.function_unit.z
        if not self._config.functions:
            return {}
        value = z.value & self._activation_mask if z else 0
        return {"z_valid": int(z is not None), "z_row": z.row if z else 0, "z_value": value}

    def _reading_valid(self) -> dict[str, int]:
        """Which lanes of stages P and Q hold a broadcast."""
        stages = {"p": self.pointer_memory.p, "q": self.pointer_memory.q}
        return {
            f"{name}_valid_{lane}": int(reading is not None)
            for name, stage in stages.items()
            for lane, reading in enumerate(stage)
        }
