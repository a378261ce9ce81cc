"""The descriptor of the layer being loaded: whether the layer fits the memories, and where in them it goes."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.control.layer_table import layer_entry_layout
from hw.interfaces import bits, largest_activation
from hw.map_layouts import STEP_X_BITS
from model.config import ArrayConfig
from model.function_descriptor import BLOCK_FIELDS, FUNCTION_FIELDS, function_fields
from model.layouts import BIAS_SCALE_BITS, CHECK_CYCLES, SHIFT_BITS, descriptor_words
from model.map_descriptor import MAP_FIELDS, MAP_ROW_BITS

HOST_WORD_BITS = 32  # of a header or a descriptor word
DESCRIPTOR = data.StructLayout(
    {
        "in_rows": 16,
        "out_rows": 16,
        "first_row": 16,
        "unused_0": 16,
        "stream_words": HOST_WORD_BITS,
        "shift": SHIFT_BITS,
        "unused_1": 8 - SHIFT_BITS,
        "relu": 1,
        "keep": 1,
        "unused_2": 6,
        "bias_scale": BIAS_SCALE_BITS,
    }
)


def descriptor_layout(config: ArrayConfig) -> data.Layout:
    """The descriptor's words as they came; with `maps` bits that no field has are still kept, and not looked at."""
    if not config.maps:
        return DESCRIPTOR
    gained = {**MAP_FIELDS, **(function_fields() if config.functions else {})}
    places = {name: data.Field(field.width, HOST_WORD_BITS * field.word + field.low) for name, field in gained.items()}
    fields = {name: field for name, field in DESCRIPTOR if not name.startswith("unused")}
    return data.FlexibleLayout(HOST_WORD_BITS * descriptor_words(config), {**fields, **places})


LATENCY = 4  # cycles from that of the last word to that of valid outputs
assert LATENCY <= CHECK_CYCLES


