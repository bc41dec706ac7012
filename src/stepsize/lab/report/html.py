"""The report of a comparison as one page of HTML that needs no network: curves, tables, and what may be believed."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2

from stepsize.lab.report.panels import panels, stroke
from stepsize.lab.report.settings import HELD_OUT, in_words
from stepsize.lab.report.tables import endings, grouped, most_telling, summary, tables
from stepsize.lab.tuning import HOW_TUNED, Trial
from stepsize.lab.watching import COMPLETE
from stepsize.store.run import Logged

MOST_CURVES = 42
"""So many look different from each other."""
MOST_RUNS_LISTED = 200
BANDS_UP_TO = 8
"""With more curves than these, the bands are off until they are asked for."""


@dataclass(frozen=True)
class About:
    """What a comparison was: its title, what was asked for, where the data came from, and on what it ran.

    `planned` is how many runs were asked for: those that did not end are told of. `names` are the schedules in the
    order of the experiment, whose first the others are compared with, even where it has no run; and `seeds` is how many
    each was to have. Left out, they are those of the runs. `trials` are what each schedule's peak was chosen from.
    `judged_on` names the samples that the runs were judged on: "test" or "held-out".
    """

    title: str
    settings: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    environment: Mapping[str, object] = field(default_factory=dict)
    planned: int = 0
    names: Sequence[str] = ()
    seeds: int | None = None
    trials: Sequence[Trial] = ()
    judged_on: str = "test"


def html_report(runs: Sequence[Logged], about: About) -> str:
    """The page: a summary, curves with bands over seeds, tables with differences and intervals, how it was made.

    Runs that diverged are marked and not averaged in. Those that were interrupted are drawn as far as they came, and
    are in no table. Of more than 42 schedules the first is drawn with those that came out best, and of more
    than 200 the same goes for the tables.

    Args:
        runs: `stepsize.store.Run`, or anything with its `name`, `schedule`, `seed`, `status`, `column` and
            `epoch_column`: a view of large arrays need not be turned into points.
        about: what is said of them.

    Example:
        >>> from stepsize.lab import About, html_report
        >>> from stepsize.store import Run
        >>> from stepsize.store.run import Epoch, Point
        >>> run = Run("flat", "Constant(0.1)", 0, (Point(5, 0.1, 1.0, 0.5),), (Epoch(5, 1.0, 0.5, 1.1, 0.6),), 2.0)
        >>> "<title>One run</title>" in html_report([run], About("One run"))
        True
    """
    every = grouped(runs, about.names)
    groups = {name: group for name, group in every.items() if group}
    compared = tables(every, about.judged_on)
    best = (
        most_telling(compared[0].metric, compared[0].findings, MOST_CURVES) if compared else list(groups)[:MOST_CURVES]
    )
    drawn = {name: index for index, name in enumerate(name for name in best if name in groups)}
    listed = [row.finding.name for row in compared[0].rows if row.finding.name in groups] if compared else list(drawn)
    shown = panels([groups[name] for name in drawn], about.judged_on)
    script = _text("report.js")
    return _PAGES.get_template("report.html.jinja").render(
        about=about,
        settings=in_words(about.settings),
        environment=in_words(about.environment),
        summary=summary(compared[0], about.seeds or len({run.seed for run in runs})) if compared else "",
        trials=[trial.cells() for trial in about.trials],
        about_trials=HOW_TUNED,
        about_held_out=HELD_OUT,
        missing=max(0, about.planned - sum(run.status in COMPLETE for run in runs)),
        schedules={name: groups[name][0].schedule for name in listed},
        among=len(groups),
        drawn=drawn,
        strokes=[stroke(index) for index in range(len(drawn))],
        panels=shown,
        tables=compared,
        endings=endings(runs, compared) if len(runs) <= MOST_RUNS_LISTED else (),
        count=len(runs),
        with_bands=any(curve.band for panel in shown for curve in panel.curves),
        bands=len(drawn) <= BANDS_UP_TO,
        data={"names": list(drawn), "panels": [panel.data for panel in shown]},
        style=_text("report.css"),
        script=script,
        fingerprint=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _text(name: str) -> str:
    """A file of the page's own."""
    return _LOADER.get_source(_PAGES, name)[0]


_LOADER = jinja2.PackageLoader("stepsize.lab.report", "page")
_PAGES = jinja2.Environment(
    loader=_LOADER, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_COMPACT: dict[str, Any] = {"separators": (",", ":"), "allow_nan": False}
_PAGES.policies["json.dumps_kwargs"] = _COMPACT
