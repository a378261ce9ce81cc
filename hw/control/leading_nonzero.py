"""Leading-nonzero detection (LNZD): which PEs hold the next activations to broadcast."""

from amaranth.hdl import C, Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits

RADIX = 4  # children of a node, as in the paper


def nonzero_layout(inputs: int, broadcasts: int) -> data.StructLayout:
    """What a node says of the `inputs` PEs below it: the lowest ones that have a pending activation, in order.

    `more`: there are more of them than lanes; the index of a lane is valid while its `valid` is one, which it is only
    if all lanes before it are valid.
    """
    lane = data.StructLayout({"valid": 1, "index": bits(inputs)})
    return data.StructLayout({"lanes": data.ArrayLayout(lane, broadcasts), "more": 1})


class LeadingNonzeroNode(wiring.Component):
    """One node of the tree: merges what its children say. Combinational.

    Parameters
    ----------
    children : 1 to RADIX.
    span : PEs below a child; the last child may stand for fewer.
    inputs : PEs below the node.
    broadcasts : lanes, 1 or 2.

    Members
    -------
    children : In(ArrayLayout(nonzero_layout(span, broadcasts), children)), the lowest PEs first.
    o : Out(nonzero_layout(inputs, broadcasts)).
    """

    def __init__(self, children: int, span: int, inputs: int, broadcasts: int):
        self._span = span
        self._layout = nonzero_layout(inputs, broadcasts)
        self._broadcasts = broadcasts
        super().__init__(
            {
                "children": In(data.ArrayLayout(nonzero_layout(span, broadcasts), children)),
                "o": Out(self._layout),
            }
        )

    def elaborate(self, platform):
        m = Module()
        nodes = []
        for number, child in enumerate(self.children):
            node = Signal(self._layout, name=f"child_{number}")
            m.d.comb += node.more.eq(child.more)
            for lane, below in zip(node.lanes, child.lanes, strict=True):
                m.d.comb += [lane.valid.eq(below.valid), lane.index.eq(below.index + number * self._span)]
            nodes.append(node)
        while len(nodes) > 1:
            pairs = [nodes[at : at + 2] for at in range(0, len(nodes), 2)]
            nodes = [self._merge(m, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
        m.d.comb += self.o.eq(nodes[0])
        return m

    def _merge(self, m: Module, low, high):
        """Two sorted lists of lanes as one; `low` names the lower PEs."""
        both = Signal(self._layout)
        m.d.comb += both.eq(low)
        if self._broadcasts == 1:
            with m.If(~low.lanes[0].valid):
                m.d.comb += both.lanes[0].eq(high.lanes[0])
            overflow = low.lanes[0].valid & high.lanes[0].valid
        else:
            with m.If(~low.lanes[0].valid):
                m.d.comb += both.lanes.eq(high.lanes)
            with m.Elif(~low.lanes[1].valid):
                m.d.comb += both.lanes[1].eq(high.lanes[0])
            overflow = (low.lanes[1].valid & high.lanes[0].valid) | (low.lanes[0].valid & high.lanes[1].valid)
        m.d.comb += both.more.eq(low.more | high.more | overflow)
        return both


class LeadingNonzero(wiring.Component):
    """The tree over all PEs; its root is what the central control unit sees (EIE, section IV).

    Combinational, ceil(log4 pes) nodes deep. The nodes hand up the number of the PE; its activation, which the paper's
    nodes hand up too, is fetched by it a cycle later (`hw/control/selection.py`). `chosen` needs no number: it comes
    from counts that run up and down a tree of the same depth, so that pending bits clear without waiting for the root.

    Parameters
    ----------
    pes : 1 to 256.
    broadcasts : activations wanted at once, 1 or 2.

    Members
    -------
    pending : In(pes), bit k: PE k has an activation to broadcast.
    o : Out(nonzero_layout(pes, broadcasts)).
    chosen : Out(pes), bit k: PE k is in a valid lane of `o`.
    """

    def __init__(self, pes: int, broadcasts: int = 1):
        self._pes = pes
        self._broadcasts = broadcasts
        super().__init__(
            {
                "pending": In(pes),
                "o": Out(nonzero_layout(pes, broadcasts)),
                "chosen": Out(pes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        nodes = []
        for pe in range(self._pes):
            leaf = Signal(nonzero_layout(1, self._broadcasts), name=f"leaf_{pe}")
            m.d.comb += leaf.lanes[0].valid.eq(self.pending[pe])
            nodes.append(leaf)
        span, level = 1, 0
        while len(nodes) > 1:
            inputs = min(span * RADIX, self._pes)
            parents = []
            for first in range(0, len(nodes), RADIX):
                children = nodes[first : first + RADIX]
                node = LeadingNonzeroNode(len(children), span, inputs, self._broadcasts)
                m.submodules[f"level_{level}_node_{first // RADIX}"] = node
                m.d.comb += [node.children[number].eq(child) for number, child in enumerate(children)]
                parents.append(node.o)
            nodes, span, level = parents, inputs, level + 1
        m.d.comb += self.o.eq(nodes[0])

        zeros = [C(0, 1)] * self._broadcasts
        counts = [[bit, *zeros[1:]] for bit in self.pending]
        before = self._counts_before(m, counts, zeros)
        m.d.comb += self.chosen.eq(Cat(bit & ~lower[-1] for bit, lower in zip(self.pending, before, strict=True)))
        return m

    def _counts_before(self, m: Module, counts: list, carry: list) -> list:
        """For each of `counts`, the sum of `carry` and those before it; counts are thermometer codes that saturate."""
        if len(counts) == 1:
            return [carry]
        groups = [counts[first : first + RADIX] for first in range(0, len(counts), RADIX)]
        sums = []
        for group in groups:
            total = group[0]
            for count in group[1:]:
                total = self._add(total, count)
            sums.append(self._named(m, total))
        if len(groups) == 1:
            carries = [carry]
        else:
            carries = [self._named(m, total) for total in self._counts_before(m, sums, carry)]
        result = []
        for group, total in zip(groups, carries, strict=True):
            for count in group:
                result.append(total)
                total = self._add(total, count)
        return result

    def _named(self, m: Module, count: list) -> list:
        signal = Signal(self._broadcasts, name="count")
        m.d.comb += signal.eq(Cat(*count))
        return list(signal)

    def _add(self, a: list, b: list) -> list:
        if self._broadcasts == 1:
            return [a[0] | b[0]]
        return [a[0] | b[0], a[1] | b[1] | (a[0] & b[0])]
