"""`--preset fit`: an array made for the network that a command is given."""

from model.config import ArrayConfig
from model.errors import ConfigError, EieError
from sim.progress import Progress
from sim.terminal.options import DEFAULT_PRESET, FIT, as_options
from sw.image.fitting import fitting_array, whole_network_array
from sw.network.chain import is_chain
from sw.network.compressed import CompressedNetwork

# What the network decides.
CHOSEN = (
    "layers",
    "activation_depth",
    "accumulator_depth",
    "pointer_depth",
    "constant_depth",
    "sparse_matrix_depth",
)


def fitted(
    preset: str | None, array: ArrayConfig, changes: list[str] | None, network: CompressedNetwork, progress: Progress
) -> ArrayConfig:
    """`array` as it is, or with --preset fit the one with memories just large enough for the calibrated network.

    Whole networks in one start: with `maps` for anything but fully connected layers one after another, with `functions`
    for recurrent ones. What was chosen is noted as options. ConfigError if --set says what the network decides,
    EieError if no array of these PEs holds it.
    """
    if preset != FIT:
        return array
    given = {change.partition("=")[0].strip() for change in changes or ()}
    for name in CHOSEN:
        if name in given:
            raise ConfigError(f"--preset fit chooses {name} by the network; wanted no --set {name}")
    try:
        made = fitting_array(network, whole_network_array(network, array))
    except EieError as error:
        hosted = "" if is_chain(network) else "; other presets run it layer by layer where `maps` is off"
        raise EieError(f"--preset fit: {error}{hosted}") from error
    progress.note(f"--preset fit is {as_options(DEFAULT_PRESET, made.to_dict())}")
    return made
