"""The reference networks of MLPerf Tiny on an array with maps, each as one program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.config_fields import shown
from model.errors import EieError
from model.image import NetworkImage
from sim.energy.memories import array_memories
from sim.energy.technology import Technology
from sim.fields import check_seed
from sim.mlperf_tiny import FOLDER, KWS_SAMPLES, KWS_SCALE, KWS_ZERO, TINY_NETWORKS, TinyNetwork
from sim.progress import SILENT, Progress
from sim.simulation.run import Run
from sim.simulation.simulate import simulate_lowered
from sim.simulation.tiny_pruning import pruned_network, wanted_densities
from sw.compress.pipeline import compress
from sw.compress.reconstruct import reconstruct
from sw.compress.row_scales import scale_rows, scaled_names
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network
from sw.formats.npz import read_arrays
from sw.image.fitting import fitting_array
from sw.image.maps.build import build_map_image
from sw.network.accuracy import measure_integers
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.host_end import without_softmax

Sharing = Literal["plain", "reconstruct", "scale-rows"]

CALIBRATION = 16  # random inputs
ALL_KEPT: Mapping[str, float] = wanted_densities(pruned=False, changes=())
DEPTHS = ("layers", "sparse_matrix_depth", "pointer_depth", "activation_depth", "accumulator_depth", "constant_depth")


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Right answers on the integer datapath, of so many samples."""

    right: int
    samples: int


@dataclass(frozen=True, kw_only=True)
class TinyRun:
    """What an array did with one of the networks.

    Parameters
    ----------
    network : which.
    weights : entries that are stored, of the network's weights that are not 0.
    enlarged : fields of the configuration that are larger than in the array asked for, because the network needs it.
    run : on the engine; `run.total` has every figure, mean over the inputs.
    memory_bits : of all memories of all PEs of the array that ran it.
    error : largest difference of an output from that of the network in float32, pruned but with weights of its own,
        over the range of these.
    remarks : what was assumed or left out, in sentences.
    labelled : of the keyword spotter.
    """

    network: TinyNetwork
    weights: int
    enlarged: Mapping[str, int]
    run: Run
    memory_bits: int
    error: float
    remarks: Sequence[str]
    labelled: Labelled | None


@dataclass(frozen=True, kw_only=True)
class TinyBench:
    """Runs in the suite's order, and by their tasks the reasons why others of `tasks` could not be run."""

    tasks: Sequence[str]
    densities: Mapping[str, float]
    array: ArrayConfig
    seed: int
    samples: int
    runs: tuple[TinyRun, ...]
    reasons: Mapping[str, str]


def tiny_bench(
    data: Path,
    array: ArrayConfig,
    samples: int = 4,
    seed: int = 1,
    *,
    tasks: Sequence[str] | None = None,
    densities: Mapping[str, float] = ALL_KEPT,
    sharing: Sharing = "plain",
    technology: Technology | None = None,
    progress: Progress = SILENT,
) -> TinyBench:
    """Run every network that can be read and compiled.

    Parameters
    ----------
    data : the folder that holds mlperf_tiny/.
    array : with maps; memories that are too small for a network are enlarged for it, and its run says so.
    samples : inputs that the engine runs per network, one or more: of the keyword spotter the first of its samples, of
        the others seeded random ones, and so are those that they are calibrated on.
    seed : 0 or more.
    tasks : of `sim.mlperf_tiny.TINY_NETWORKS`, None for all.
    densities : kept weights by kind of layer, see `sim.simulation.tiny_pruning`.
    sharing : of weights: as they are; fitted to what layers give on the calibration inputs (`sw.compress.reconstruct`);
        or with scales for rows where shared weights come nearer then (`sw.compress.row_scales`).

    EieError for an array without maps and for a folder that is not there. Weights take the codes of the array.
    """
    check_seed(seed)
    if samples < 1:
        raise EieError(f"--samples must be 1 or more, got {samples}")
    if not array.maps:
        raise EieError(f"whole networks take an array with maps, such as mcu16; {array.name} has maps = false")
    unknown = sorted(set(tasks or ()) - set(TINY_NETWORKS))
    if unknown:
        raise EieError(f"no task {shown(unknown[0])} in MLPerf Tiny; tasks: {', '.join(TINY_NETWORKS)}")
    folder = data / FOLDER
    if not folder.is_dir():
        raise EieError(f"no folder {folder}: --data or EIE_DATA names the folder that holds {FOLDER}/")
    runs: list[TinyRun] = []
    reasons: dict[str, str] = {}
    wanted = [task for task in TINY_NETWORKS if not tasks or task in tasks]
    with progress.steps(f"running {len(wanted)} networks on {array.pes} PEs") as say:
        for number, network in enumerate(TINY_NETWORKS.values()):
            if network.task not in wanted:
                continue
            say(f"{network.task}: reading, compiling and running {network.file}")
            try:
                inputs = _Inputs(folder, network, samples, [seed, number])
                runs.append(_run(folder / network.file, network, inputs, array, densities, sharing, technology))
            except EieError as error:
                reasons[network.task] = str(error)
    return TinyBench(
        tasks=wanted,
        densities=densities,
        array=array,
        seed=seed,
        samples=samples,
        runs=tuple(runs),
        reasons=reasons,
    )


