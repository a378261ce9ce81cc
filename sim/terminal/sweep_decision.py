"""What a sweep is asked to decide: a goal, limits, a device to synthesise for, a page to show it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.config import ArrayConfig
from model.errors import EieError
from sim.optional import imported
from sim.provenance import made_by, one_line
from sim.sweep.front import candidates, front_payload, pareto_front, varied_fields
from sim.sweep.recommend import Goal, Limits, Recommendation, recommend
from sim.sweep.results import LUTS, Row
from sim.terminal.options import as_options, known_preset
from sim.terminal.output import Output
from sim.terminal.sweep_tables import recommendation_lines, show_front
from sim.terminal.sweep_usage import device_of
from sim.text import as_text, count
from sw.extras import pip_install
from sw.files import write_whole


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The options that decide.

    Parameters
    ----------
    goal : None: time, if there are limits, else nothing is recommended.
    device : that points are synthesised for; None for none.
    page : file that shows it.
    """

    goal: Goal | None
    limits: Limits
    device: str | None
    page: Path | None

    @classmethod
    def of(cls, goal: Goal | None, limits: Limits, device: str | None, page: Path | None, shown: bool) -> "Decision":
        """EieError for a device that there is not, and for what is missing; `shown` for results that are there."""
        if page is not None and imported("bokeh") is None:
            raise EieError(f"--html needs bokeh: {pip_install('report')}")
        if shown and device is not None:
            raise EieError("--device synthesises while sweeping; --show has what its file has")
        return cls(goal=goal, limits=limits, device=None if shown else device_of(device, limits), page=page)

    @property
    def given(self) -> bool:
        """Whether anything is to be recommended."""
        return self.goal is not None or self.limits.given

    def show(self, output: Output, rows: Sequence[Row], results: str) -> dict[str, Any]:
        """The front, the recommended point and the page, of marked rows; the same as plain values."""
        found = candidates(rows)
        if self.limits.of_device and found and all(each.value(LUTS) is None for each in found) and not self.device:
            raise EieError(
                "no point of these results was synthesised: sweep again with --max-luts, --max-brams or --device"
            )
        front = pareto_front(found)
        show_front(output, rows, front)
        payload: dict[str, Any] = {"front": front_payload(front)}
        recommendation: Recommendation | None = None
        sentences: list[str] = []
        if self.given:
            recommendation = recommend(found, self.goal or "time", self.limits)
            sentences = recommendation_lines(recommendation, varied_fields(rows))
            payload["recommendation"] = recommendation.payload()
        for sentence in sentences:
            output.line(sentence)
        if self.page is not None:
            with output.steps(f"drawing {self.page}"):
                # Bokeh takes a second to import.
                from sim.report.origin import Provenance
                from sim.report.sweep_page import Exploration, sweep_page

                exploration = Exploration(
                    rows=rows,
                    found=found,
                    front=front,
                    limits=self.limits,
                    recommendation=recommendation,
                    sentences=sentences,
                )
                write_whole(self.page, sweep_page(exploration, Provenance.here(), results).encode())
            output.line(f"{self.page}: {count(len(found))} points. Open it in a browser; it needs no network.")
            payload["page"] = str(self.page)
        return payload

    def options(self) -> list[str]:
        """Those that change what the results hold: which points are synthesised, and for what."""
        if self.device is None:
            return []
        limits = self.limits
        values = {
            "--device": self.device,
            "--max-mm2": limits.mm2,
            "--max-mw": limits.mw,
            "--min-fps": limits.fps,
        }
        return [word for option, value in values.items() if value is not None for word in (option, f"{value}")]


def sweep_origin(
    subject: Sequence[str], base: ArrayConfig, varied: Mapping[str, Sequence[Any]], more: Sequence[str]
) -> dict[str, str]:
    """What the results say of their origin: the version, and the shortest command that gives the same results.

    Where and how it ran, in shards or at once, is left out: it changes nothing in them. `subject` says what ran.
    """
    words = ["eie", "sweep", *subject]
    for name, values in varied.items():
        words += ["--vary", f"{name}={','.join(map(as_text, values))}"]
    array = as_options(known_preset(base.name), base.to_dict())
    command = f"{shlex.join(words)} {array}{' ' if more else ''}{shlex.join(more)}"
    return {"version": made_by()["version"], "command": one_line(command)}
