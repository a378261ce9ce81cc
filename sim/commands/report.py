"""`eie report`: a run as one HTML page that needs nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from model.errors import EieError
from sim.baseline.files import Measured, read_baselines
from sim.energy.technology import Technology, load_technology
from sim.npy import read_labels
from sim.optional import imported
from sim.paper import chosen
from sim.report.facts import RunFacts, bench_facts, network_facts
from sim.report.file import file_histograms
from sim.report.names import shown_names
from sim.simulation.prepare import with_inputs
from sim.simulation.workload import Fit, source
from sim.source_date import source_date
from sim.terminal.fit_preset import fitted
from sim.terminal.options import Changes, ConfigFile, Json, Pes, PresetOrFit, TechnologyFile, array_config
from sim.terminal.output import Output
from sim.terminal.range_warnings import warn_of_ranges
from sim.terminal.source import Bench, BenchLayers, BenchSeed, NetworkInputs, NetworkOrBench
from sw.extras import pip_install
from sw.file.model_file import load_with_sizes
from sw.file.sizes import FileSizes
from sw.files import check_target, write_whole
from sw.network.compressed import CompressedNetwork

SHOWN = 12  # layers whose weights and runs are shown, the largest: bounds the page


class _File(NamedTuple):
    """A model file, the network in it as it is there, and its sizes."""

    path: Path
    network: CompressedNetwork
    sizes: FileSizes


def report_command(
    path: Annotated[Path, typer.Option("-o", "--output", metavar="REPORT.html", help="The page.")],
    network: NetworkOrBench = None,
    inputs_file: NetworkInputs = None,
    bench: Bench = False,
    labels_file: Annotated[
        Path | None,
        typer.Option("--labels", metavar="Y.npy", help="The number of the right output for each input: shows errors."),
    ] = None,
    layers: BenchLayers = None,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    cpu_file: Annotated[
        Path | None,
        typer.Option("--cpu", metavar="FILE.json", help="With --bench: times that `eie baseline cpu -o` measured."),
    ] = None,
    gpu_file: Annotated[
        Path | None,
        typer.Option("--gpu", metavar="FILE.json", help="With --bench: times that `eie baseline gpu -o` measured."),
    ] = None,
    technology_file: TechnologyFile = None,
    seed: BenchSeed = 1,
    as_json: Json = False,
) -> None:
    """Show a run as one HTML page. It needs no network.

    Cycles, energy, load and queues over time, roofline, the paper's figures and, of a network, its codes.
    SOURCE_DATE_EPOCH sets its date: the same command then gives the same bytes.
    """
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=not bench)
    asked = source(network, inputs_file, bench, layers, seed)
    check_target(path, network, inputs_file, labels_file, config, cpu_file, gpu_file, technology_file)
    if bench and labels_file is not None:
        raise EieError("--labels is for the inputs of a network; the layers of --bench have random ones")
    if not bench and (cpu_file or gpu_file):
        raise EieError(f"{'--cpu' if cpu_file else '--gpu'} holds times of the layers of --bench; a network has others")
    if imported("bokeh") is None:
        raise EieError(f"eie report needs bokeh: {pip_install('report')}")
    measured = read_baselines(cpu_file, gpu_file)
    technology = load_technology(technology_file)
    if asked.network is None or asked.inputs_file is None:
        run = bench_facts(chosen(layers), array, technology, seed, output)
        write_report(path, "Layers of the EIE paper", run, None, measured, output)
        return
    fit = partial(fitted, preset, array, changes)
    files = asked.network, asked.inputs_file, labels_file
    run, file = _network(files, fit, array.activation_bits, technology, output)
    write_report(path, asked.network.name, run, file, measured, output)


def _network(
    files: tuple[Path, Path, Path | None],
    fit: Fit,
    activation_bits: int,
    technology: Technology,
    output: Output,
) -> tuple[RunFacts, _File]:
    """The run of a network on its inputs, with labels if there is a third file, and its file."""
    network, inputs_file, labels_file = files
    with output.steps(f"reading {network}"):
        stored, sizes = load_with_sizes(network)
    compressed, inputs, _ = with_inputs(network, stored, inputs_file, output, activation_bits)
    labels = None if labels_file is None else read_labels(labels_file, len(inputs))
    run = network_facts(compressed, inputs, fit(compressed, output), technology, output, labels)
    return run, _File(network, stored, sizes)


def write_report(
    path: Path,
    name: str,
    run: RunFacts,
    file: _File | None,
    measured: Sequence[Measured],
    output: Output,
) -> None:
    """Draw the page, write it whole and say so."""
    with output.steps("drawing"):
        # Bokeh takes a second to import: only this command does.
        from sim.report import sections

        facts = None
        if file is not None:
            histograms = file_histograms(file.path, file.network)
            largest = {layer.name for layer in sorted(file.sizes.layers, key=lambda layer: -layer.entries)[:SHOWN]}
            names = shown_names(file.network.layers)
            facts = sections.FileFacts(
                sizes=replace(
                    file.sizes,
                    layers=tuple(replace(layer, name=names[layer.name]) for layer in file.sizes.layers),
                ),
                histograms=[replace(layer, name=names[layer.name]) for layer in histograms if layer.name in largest],
            )
        data: bytes = sections.report_page(name, run, facts, measured, sections.Provenance.here()).encode()
        write_whole(path, data)
    output.line(
        f"{path}: {len(run.layers)} layers, {len(data) / 1e6:.2f} MB. Open it in a browser; it needs no network."
    )
    if run.ranges is not None:
        warn_of_ranges(output, run.ranges)
    output.result(
        {
            "file": str(path),
            "bytes": len(data),
            "layers": [layer.name for layer in run.layers],
            "date": source_date().isoformat(timespec="seconds"),
            **({} if run.ranges is None else run.ranges.payload),
        }
    )
