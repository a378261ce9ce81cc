"""Leading-nonzero detection (LNZD): which PE holds the next activation to broadcast."""

from amaranth.hdl import C, Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from model.layouts import ACTIVATION_BITS

RADIX = 4  # children of a node, as in the paper


def nonzero_layout(inputs: int) -> data.StructLayout:
    """What a node says of the `inputs` PEs below it; index and activation are valid while `valid` is one.

    `more`: more than one of them has a pending activation; `index`: the lowest that has one.
    """
    return data.StructLayout({"valid": 1, "more": 1, "index": bits(inputs), "activation": ACTIVATION_BITS})


class LeadingNonzeroNode(wiring.Component):
    """One node of the tree: passes on the lowest of its children that has something pending. Combinational.

    Parameters
    ----------
    children : 1 to RADIX.
    span : PEs below a child; the last child may stand for fewer.
    inputs : PEs below the node.

    Members
    -------
    children : In(ArrayLayout(nonzero_layout(span), children)), the lowest PEs first.
    o : Out(nonzero_layout(inputs)).
    """

    def __init__(self, children: int, span: int, inputs: int):
        self._span = span
        super().__init__(
            {"children": In(data.ArrayLayout(nonzero_layout(span), children)), "o": Out(nonzero_layout(inputs))}
        )

    def elaborate(self, platform):
        m = Module()
        found, several = C(0, 1), C(0, 1)
        for number, child in enumerate(self.children):
            with m.If(child.valid & ~found):
                m.d.comb += [
                    self.o.index.eq(child.index + number * self._span),
                    self.o.activation.eq(child.activation),
                ]
            several = several | child.more | (child.valid & found)
            found = found | child.valid
        m.d.comb += [self.o.valid.eq(found), self.o.more.eq(several)]
        return m


class LeadingNonzero(wiring.Component):
    """The tree over all PEs; its root is what the central control unit sees (EIE, section IV).

    Combinational, ceil(log4 pes) nodes deep.

    Parameters
    ----------
    pes : 1 to 256.

    Members
    -------
    pending : In(pes), bit k: PE k has an activation to broadcast.
    current : In(ArrayLayout(16, pes)), that activation.
    o : Out(nonzero_layout(pes)).
    """

    def __init__(self, pes: int):
        self._pes = pes
        super().__init__(
            {
                "pending": In(pes),
                "current": In(data.ArrayLayout(ACTIVATION_BITS, pes)),
                "o": Out(nonzero_layout(pes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        alone = C(0, 1 + bits(1))  # a leaf never has more, and its index is 0
        nodes = [
            data.View(nonzero_layout(1), Cat(self.pending[pe], alone, self.current[pe])) for pe in range(self._pes)
        ]
        span, level = 1, 0
        while len(nodes) > 1:
            inputs = min(span * RADIX, self._pes)
            parents = []
            for first in range(0, len(nodes), RADIX):
                children = nodes[first : first + RADIX]
                node = LeadingNonzeroNode(len(children), span, inputs)
                m.submodules[f"level_{level}_node_{first // RADIX}"] = node
                m.d.comb += [node.children[number].eq(child) for number, child in enumerate(children)]
                parents.append(node.o)
            nodes, span, level = parents, inputs, level + 1
        m.d.comb += self.o.eq(nodes[0])
        return m