class _Inputs:
    """Inputs and calibration inputs of a network, and labels of the keyword spotter."""

    def __init__(self, folder: Path, network: TinyNetwork, samples: int, seed: Sequence[int]):
        self._network, self.samples = network, samples
        self._random = np.random.default_rng(seed)
        self.labels: NDArray[np.int64] | None = None
        if network.task == "KWS":
            self._features, self.labels = read_keywords(folder / KWS_SAMPLES)

    def halves(self, features: int) -> list[NDArray[np.float32]]:
        """What is counted and what is calibrated on; of labelled inputs every second one each."""
        if self.labels is None:
            sizes = (self.samples, CALIBRATION)
            low, high = self._network.low, self._network.high
            return [self._random.uniform(low, high, (size, features)).astype(np.float32) for size in sizes]
        return [self._features[0::2], self._features[1::2]]


def read_keywords(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(n, features) real numbers and (n,) labels of the keyword spotter's samples; EieError for anything else."""
    try:
        arrays = read_arrays(path)
    except EieError as error:
        raise EieError(f"{path}: {error}") from error
    if not {"features_int8", "labels"} <= arrays.keys():
        raise EieError(f"{path} must hold features_int8 and labels, it holds {', '.join(sorted(arrays))[:80]}")
    features, labels = arrays["features_int8"], arrays["labels"]
    if features.dtype != np.int8 or features.ndim < 2 or len(features) < 2:
        raise EieError(f"{path}: features_int8 must be two inputs or more of int8, got {features.dtype}")
    if labels.dtype.kind not in "iu" or labels.shape != (len(features),):
        raise EieError(f"{path}: labels must be one whole number for each of {len(features)} inputs")
    real = (features.reshape(len(features), -1).astype(np.float64) - KWS_ZERO) * KWS_SCALE
    return real.astype(np.float32), labels.astype(np.int64)


def lay_out_whole(network: CompressedNetwork, array: ArrayConfig) -> tuple[NetworkImage, dict[str, int]]:
    """The image of a calibrated network, and the depths that had to grow for it with their new values.

    EieError if no array of these PEs takes it, which names the layer.
    """
    try:
        return build_map_image(network, array), {}
    except EieError:
        fitting = fitting_array(network, array)
    enlarged = {field: getattr(fitting, field) for field in DEPTHS if getattr(fitting, field) > getattr(array, field)}
    return build_map_image(network, array.with_(**enlarged)), enlarged


def _run(
    path: Path,
    network: TinyNetwork,
    inputs: _Inputs,
    array: ArrayConfig,
    densities: Mapping[str, float],
    sharing: Sharing,
    technology: Technology | None,
) -> TinyRun:
    remarks: list[str] = []

    def say(said: str) -> None:  # without what this suite does not have: another file and another way to read it
        remarks.append(said.removeprefix(f"{path}: ").replace(" (--integers says otherwise)", ""))

    read = load_network(path, assumptions=Assumptions(say=say))
    plain, softmax = without_softmax(read)
    if softmax is not None:
        remarks.append("the softmax at the end is left out: the largest output stays the largest")
    pruned = pruned_network(plain, densities)
    if sharing == "scale-rows":
        pruned = scale_rows(pruned, (1 << array.code_bits) - 1)
        scaled = len(scaled_names(pruned))
        remarks.append(f"rows of weights have scales in {scaled} of {len(plain.layers)} layers, each by one layer more")
    counted, typical = inputs.halves(plain.in_features)
    if sharing == "reconstruct":
        compressed = reconstruct(pruned, typical, code_bits=array.code_bits)
        remarks.append(f"weights and biases are fitted on the {len(typical)} inputs of calibration, without labels")
    else:
        compressed = compress(pruned, code_bits=array.code_bits)
    calibrated = calibrate(compressed, typical, array.activation_bits)
    image, enlarged = lay_out_whole(calibrated, array)
    run = simulate_lowered(image, counted[: inputs.samples], technology=technology)
    labelled = None
    if inputs.labels is not None:
        others = calibrate(compressed, counted, array.activation_bits)
        widths = array.accumulator_bits, array.activation_bits
        halves = (calibrated, counted, inputs.labels[0::2]), (others, typical, inputs.labels[1::2])
        errors = [measure_integers(*half, accumulator_bits=widths[0], activation_bits=widths[1]) for half in halves]
        labelled = Labelled(
            right=sum(each.inputs - each.wrong for each in errors), samples=sum(each.inputs for each in errors)
        )
        remarks.append("binary points are chosen on one half of the samples for the other half; labels are not used")
    return TinyRun(
        network=network,
        weights=sum(layer.positions.size for layer in compressed.layers),
        enlarged=enlarged,
        run=run,
        memory_bits=array_memories(image.config).bits * array.pes,
        error=_error(run.outputs, pruned.forward(counted[: inputs.samples])),
        remarks=remarks,
        labelled=labelled,
    )


def _error(outputs: NDArray[Any], reference: NDArray[np.float32]) -> float:
    wanted = reference.reshape(outputs.shape).astype(np.float64)
    spread = float(wanted.max() - wanted.min())
    return float(np.abs(outputs - wanted).max()) / spread if spread else 0.0
