"""A real browser without a window: what a page draws, what it complains of and what it asks for."""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

OPTIONS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=1400,1000",
)

LIMIT = 3_000_000  # bytes of a page

# Plots live in shadow trees. A canvas counts as drawn when it has more than one colour.
CANVASES = """
const found = [];
const visit = (node) => {
  if (node instanceof HTMLCanvasElement) found.push(node);
  for (const child of node.children ?? []) visit(child);
  if (node.shadowRoot) visit(node.shadowRoot);
};
return [...document.querySelectorAll("[id^=plot-]")].map((plot) => {
  found.length = 0;
  visit(plot);
  return found.filter((canvas) => canvas.width * canvas.height > 0).map((canvas) => {
    const pixels = new Uint32Array(
      canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return {width: canvas.width, height: canvas.height, colours: new Set(pixels).size};
  });
});
"""


def missing() -> str | None:
    """Why no browser can be used, or None."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not found (Debian: chromium, chromium-driver)" if lacking else None


class Browser:
    """One window. Its logs are those since `open`."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def open(self, page: Path, plots: int, seconds: float = 60, *, width: int = 1400, dark: bool = False) -> None:
        """Open a page in a tab of its own and wait until its plots are drawn.

        width, dark : the window's pixels, and what the reader's system prefers. They are set before the page is there:
        Chromium 150 sometimes never leaves a page whose window was just resized.
        """
        before = self._driver.current_window_handle
        self._driver.switch_to.new_window("tab")
        tab = self._driver.current_window_handle
        self._driver.switch_to.window(before)
        self._driver.close()
        self._driver.switch_to.window(tab)
        screen = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for log in ("browser", "performance"):
            self._driver.get_log(log)
        self._driver.get(page.as_uri())
        end = time.monotonic() + seconds
        while self.run("return document.documentElement.dataset.drawn") != str(plots):
            assert time.monotonic() < end, f"not drawn in {seconds} s: {self.complaints()}"
            time.sleep(0.1)

    def picture(self, path: Path) -> None:
        """What is seen of the page, as PNG."""
        self._driver.save_screenshot(str(path))

    def run(self, script: str) -> Any:
        """What a script returns."""
        return self._driver.execute_script(script)

    def canvases(self) -> list[list[dict[str, int]]]:
        """Width, height and number of colours of every canvas of every plot."""
        return self.run(CANVASES)

    def complaints(self) -> list[str]:
        """Warnings and errors of the console."""
        return [entry["message"] for entry in self._driver.get_log("browser") if entry["level"] != "INFO"]

    def requests(self) -> list[str]:
        """Addresses that were asked for; those inside the page are none."""
        messages = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent if not each["request"]["url"].startswith(("data:", "blob:"))]


def drawn(chromium: Browser, page: Path, **look: Any) -> int:
    """The number of plots of a page, after all that a page must do was seen to be so."""
    html = page.read_text()
    plots = len(re.findall(r'<div id="plot-\d+">', html))
    assert len(html.encode()) < LIMIT
    chromium.open(page, plots, **look)
    canvases = chromium.canvases()
    assert len(canvases) == plots
    for number, plot in enumerate(canvases):
        width, height, colours = (max(canvas[what] for canvas in plot) for what in ("width", "height", "colours"))
        assert width > 200, number
        assert height > 100, number
        assert colours > 8, number
    assert chromium.complaints() == []
    assert chromium.requests() == [page.as_uri()]
    assert chromium.run("return document.documentElement.scrollWidth <= window.innerWidth")
    return plots


@contextmanager
def browser() -> Iterator[Browser]:
    """A fresh browser with a fresh profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for option in (*OPTIONS, f"user-data-dir={profile}"):
            options.add_argument(f"--{option}")
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
