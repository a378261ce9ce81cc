"""The map layers of every step: descriptor, codebook, biases and entries."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.fixed_point import INT16_MIN, bounds, to_fixed
from model.function_descriptor import FunctionDescriptor
from model.image import LayerImage
from model.map_descriptor import MapDescriptor
from sw.image.maps.axis import Axis, Window, meetings
from sw.image.maps.entries import Entries, Weights, window_entries
from sw.image.maps.memory import Memory
from sw.image.maps.part import part_made, rows_of, widened
from sw.image.maps.placement import Place, Sources, is_local, physical
from sw.image.maps.reading import channels_read, check_steps, span_read, whole_buffer
from sw.image.maps.recurrent import Loop, recurrent_layers
from sw.image.maps.step import Made, Step, Term, elements_of
from sw.image.maps.windows import moved_window, source_rows, windows_of
from sw.network.compressed import CompressedNetwork
from sw.network.quantise import LayerFormat

Unrolled = tuple[bool, bool]


class Layers:
    """Makes the layers of one network; `places` are those of every map by its number."""

    def __init__(
        self,
        network: CompressedNetwork,
        formats: Sequence[LayerFormat],
        config: ArrayConfig,
        sources: Sources,
        places: list[Place],
        memory: Memory,
        activity: NDArray[np.float64],
    ) -> None:
        self._network, self._formats, self._config = network, formats, config
        self._sources, self._places, self._memory, self._activity = sources, places, memory, activity
        self._buffers = memory.buffers
        parts = [
            physical(made, places[made.number], config.pes, buffer.pitch, buffer.offsets[made.number])
            + buffer.first * config.pes
            for made, buffer in zip(sources.maps, memory.buffers, strict=True)
        ]
        self.physical = np.concatenate(parts)

    def activity(self, term: Term) -> NDArray[np.float64]:
        """(local rows, pes) share of inputs where what lies there, while a term is read, is not 0."""
        elements = np.concatenate([elements_of(made) for made in self._sources.maps_of(term.elements)])
        places = self.physical[elements]
        rows = int(places.max()) // self._config.pes + 1
        shares = np.zeros(rows * self._config.pes)
        shares[places] = self._activity[elements]
        return shares.reshape(rows, self._config.pes)

    def of_step(self, step: Step, unrolled: Unrolled = (False, False)) -> list[LayerImage]:
        """One layer, or one for every term; EieError names what the array cannot do.

        `unrolled` says for rows and columns of positions whether windows are (`sw.image.maps.axis`).
        """
        if step.kind == "layer":
            layer = self._network.layers[step.layer]
            return [self._connected(step) if layer.convolution is None else self._convolution(step, unrolled)]
        if step.kind == "recurrent":
            return self._recurrent(step)
        if step.kind == "pool":
            return [self._pool(step, unrolled)]
        return [self._term(step, term, last=number == len(step.terms)) for number, term in enumerate(step.terms, 1)]

    def _connected(self, step: Step) -> LayerImage:
        """A fully connected layer: all rows of its source are channels of one position."""
        pes, layer = self._config.pes, self._network.layers[step.layer]
        part = part_made(step, self._places[step.made.number])
        elements = step.terms[0].elements.reshape(-1)
        buffer = whole_buffer(self._sources, self._buffers, step, step.terms[0])
        output, source = np.divmod(layer.positions, layer.shape[1])
        chosen = part.held[output]
        output, source = output[chosen], source[chosen]
        entries = Entries(
            pe=part.place.lane[output],
            column=self.physical[elements[source]] - buffer.first * pes,
            row=part.place.local[output],
            code=layer.codes[chosen].astype(np.int64),
        )
        columns = buffer.rows * pes
        geometry: dict[str, Any] = {"in_channels": buffer.rows, "in_width": 1, "class_columns": columns, "flat": True}
        geometry |= {"column_step": 0, "row_step": 0}
        rows = buffer.rows, buffer.first
        return self._image(step, entries, columns, rows, geometry, *self._of_layer(step))

    def _recurrent(self, step: Step) -> list[LayerImage]:
        number = step.made.number
        buffer = self._buffers[number]
        result: tuple[int, int] | None = None
        if number not in self._memory.in_place:
            is_sequence = step.recurrent is not None and step.recurrent.sequence
            result = buffer.first + buffer.offsets[number], buffer.pitch if is_sequence else 0
        return recurrent_layers(
            Loop(
                config=self._config,
                step=step,
                layer=self._network.layers[step.layer],
                number_format=self._formats[step.layer],
                inputs=self.physical[step.terms[0].elements[:, :, 0]],
                source=self._buffers[self._sources.maps_of(step.terms[0].elements)[0].number],
                scratch=self._memory.scratch[number],
                place=self._places[number],
                result=result,
            )
        )

    def _convolution(self, step: Step, unrolled: Unrolled) -> LayerImage:
        layer = self._network.layers[step.layer]
        convolution = layer.convolution
        assert convolution is not None
        outputs, ins, kernel_rows, kernel_columns = layer.shape
        output, rest = np.divmod(layer.positions, ins * kernel_rows * kernel_columns)
        channel, tap = np.divmod(rest, kernel_rows * kernel_columns)
        row, column = np.divmod(tap, kernel_columns)
        channel += output // (outputs // convolution.groups) * ins
        taps = (output, channel, row, column, layer.codes.astype(np.int64))
        place = self._places[step.made.number]
        local = is_local(step, self._network) and place.rows.groups == place.columns.groups == 1
        return self._windows(step, taps, local, *self._of_layer(step), unrolled=unrolled)

    def _pool(self, step: Step, unrolled: Unrolled) -> LayerImage:
        pool = step.pool
        assert pool is not None
        channels = step.made.shape[0]
        grid = np.meshgrid(np.arange(channels), *map(np.arange, pool.kernel), indexing="ij")
        output, row, column = (values.reshape(-1).astype(np.int64) for values in grid)
        source = self._sources.maps_of(step.terms[0].elements)[0].shape[1:]
        is_whole = (
            step.rows is None and pool.kernel == source and step.made.shape[1:] == (1, 1) and not any(pool.padding)
        )
        if is_whole:  # every position adds into one, whatever its number
            output, row, column = np.arange(channels), np.zeros(channels, np.int64), np.zeros(channels, np.int64)
        taps = (output, output, row, column, np.ones(output.size, np.int64))
        codebook = self._codebook([step.pool_weight])
        biases = np.full(channels, INT16_MIN if pool.kind == "max" else 0, np.int16)
        return self._windows(step, taps, True, codebook, biases, 1, is_whole, unrolled=unrolled)

    def _term(self, step: Step, term: Term, last: bool) -> LayerImage:
        """Weight times a map, added to the sums of the terms before; the last writes back."""
        channels = np.arange(step.made.shape[0])
        zeros = np.zeros_like(channels)
        one = replace(step, kind="sum", terms=[term])
        if not last:
            one.offset = one.shift = one.limit = 0
            one.relu = False
        taps = (channels, channels, zeros, zeros, np.ones_like(channels))
        codebook = self._codebook([term.weight])
        biases = np.full(channels.size, one.offset, np.int16)
        return self._windows(one, taps, True, codebook, biases, 1, keep=not last)

    def _windows(
        self,
        step: Step,
        taps: tuple[NDArray[np.int64], ...],
        local: bool,
        codebook: NDArray[np.int16],
        biases: NDArray[np.int16],
        bias_scale: int,
        is_whole: bool = False,
        keep: bool = False,
        unrolled: Unrolled = (False, False),
    ) -> LayerImage:
        """A layer of windows. `taps`: output channel, source channel, tap row, tap column and code of every weight."""
        term = step.terms[0]
        channels = channels_read(self._sources, step, term)
        buffer, made = self._buffers[channels[0][0].number], channels[0][0]
        part = part_made(step, self._places[step.made.number])
        result = part.place
        windows = (Window(), Window()) if is_whole else windows_of(step, self._network)
        source, top, windows = self._source(step, made, windows)
        lanes = np.array([self._places[made.number].lane[of] for made, of in channels])
        locals_ = np.array([buffer.offsets[made.number] + self._places[made.number].local[of] for made, of in channels])
        lowest, span = span_read(self._sources, self._places, step, term, buffer)
        held = part.held[taps[0]]
        output, channel, row, column, code = (values[held] for values in taps)
        if step.channel_pass[1] > 1 and channel.size:  # others are not read
            lowest = int(locals_[channel].min())
            span = int(locals_[channel].max()) + 1 - lowest
        weights = Weights(output, lanes[channel], locals_[channel] - lowest, row, column, code)
        unrolled = (False, False) if is_whole else unrolled
        along = [
            meetings(source_axis, Axis(source_axis.size) if is_whole else result_axis, window, step.name, unroll)
            for source_axis, result_axis, window, unroll in zip(
                (source.rows, source.columns), (result.rows, result.columns), windows, unrolled, strict=True
            )
        ]
        flat = all(window == Window() for window in windows) and all(each.furthest == 0 for each in along)
        channel_bits = 0 if flat else (part.channels - 1).bit_length()
        column_bits = along[1].furthest.bit_length()
        check_steps(step, along, part, channel_bits, column_bits)
        entries = window_entries(weights, along[0], along[1], source, result, span, local, (channel_bits, column_bits))
        unit = 1 if local else self._config.pes
        line = source.columns.local_size * buffer.pitch
        first = buffer.first + lowest + (top + along[0].first) * line + along[1].first * buffer.pitch
        geometry: dict[str, Any] = {
            "local": local,
            "maximum": step.pool is not None and step.pool.kind == "max",
            "positive": term.positive,
            "flat": flat,
            "class_columns": along[1].classes * span * unit,
            "in_channels": span,
            "in_width": along[1].count,
            "column_step": along[1].pitch * buffer.pitch,
            "row_step": along[0].pitch * line,
            "channel_bits": channel_bits,
            "column_bits": column_bits,
        }
        for axis, each in zip("yx", along, strict=True):
            geometry |= {f"classes_{axis}": each.classes, f"start_{axis}": each.start}
            geometry[f"advance_{axis}"] = 0 if is_whole else each.advance
        columns = along[0].classes * along[1].classes * span * unit
        rows = along[0].count * along[1].count * span, first
        return self._image(step, entries, columns, rows, geometry, codebook, biases, bias_scale, keep)

    def _source(
        self, step: Step, made: Made, windows: tuple[Window, Window]
    ) -> tuple[Place, int, tuple[Window, Window]]:
        """What is read of a source: its place by itself, its first row of positions in a group, and its windows."""
        whole = self._places[made.number]
        if step.rows is None:
            low, source, top = 0, whole, 0
        else:
            needed = widened(whole, source_rows(step, windows[0], made))
            low = needed[0]
            source, top = rows_of(whole, needed)
        return source, top, (moved_window(windows[0], step, made, step.rows_made[0], low), windows[1])

    def _image(
        self,
        step: Step,
        entries: Entries,
        columns: int,
        rows: tuple[int, int],
        geometry: dict[str, Any],
        codebook: NDArray[np.int16],
        biases: NDArray[np.int16],
        bias_scale: int,
        keep: bool = False,
    ) -> LayerImage:
        """`rows` are how many are read and the first; `biases` are those of the channels of the result."""
        made, config = step.made, self._config
        part, buffer = part_made(step, self._places[made.number]), self._buffers[made.number]
        place, channels = part.place, part.channels
        height, width = part.height, place.columns.local_size
        row_bound = 1 << (max(channels - 1, int(entries.row.max(initial=0)))).bit_length()
        by_pe = np.zeros((channels, place.pe_count // place.lanes, place.lanes), np.int16)
        by_pe[place.local[part.held], :, place.lane[part.held]] = biases[part.held, np.newaxis]
        number_format = None if step.kind != "layer" else self._formats[step.layer]
        return LayerImage(
            name=step.name,
            in_rows=rows[0],
            out_rows=part.accumulators,
            codebook=codebook,
            biases=np.zeros((channels, config.pes), np.int16) if keep else by_pe.reshape(channels, config.pes),
            bias_scale=bias_scale,
            shift=step.shift if number_format is None else number_format.shift,
            relu=step.relu,
            first_row=rows[1],
            keep=keep,
            functions=FunctionDescriptor() if config.functions else None,
            map=MapDescriptor(
                destination=buffer.first
                + part.first_row * width * buffer.pitch
                + buffer.offsets[made.number]
                + part.first_channel,
                destination_step=buffer.pitch,
                columns=columns,
                out_channels=channels,
                out_height=height,
                out_width=width,
                row_pitch=width * channels,
                limit=0 if step.limit == bounds(config.activation_bits)[1] else step.limit,
                **geometry,
            ),
            **entries.encode(config.pes, columns, row_bound, config.index_bits),
        )

    def _of_layer(self, step: Step) -> tuple[NDArray[np.int16], NDArray[np.int16], int]:
        """Codebook, biases and bias scale of a weight layer."""
        layer, chosen = self._network.layers[step.layer], self._formats[step.layer]
        codebook = self._codebook(to_fixed(layer.codebook, chosen.weight_fraction_bits)[1:].tolist())
        return codebook, chosen.fixed_bias(layer.bias), chosen.bias_scale

    def _codebook(self, values: list[int]) -> NDArray[np.int16]:
        codebook = np.zeros(self._config.code_symbols, np.int16)
        codebook[1 : 1 + len(values)] = values
        return codebook
