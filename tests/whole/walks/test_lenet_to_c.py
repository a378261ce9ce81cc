"""LeNet-300-100 in a C program, whose bus leads to a simulated array."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.whole.walks.conftest import User

# Registers go through the program's own streams: what a board's bus is.
PROGRAM = """
#include <stdio.h>
#include "eie_driver.h"
#include "eie_network.h"

static uint32_t bus_read(void *context, uint32_t address)
{
    unsigned long value;
    (void)context;
    printf("R %lu\\n", (unsigned long)address);
    fflush(stdout);
    return scanf("%lu", &value) == 1 ? (uint32_t)value : 0;
}

static void bus_write(void *context, uint32_t address, uint32_t value)
{
    (void)context;
    printf("W %lu %lu\\n", (unsigned long)address, (unsigned long)value);
}

int main(void)
{
    static eie_bus bus = {bus_read, bus_write, 0, 0, 0, 0};
    static int16_t inputs[784], outputs[10];
    FILE *file = fopen("x.txt", "r");
    int place, failed = file == 0;
    eie_counters counters;
    for (place = 0; place < 784 && !failed; place++) {
        long pixel;
        failed = fscanf(file, "%ld", &pixel) != 1;
        inputs[place] = (int16_t)((pixel << eie_the_network.input_fraction_bits) / 256);
    }
    if (!failed)
        failed = eie_load(&bus, &eie_the_network);
    if (!failed)
        failed = eie_run(&bus, &eie_the_network, inputs, outputs);
    counters = eie_read_counters(&bus);
    printf("D %d", failed);
    for (place = 0; place < 10; place++)
        printf(" %d", outputs[place]);
    printf(" %lu %d\\n", (unsigned long)counters.cycles, (int)eie_the_network.output_fraction_bits);
    return 0;
}
"""
BUS = """
import subprocess
from eie.model.config import load_config
from eie.sw.host.transports.window import ModelWindow

array = ModelWindow(load_config("array.toml"))
program = subprocess.Popen(["./program"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
for line in program.stdout:
    what, *numbers = line.split()
    if what == "W":
        array.write(*map(int, numbers))
    elif what == "R":
        print(array.read(int(numbers[0])), file=program.stdin, flush=True)
    elif numbers:
        print(line, end="")
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="a C program needs a compiler, gcc")
def test_lenet_300_100_to_a_c_program_on_a_simulated_bus(user: User, tmp_path: Path, project_root: Path) -> None:
    shutil.copy(project_root / "examples" / "lenet-300-100.eie", tmp_path)
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 256, 784) * (rng.random(784) < 0.2)
    np.save(tmp_path / "x.npy", (pixels[np.newaxis] / 256).astype(np.float32))
    (tmp_path / "x.txt").write_text(" ".join(map(str, pixels)))

    said = user("eie driver lenet-300-100.eie --preset fit --pes 8 -o c")
    (options,) = re.findall(r"^--preset fit is (.*)$", said.err, re.M)
    assert "eie_driver.c" in said.out
    user(f"eie config {options} -o array.toml")
    said = user("eie simulate lenet-300-100.eie --input x.npy --config array.toml -o y.npy --json")
    cycles = json.loads(said.out)["total"]["cycles"]

    (tmp_path / "main.c").write_text(PROGRAM)
    user("gcc -std=c99 -Wall -Wextra -Werror -Ic main.c c/eie_driver.c -o program")
    (tmp_path / "bus.py").write_text(BUS)
    failed, *rest = map(int, user("python bus.py").out.split()[1:])
    *outputs, counted, places = rest
    assert failed == 0
    assert counted == cycles
    np.testing.assert_array_equal(np.array(outputs) * 2.0**-places, np.load(tmp_path / "y.npy")[0])