class LayerDescriptor(wiring.Component):
    """Takes the descriptor's words in and deals out pointer and constant memory; contract/architecture.md, section 4.

    Latency: LATENCY cycles from the last word to the outputs: product, sums and comparisons
    have a cycle each. Throughput: one word per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    accept, word : In, `word` is the next of the descriptor.
    clear : In(1), a new network: the next layer takes the memories from their beginnings.
    loaded : In(1), the layer is complete: the next one goes behind it.
    number : In, only with `functions`: the layer's; soft_reset : In(1), forgets where a loop may begin.
    descriptor : Out(descriptor_layout(config)), as it came.
    columns : Out, columns of the layer; valid if the layer fits.
    fits : Out(1), every size is within the memories that are left.
    entry : Out(layer_entry_layout(config)), for the layer table; valid if the layer fits.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        functions = {"number": In(bits(config.layers + 1)), "soft_reset": In(1)}
        super().__init__(
            {
                "accept": In(1),
                "word": In(HOST_WORD_BITS),
                "clear": In(1),
                "loaded": In(1),
                "descriptor": Out(descriptor_layout(config)),
                "columns": Out(bits(config.pointer_depth + 1)),
                "fits": Out(1),
                "entry": Out(layer_entry_layout(config)),
                **(functions if config.functions else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self._config, self.descriptor
        bias_rows = descriptor.out_channels if config.maps else descriptor.out_rows
        pointer_base = Signal(bits(config.pointer_depth + 1))
        bias_base = Signal(bits(config.constant_depth + 1), init=config.bias_base)
        rows = range(config.activation_depth + 1)
        # Cut to the bits of a possible number of rows: in_rows itself is compared beside.
        in_rows = descriptor.in_rows[: bits(len(rows))]
        most_columns = 1 << MAP_FIELDS["columns"].width if config.maps else 2 * len(rows) * config.pes
        columns = Signal(range(most_columns))
        pointers_end = Signal(range(most_columns + config.pointer_depth + 2))
        biases_end = Signal(range((1 << 16) + config.constant_depth + 1))
        rows_end = Signal(17)
        checks = {
            "in_rows": (descriptor.in_rows != 0) & (descriptor.in_rows <= config.activation_depth),
            "out_rows": (descriptor.out_rows != 0) & (descriptor.out_rows <= config.accumulators),
            "rows": rows_end <= config.activation_depth,
            "stream_words": descriptor.stream_words != 0,
            "shift": descriptor.shift < config.accumulator_bits,
            "pointers": pointers_end <= config.pointer_depth,
            "biases": biases_end <= config.constant_depth,
        }
        if config.maps:
            del checks["rows"]
            checks["columns"] = columns != 0
            checks["out_channels"] = (bias_rows != 0) & (bias_rows <= descriptor.out_rows)
        if config.functions:
            checks["loop"] = self._elaborate_functions(m)
        passed = Signal(len(checks))
        # The product as a sum of shifts: no multiplier of the device is spent on it.
        product = sum(in_rows << place for place in range(config.pes.bit_length()) if config.pes >> place & 1)
        m.d.sync += [
            columns.eq(descriptor.columns if config.maps else product),
            rows_end.eq(descriptor.first_row + descriptor.in_rows),
            biases_end.eq(bias_base + Mux(descriptor.keep, 0, bias_rows)),
            pointers_end.eq(pointer_base + columns + 1),
            passed.eq(Cat(checks.values())),
        ]
        m.d.comb += [
            self.fits.eq(passed.all()),
            self.columns.eq(columns),
            self.entry.in_rows.eq(descriptor.in_rows),
            self.entry.out_rows.eq(descriptor.out_rows),
            self.entry.first_row.eq(descriptor.first_row),
            self.entry.pointer_base.eq(pointer_base),
            self.entry.bias_base.eq(bias_base),
            self.entry.shift.eq(descriptor.shift),
            self.entry.relu.eq(descriptor.relu),
            self.entry.keep.eq(descriptor.keep),
            self.entry.bias_scale.eq(descriptor.bias_scale),
        ]
        if config.maps:
            self._elaborate_maps(m)
        with m.If(self.accept):
            words = descriptor.as_value()
            m.d.sync += words.eq(Cat(words[HOST_WORD_BITS:], self.word))
        with m.If(self.clear):
            m.d.sync += [pointer_base.eq(0), bias_base.eq(config.bias_base)]
        with m.Elif(self.loaded):
            m.d.sync += [pointer_base.eq(pointers_end), bias_base.eq(biases_end)]
        return m

    def _elaborate_maps(self, m: Module):
        """The fields of `maps`: numbers that a counter ends at less one, all cut to the sizes of their memories."""
        descriptor, scan, geometry = self.descriptor, self.entry.scan, self.entry.geometry
        lasts = {
            "last_channel": descriptor.in_channels,
            "last_column": descriptor.in_width,
            "last_class_y": descriptor.classes_y,
            "last_class_x": descriptor.classes_x,
            "last_out_channel": descriptor.out_channels,
        }
        same = [name for name in dict(scan.shape()) if name not in lasts]
        largest = largest_activation(self._config)
        above = descriptor.limit[largest.bit_length() :]
        is_unlimited = (descriptor.limit == 0) | above.any() if len(above) else descriptor.limit == 0
        m.d.comb += [
            *(scan[name].eq(count - 1) for name, count in lasts.items()),
            *(scan[name].eq(descriptor[name]) for name in same),
            *(geometry[name].eq(descriptor[name]) for name in dict(geometry.shape()) if name in MAP_FIELDS),
            geometry.limit.eq(Mux(is_unlimited, largest, descriptor.limit)),
            geometry.channel_mask.eq(Mux(descriptor.flat, -1, _ones(descriptor.channel_bits, MAP_ROW_BITS))),
            geometry.step_mask.eq(Mux(descriptor.flat, 0, _ones(descriptor.column_bits, STEP_X_BITS))),
        ]

    def _elaborate_functions(self, m: Module) -> Value:
        """The fields of `functions`, and whether a loop that ends here begins behind the one before it."""
        descriptor, functions = self.descriptor, self.entry.functions
        loop_floor = Signal.like(self.number)
        reach = Signal.like(self.number)  # most layers that a loop may go back
        is_loop = descriptor.loop_count[1:].any()
        m.d.sync += reach.eq(self.number - loop_floor)
        with m.If(self.clear | self.soft_reset):
            m.d.sync += loop_floor.eq(0)
        with m.Elif(self.loaded & is_loop):
            m.d.sync += loop_floor.eq(self.number + 1)
        m.d.comb += [
            *(functions[name].eq(descriptor[name]) for name in FUNCTION_FIELDS if name != "block_rows"),
            functions.last_block_row.eq(descriptor.block_rows - 1),
            *(
                functions.blocks[number][name].eq(descriptor[f"{name}_{number}"])
                for number, names in enumerate(BLOCK_FIELDS)
                for name in names
            ),
        ]
        return ~is_loop | (descriptor.loop_back <= reach)


def _ones(count: Value, most: int) -> Value:
    """A mask of the low `count` of `most` bits."""
    return Cat(count > bit for bit in range(most))
