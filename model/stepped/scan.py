"""Which local row of the source is read next, and which column and coordinate the row being scanned has."""

from model.config import ArrayConfig
from model.map_descriptor import COORDINATE_BITS, MAP_FIELDS
from model.stepped.signals import LayerEntry


class ReadGenerator:
    """`next_row`: the local row read next. Without `maps` one follows the other."""

    def __init__(self, config: ArrayConfig) -> None:
        self._depth = config.activation_depth
        self.reset()

    def reset(self) -> None:
        self.next_row = 0
        self._channel = 0
        self._column = 0
        self._position = 0
        self._line = 0

    def begin(self, layer: LayerEntry, offset: int = 0) -> None:
        """PREFETCH_1, with the entry from the layer table; `offset` is that of a loop, for layers that move."""
        moved = offset if layer.functions is not None and layer.functions.moves else 0
        self.next_row = self._position = self._line = (layer.first_row + moved) % self._depth
        self._channel = self._column = 0

    def rewind(self, layer: LayerEntry) -> None:
        """FLUSH: what is read next are the layer's outputs."""
        self.next_row = 0 if layer.map is None else layer.map.destination % self._depth

    def point(self, row: int) -> None:
        """A second operand is read next."""
        self.next_row = row

    def step(self, layer: LayerEntry, linear: bool) -> None:
        """A cycle with `read`; `linear` while outputs are unloaded."""
        geometry, depth = layer.map, self._depth
        if geometry is None or linear:
            self.next_row = (self.next_row + 1) % depth
        elif self._channel != (geometry.in_channels - 1) % depth:
            self._channel = (self._channel + 1) % depth
            self.next_row = (self.next_row + 1) % depth
        else:
            self._channel = 0
            if self._column != (geometry.in_width - 1) % depth:
                self._column = (self._column + 1) % depth
                self._position = (self._position + geometry.column_step) % depth
            else:
                self._column = 0
                self._line = self._position = (self._line + geometry.row_step) % depth
            self.next_row = self._position


class ScanGenerator:
    """`base`: the pointer address of PE 0's column in the row being scanned; `y`, `x`: the coordinate it carries."""

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._pointers = 1 << (config.pointer_depth - 1).bit_length()
        self.reset()

    def reset(self) -> None:
        self.base = 0
        self.y = 0
        self.x = 0
        self._class_base = 0
        self._class_y = 0
        self._class_x = 0
        self._channel = 0
        self._column = 0

    def begin(self, layer: LayerEntry) -> None:
        """PREFETCH_1, with the entry from the layer table."""
        self.base = self._class_base = layer.pointer_base
        self._class_y = self._class_x = self._channel = self._column = 0
        if layer.map is not None:
            self.y, self.x = layer.map.start_y, layer.map.start_x

    def step(self, layer: LayerEntry) -> None:
        """The next row is scanned from the next cycle on."""
        geometry, depth = layer.map, self._config.activation_depth
        unit = 1 if geometry is not None and geometry.local else self._config.pes
        if geometry is None:
            self.base += unit
        elif self._channel != (geometry.in_channels - 1) % depth:
            self._channel = (self._channel + 1) % depth
            self.base += unit
        else:
            self._channel = 0
            if self._column != (geometry.in_width - 1) % depth:
                self._column = (self._column + 1) % depth
                self._next_column(layer, unit)
            else:
                self._column = self._class_x = 0
                self.x = geometry.start_x
                self._next_line(layer)
        self.base %= self._pointers

    def _next_column(self, layer: LayerEntry, unit: int) -> None:
        geometry = layer.map
        if geometry is None:
            return
        if not _is_last(self._class_x, "classes_x", geometry.classes_x):
            self._class_x += 1
            self.base += unit
            return
        self._class_x = 0
        self.base = self._class_base
        self.x = (self.x + geometry.advance_x) % (1 << COORDINATE_BITS)

    def _next_line(self, layer: LayerEntry) -> None:
        geometry = layer.map
        if geometry is None:
            return
        if not _is_last(self._class_y, "classes_y", geometry.classes_y):
            self._class_y += 1
            self._class_base = (self._class_base + geometry.class_columns) % self._pointers
        else:
            self._class_y = 0
            self._class_base = layer.pointer_base
            self.y = (self.y + geometry.advance_y) % (1 << COORDINATE_BITS)
        self.base = self._class_base


def _is_last(number: int, field: str, classes: int) -> bool:
    """Whether this is the last class; as many as the field has values where it says 0."""
    return number == (classes - 1) % (1 << MAP_FIELDS[field].width)
