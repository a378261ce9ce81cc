"""A processing element and what stands around it: random layers, their loading, and the central control unit."""

from types import SimpleNamespace

import numpy as np

from model.layouts import FLUSH_CYCLES, PIPELINE_STAGES
from model.registers import PeError
from tests.support.hw.units import write
from tests.support.images.huffman import Layer, load_tree, random_lengths


def slice_entries(codes, max_run):
    """(run, code) of one column slice, with fillers where a gap is too long."""
    entries, previous = [], -1
    for row in np.flatnonzero(codes):
        gap = int(row) - previous - 1
        while gap > max_run:
            entries.append((max_run, 0))
            gap -= max_run + 1
        entries.append((gap, int(codes[row])))
        previous = int(row)
    return entries


def random_layer(config, rng, in_rows, out_rows, density, *, scale=400, shift=6, relu=True):
    generator = np.random.default_rng(rng.getrandbits(32))
    columns = in_rows * config.pes
    codes = generator.integers(1, config.code_symbols, (out_rows, columns))
    codes[generator.random(codes.shape) >= density] = 0
    codebook = generator.integers(-scale, scale, config.code_symbols)
    codebook[0] = 0
    run_lengths = random_lengths(rng, list(range(config.run_symbols)), config.max_code_length)
    code_lengths = random_lengths(rng, list(range(config.code_symbols)), config.max_code_length)
    slices = [slice_entries(codes[:, column], config.max_run) for column in range(columns)]
    return SimpleNamespace(
        in_rows=in_rows,
        out_rows=out_rows,
        codebook=codebook.astype(np.int16),
        weights=codebook[codes].astype(np.int16),
        biases=generator.integers(-scale, scale, out_rows).astype(np.int16),
        bias_scale=1 << rng.randrange(6),
        shift=shift,
        relu=relu,
        slices=slices,
        stream=Layer(config, slices, run_lengths, code_lengths),
    )


async def load_network(ctx, dut, config, layers):
    ctx.set(dut.load, 1)
    await ctx.tick()
    ctx.set(dut.load, 0)
    bias_base = config.bias_base
    for number, layer in enumerate(layers):
        values = list(enumerate(layer.codebook.tolist(), number << config.code_bits))
        values += enumerate(layer.biases.tolist(), bias_base)
        for address, value in values:
            write(ctx, dut.constant_write, address, value & 0xFFFF)
            await ctx.tick()
        write(ctx, dut.constant_write)
        bias_base += layer.out_rows
        await load_tree(ctx, dut, config, layer.stream)
        ctx.set(dut.columns, len(layer.slices))
        ctx.set(dut.begin_codes, 1)
        await ctx.tick()
        ctx.set(dut.begin_codes, 0)
        for word in layer.stream.words:
            ctx.set(dut.word.valid, 1)
            ctx.set(dut.word.payload, word)
            await ctx.tick().until(dut.word.ready)
        ctx.set(dut.word.valid, 0)
        ctx.set(dut.stream_ended, 1)
        while ctx.get(dut.decoder_busy):
            await ctx.tick()
        ctx.set(dut.stream_ended, 0)
        assert ctx.get(dut.error) == PeError.NONE


