"""The reference networks of MLPerf Tiny (Banbury et al., 2021, arXiv 2106.07597) and what others publish for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

FOLDER = "mlperf_tiny"  # in the folder with data
KWS_SAMPLES = "kws01_half.npz"
KWS_SCALE, KWS_ZERO = 0.5847029089927673, 83  # real feature = (integer - zero) * scale


@dataclass(frozen=True, kw_only=True)
class TinyNetwork:
    """A reference network.

    Parameters
    ----------
    task : anomaly detection (AD), keyword spotting (KWS), image classification (IC), visual wake words (VWW), streaming
        wake word (SWW).
    file : TensorFlow Lite model as the benchmark names it; float32, of the streaming wake word in 8-bit integers.
    low, high : range of inputs, which the input of the benchmark's 8-bit network has; random ones are uniform in it.
    """

    task: str
    name: str
    file: str
    low: float
    high: float


class Published(NamedTuple):
    """A result in the results of MLPerf Tiny v0.7 to v1.3; None or "" for what is not known.

    Parameters
    ----------
    division : closed, of the reference network, or open, of a network of the submitter's own.
    inferences_s : median inferences per second.
    quality : as published, "AUC 0.86" or right answers.
    microjoules : per inference, of the whole device.
    """

    task: str
    entry: str
    division: str
    device: str
    inferences_s: float
    quality: str
    multipliers: int | None
    clock_mhz: float | None
    microjoules: float | None


TINY_NETWORKS: Mapping[str, TinyNetwork] = {
    network.task: network
    for network in (
        TinyNetwork(task="AD", name="autoencoder", file="ad01_fp32.tflite", low=-84.850, high=14.859),
        TinyNetwork(task="KWS", name="DS-CNN", file="kws_ref_model_float32.tflite", low=-123.372, high=25.727),
        TinyNetwork(task="IC", name="ResNet-8", file="pretrainedResnet.tflite", low=0.0, high=255.0),
        TinyNetwork(task="VWW", name="MobileNetV1-0.25", file="vww_96_float.tflite", low=0.0, high=1.0),
        TinyNetwork(task="SWW", name="1-D DS-CNN", file="str_ww_ref_model.tflite", low=0.0, high=0.94377),
    )
}

PUBLISHED: tuple[Published, ...] = (
    Published("AD", "hls4ml", "open", "Arty A7-100T", 30690, "AUC 0.83", None, None, 98),
    Published("AD", "hls4ml", "open", "PYNQ-Z2", 53370, "AUC 0.83", None, None, 30),
    Published("AD", "GAP9", "closed", "GAP9", 5692, "AUC 0.86", None, None, 7.3),
    Published("KWS", "FINN MLP W3A3", "open", "Arty A7-100T", 30150, "82.5 %", None, None, 53.7),
    Published("KWS", "FINN MLP W3A3", "open", "PYNQ-Z2", 57270, "82.5 %", None, None, None),
    Published("KWS", "fpgaConvNet", "closed", "ZedBoard", 3088, "91.1 %", 188, 143, None),
    Published("KWS", "fpgaConvNet", "closed", "Zybo", 465, "91.1 %", 60, None, None),
    Published("KWS", "fpgaConvNet", "closed", "Cora-Z7", 237, "91.1 %", 55, None, None),
    Published("KWS", "GAP9", "closed", "GAP9", 2103, "90.0 %", None, None, 26.5),
    Published("IC", "fpgaConvNet", "closed", "ZC706", 6790, "86.0 %", 525, None, None),
    Published("IC", "fpgaConvNet", "closed", "ZedBoard", 2432, "86.0 %", 211, None, None),
    Published("IC", "fpgaConvNet", "closed", "Zybo", 317, "86.0 %", 78, None, None),
    Published("IC", "FINN CNV-W1A1", "open", "Arty A7-100T", 659, "84.5 %", None, None, None),
    Published("IC", "hls4ml RN07", "open", "Arty A7-100T", 30, "83.5 %", None, None, None),
    Published("IC", "hls4ml RN08", "open", "PYNQ-Z2", 131, "83.5 %", None, None, None),
    Published("IC", "GAP9", "closed", "GAP9", 1623, "87.0 %", None, None, 40.5),
    Published("VWW", "fpgaConvNet", "closed", "ZC706", 1388, "85 %", 564, 200, None),
    Published("VWW", "fpgaConvNet", "closed", "ZedBoard", 105, "85 %", 189, None, None),
    Published("VWW", "GAP9", "", "GAP9", 889, "83 to 85 %", None, None, 58.7),
    Published("VWW", "ANPU", "", "ZCU106", 2684, "83 to 85 %", None, None, None),
    Published("VWW", "ANPU", "", "VCU128", 4624, "83 to 85 %", None, None, None),
)
