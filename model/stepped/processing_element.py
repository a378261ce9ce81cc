"""A processing element: decoder, memories and pipeline, with its counters."""

from typing import Protocol

from model.config import ArrayConfig
from model.layouts import COUNTER_BITS, PIPELINE_STAGES
from model.registers import PeCounter
from model.stepped.activation_memory import ActivationMemory
from model.stepped.activation_queue import ActivationQueue
from model.stepped.arithmetic_unit import ArithmeticUnit
from model.stepped.huffman_decoder import HuffmanDecoder
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
        self.number = number
        self.decoder = HuffmanDecoder(config)
        self.pointer_memory = PointerMemory(config)
        self.queue = ActivationQueue(config, self.pointer_memory)
        self.sparse_matrix_memory = SparseMatrixMemory(config, self.queue)
        self.arithmetic_unit = ArithmeticUnit(config, self.sparse_matrix_memory)
        self.activation_memory = ActivationMemory(config, self.arithmetic_unit)
        self.units: list[Unit] = [
            self.decoder,
            self.pointer_memory,
            self.queue,
            self.sparse_matrix_memory,
            self.arithmetic_unit,
            self.activation_memory,
        ]
        self.reset()

    def reset(self) -> None:
        for unit in self.units:
            unit.reset()
        self.counters = [0] * len(PeCounter)
        self._next_counters = self.counters

    def is_full(self, broadcast_valid: bool) -> bool:
        """Whether a broadcast decided now might find no room."""
        return self.queue.count + self.pointer_memory.p_valid + broadcast_valid >= self._config.queue_depth

    @property
    def queue_empty(self) -> bool:
        return self.queue.count == 0 and not self.pointer_memory.p_valid

    def compute(self, loader: LoaderSignals, control: ControlSignals) -> None:
        signals = PeSignals(self.number, loader, control)
        signals.word = loader.code_word if loader.code_pe == self.number else None
        signals.decoder = self.decoder.settle(signals)
        signals.issue = self.sparse_matrix_memory.settle()
        for unit in self.units:
            unit.compute(signals)
        self._count(signals)

    def commit(self) -> None:
        for unit in self.units:
            unit.commit()
        self.counters = self._next_counters

    def _count(self, pe: PeSignals) -> None:
        """The events of this cycle, in the order of `PeCounter`."""
        unit, control = self.arithmetic_unit, pe.control
        events = (
            pe.issue.entry,
            unit.is_filler(),
            control.computing and self.queue.count == 0,
            pe.issue.empty or self.queue.skips(),
            pe.issue.row_read,
            control.broadcast_valid,
            unit.x is not None,
            unit.k is not None,
            pe.decoder.length > 0,
        )
        modulus = 1 << COUNTER_BITS
        counted = [(counter + event) % modulus for counter, event in zip(self.counters, events, strict=True)]
        if control.start:
            counted[: PeCounter.DECODED_SYMBOLS] = [0] * PeCounter.DECODED_SYMBOLS
        if pe.loader.load:
            counted[PeCounter.DECODED_SYMBOLS] = 0
        self._next_counters = counted

    def debug(self) -> dict[str, int]:
        """The fields of `model.layouts.pe_debug_fields`, unsigned; those whose valid field is 0 are 0."""
        config, decoder, read, unit = self._config, self.decoder, self.sparse_matrix_memory, self.arithmetic_unit
        k, o = unit.k, unit.o
        stages = (read.m, read.s, read.d, unit.w, unit.x, unit.r, unit.c, k, o)
        position = read.position if read.started else 0
        fields = {
            "decoder_running": int(decoder.running),
            "decoder_high_valid": int(decoder.high_valid),
            "decoder_low_valid": int(decoder.low_valid),
            "decoder_position": decoder.position,
            "decoder_alphabet": decoder.alphabet,
            "decoder_row": decoder.row,
            "decoder_slot": decoder.slot,
            "decoder_pointer": decoder.pointer,
            "decoder_error": int(decoder.error),
            "pending": int(self.activation_memory.pending),
            "current": self.activation_memory.current & 0xFFFF,
            "p_valid": int(self.pointer_memory.p_valid),
            "queue_count": self.queue.count,
            "issue_started": int(read.started),
            "issue_row": position >> config.slot_bits,
            "issue_slot": position & ((1 << config.slot_bits) - 1),
        }
        fields |= {f"{name}_valid": int(stage is not None) for name, stage in zip(PIPELINE_STAGES, stages, strict=True)}
        fields |= {
            "k_row": k.row if k else 0,
            "k_sum": k.value & ((1 << config.accumulator_bits) - 1) if k else 0,
            "o_row": o.row if o else 0,
            "o_value": o.value & 0xFFFF if o else 0,
            "overflow": int(unit.overflow),
        }
        if config.pe_counters:
            fields |= {counter.name.lower(): self.counters[counter] for counter in PeCounter}
        return fields