class Control:
    """The central control unit of section 6, for an array of which this PE is number 0; keeps what every cycle showed.

    The other PEs are as in the contract, but never full.
    """

    def __init__(self, ctx, dut, config):
        self.ctx, self.dut, self.config = ctx, dut, config
        self.trace = []
        self.read = self.shift = False
        self.next_row = 0
        self.selected: list[tuple[int, int, int]] = []  # PE, activation, pointer
        self.broadcast: list[tuple[int, int]] = []  # activation, pointer
        self.full_before = 0

    @property
    def is_full(self):
        """From what the PE said in the cycle before, for what is selected since."""
        return self.full_before >> len(self.selected) & 1

    async def cycle(self, *, read=False, shift=False, take=0, chosen=(), computing=0, begin_layer=0, write_back=None):
        """A cycle; `read` and `shift` are the registers' values in the next one, `chosen` is selected now."""
        ctx, dut = self.ctx, self.dut
        ctx.set(dut.read, self.read)
        ctx.set(dut.read_row, self.next_row)
        ctx.set(dut.shift, self.shift)
        ctx.set(dut.take, take)
        ctx.set(dut.clear, any(pe == 0 for pe, _, _ in chosen))
        ctx.set(dut.coming, len(self.selected))
        for lane in range(self.config.broadcasts_per_cycle):
            valid = lane < len(self.broadcast)
            activation, pointer = self.broadcast[lane] if valid else (0, 0)
            ctx.set(dut.broadcast[lane], {"valid": valid, "activation": activation, "pointer": pointer})
        ctx.set(dut.computing, computing)
        ctx.set(dut.begin_layer, begin_layer)
        row, address = write_back or (0, 0)
        ctx.set(dut.write_back, {"valid": write_back is not None, "row": row, "address": address})
        assert all(ctx.get(dut.current) == activation for pe, activation, _ in self.selected if pe == 0)
        debug = ctx.get(dut.debug)
        self.trace.append({name: getattr(debug, name) for name in shown(self.config)})
        self.full_before = ctx.get(dut.full) >> len(self.selected)
        await ctx.tick()
        self.next_row += self.read
        self.read, self.shift = read, shift
        self.broadcast = [(activation, pointer) for _, activation, pointer in self.selected]
        self.selected = list(chosen)

    async def run_layer(self, layer, activations, number=0, bank=0, column_base=0, bias_base=0):
        ctx, dut, pes = self.ctx, self.dut, self.config.pes
        self.trace = []
        names = {"out_rows": layer.out_rows, "bias_scale": layer.bias_scale, "shift": layer.shift, "relu": layer.relu}
        ctx.set(dut.layer, {"layer": number, "bank": bank, **names})
        await self.cycle(begin_layer=1)
        self.next_row = 0
        await self.cycle(read=True)
        await self.cycle(read=True, shift=True)
        await self.cycle(read=True, shift=True, take=1)
        values = (np.asarray(activations).astype(np.int64) & 0xFFFF).tolist()
        row, drains, others = 0, False, set(np.flatnonzero(activations[1:pes]) + 1)
        while not drains:
            pending = sorted(others | ({0} if ctx.get(dut.pending) else set()))
            pes_now = [] if self.is_full else pending[: self.config.broadcasts_per_cycle]
            exhausted = pes_now == pending
            drains = exhausted and row == layer.in_rows - 1
            advance = exhausted and not drains
            columns = [row * pes + int(pe) for pe in pes_now]
            chosen = [(int(pe), values[at], column_base + at) for pe, at in zip(pes_now, columns, strict=True)]
            await self.cycle(read=advance, shift=advance, take=advance, chosen=chosen, computing=1)
            others -= set(pes_now)
            if advance:
                row += 1
                others = set(np.flatnonzero(activations[row * pes + 1 : (row + 1) * pes]) + 1)
        drained = False
        while not drained:
            drained = not self.selected and ctx.get(dut.queue_empty)
            await self.cycle(computing=1)
            assert len(self.trace) < 50000
        for row in range(layer.out_rows):
            await self.cycle(write_back=(row, bias_base + row))
        for _ in range(FLUSH_CYCLES):
            await self.cycle()


VALID = [f"{stage}_valid" for stage in PIPELINE_STAGES]


def shown(config):
    lanes = [f"{stage}_valid_{lane}" for stage in "pq" for lane in range(config.broadcasts_per_cycle)]
    return [*lanes, "queue_count", "issue_valid", *VALID]


async def write_activations(ctx, dut, config, activations):
    for row, value in enumerate(activations[:: config.pes].tolist()):
        write(ctx, dut.activation_write, row, value & 0xFFFF)
        await ctx.tick()
    write(ctx, dut.activation_write)


async def read_outputs(ctx, dut, rows, bank):
    """Rows through the three steps from the memory to `current`."""
    ctx.set(dut.layer.bank, bank)
    ctx.set(dut.read, 1)
    outputs = []
    for row in range(rows + 2):
        ctx.set(dut.read_row, row)
        ctx.set(dut.shift, row > 0)
        await ctx.tick()
        outputs.append(ctx.get(dut.current))
    ctx.set(dut.read, 0)
    ctx.set(dut.shift, 1)
    await ctx.tick()
    outputs.append(ctx.get(dut.current))
    ctx.set(dut.shift, 0)
    return np.array(outputs[2 : rows + 2], dtype=np.uint16).astype(np.int16)


def random_activations(rng, rows, density, scale=300):
    return np.array([rng.randint(-scale, scale) if rng.random() < density else 0 for _ in range(rows)], dtype=np.int16)
