"""How fast `stepsize play` is: from the command to the page, and from dragging a slider to the redrawn chart.

The drag is measured in Chromium: from the slider's input event to the frame after the charts have the answer's curves,
with four schedules, over 60 events in a row.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

ROUNDS = 5
EVENTS = 60
SCHEDULES = (
    "warmup_cosine(3e-4, 2000, 100_000, final_lr=3e-5)",
    "wsd(3e-4, 2000, 78_000, 20_000)",
    "one_cycle(3e-4, 100_000)",
    "sgdr(3e-4, 10_000, 10)",
)
DRAG = """async (events) => {
  const slider = document.querySelector('input[type=range]');
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const taken = [];
  for (let event = 0; event < events; event += 1) {
    const before = document.documentElement.dataset.shown;
    const begun = performance.now();
    slider.value = Number(slider.min) + ((event % 40) + 5) * Number(slider.step);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    while (document.documentElement.dataset.shown === before) await frame();
    await frame();
    taken.push(performance.now() - begun);
  }
  return taken;
}"""


@contextmanager
def playing(*words: str) -> Iterator[tuple[str, float]]:
    """The address of a page, and the seconds from the command to its first byte."""
    command = [str(Path(sys.executable).with_name("stepsize")), "play", "--no-browser", *words]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    try:
        with urllib.request.urlopen(address) as page:
            page.read()
        yield address, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()


def opened(page: Page, address: str) -> float:
    """Open the page; the seconds until it shows curves."""
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-shown]", state="attached")
    return time.perf_counter() - begun


def busy(session: CDPSession) -> float:
    """The seconds that the page's thread has worked."""
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def main() -> None:
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    served = []
    for _ in range(ROUNDS):
        with playing() as (_, seconds):
            served.append(seconds)
    print(f"from the command to the page: {statistics.median(served):.2f} s ({min(served):.2f} to {max(served):.2f})")
    with playing(*SCHEDULES) as (address, _), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        print(f"from opening the page to its curves: {opened(page, address):.2f} s")
        page.wait_for_selector("#ranking .named")  # SciPy is loaded
        page.evaluate(DRAG, 5)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = busy(session)
        taken = sorted(page.evaluate(DRAG, EVENTS))
        print(f"processor time of the page for each event: {(busy(session) - before) / EVENTS * 1e3:.0f} ms")
        late = taken[int(0.95 * EVENTS)]
        print(
            f"from an input event to the redrawn charts, {len(SCHEDULES)} schedules of 100,000 steps: median "
            f"{statistics.median(taken):.0f} ms, 95% within {late:.0f} ms, at most {taken[-1]:.0f} ms"
        )
        browser.close()


if __name__ == "__main__":
    main()
