"""The report of a comparison as one page of HTML that needs no network."""

import base64
import hashlib
from collections.abc import Mapping, Sequence

import jinja2

from stepsize.errors import one_line
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.markdown import HELD_OUT, in_words, settings_shown
from stepsize.lab.report.panels import panels, stroke
from stepsize.lab.report.tables import endings, first_and_best, grouped, summary, tables
from stepsize.lab.statistics.differences import Looks
from stepsize.lab.statistics.findings import Metric, Terms
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tuning import HOW_TUNED, Trial
from stepsize.plots.curves import printable
from stepsize.store.run import COMPLETE, Logged

MOST_CURVES = 42  # that look different from each other
MOST_RUNS_LISTED = 200
LONGEST_TITLE = 240
MARKS = {
    "better": "✓",
    "worse": "✗",
    "higher": "↑",
    "lower": "↓",
    "small": "=",
    "open": "≈",
    "unknown": "?",
    "first": "",
}
BANDS_UP_TO = 8  # curves; with more, the bands are hidden until they are asked for


def html_report(
    runs: Sequence[Logged],
    title: str,
    *,
    source: str = "",
    settings: Mapping[str, object] | None = None,
    environment: Mapping[str, object] | None = None,
    planned: int = 0,
    names: Sequence[str] = (),
    seeds: int | None = None,
    trials: Sequence[Trial] = (),
    judged_on: str = "test",
    looks: Looks | None = None,
    remarks: Sequence[str] = (),
    headline: Metric | None = None,
    chance: Chance | None = None,
    others: Sequence[Metric] = (),
) -> str:
    """A page of HTML: a summary, curves with bands over seeds, tables with differences and intervals, the settings.

    Diverged runs are marked and not averaged. Interrupted runs are drawn as far as they came, and are in no table. Of
    more than 42 schedules, the first and the best are drawn; of more than 200, the first and the best are in the
    tables.

    Args:
        runs: `stepsize.store.Run`, or anything with its `name`, `schedule`, `seed`, `status`, `diverged_at`, `column`
            and `epoch_column`, such as a view of large arrays.
        title: the title of the page.
        source: where the data came from.
        settings: what was asked for.
        environment: the versions and the machine.
        planned: the number of runs that were asked for; the page says how many of them did not finish.
        names: the schedules in order; the others are compared with the first, even if it has no run. By default those
            of the runs.
        seeds: the number of seeds that were asked for; by default those of the runs.
        trials: the trials of `tune_peak`.
        judged_on: the samples that the runs were judged on, "test" or "held-out".
        looks: the looks at the results, if seeds were added in rounds; see `findings`.
        remarks: sentences about the runs, above the tables.
        headline: the metric that comes first, if one is named.
        chance: chance level on the samples that the runs were judged on, if it is known.
        others: other metrics that the runs logged.

    Example:
        >>> from stepsize.lab import html_report
        >>> from stepsize.store import Run
        >>> from stepsize.store.run import Epoch, Point
        >>> run = Run("flat", "Constant(0.1)", 0, (Point(5, 0.1, 1.0, 0.5),), (Epoch(5, 1.0, 0.5, 1.1, 0.6),), 2.0)
        >>> "<title>One run</title>" in html_report([run], "One run")
        True
    """
    terms = Terms(tuple(names), seeds, judged_on, headline, chance, looks, tuple(others))
    every = grouped(runs, terms.names)
    groups = {name: group for name, group in every.items() if group}
    compared = tables(every, terms)
    best = listed = tuple(groups)[:MOST_CURVES]
    if compared:
        best = first_and_best(compared[0].metric, compared[0].findings, MOST_CURVES)
        listed = tuple(line.finding.name for line in compared[0].lines)
    drawn = {name: index for index, name in enumerate(name for name in best if name in groups)}
    shown = panels([groups[name] for name in drawn], terms)
    script = _text("report.js")
    return _PAGES.get_template("report.html.jinja").render(
        title=one_line(printable(title), LONGEST_TITLE),
        source=source,
        settings=in_words(settings or {}),
        environment=in_words(environment or {}),
        planned=planned,
        missing=max(0, planned - sum(run.status in COMPLETE for run in runs)),
        summary=summary(compared[0], terms.seeds or len({run.seed for run in runs})) if compared else "",
        trials=[trial.cells() for trial in trials],
        about_trials=HOW_TUNED,
        remarks=remarks,
        at_chance=terms.chance.flag(runs) if terms.chance else "",
        chance_rule=terms.chance.rule(terms.judged_on) if terms.chance else "",
        about_held_out=HELD_OUT if terms.judged_on == "held-out" else "",
        schedules={name: groups[name][0].schedule for name in listed if name in groups},
        among=len(groups),
        drawn=drawn,
        strokes=[stroke(index) for index in range(len(drawn))],
        panels=shown,
        tables=compared,
        marks=MARKS,
        endings=endings(runs, compared, terms.chance) if len(runs) <= MOST_RUNS_LISTED else (),
        count=len(runs),
        with_bands=any(curve.band for panel in shown for curve in panel.curves),
        with_crosses=any(curve.crosses for panel in shown for curve in panel.curves),
        bands=len(drawn) <= BANDS_UP_TO,
        data={"names": list(drawn), "panels": [panel.data for panel in shown]},
        style=_text("report.css"),
        script=script,
        fingerprint=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def content_page(content: ReportContent, title: str) -> str:
    """The page of a comparison, with all that its store says."""
    about = {"network": content.network, "accuracy": content.accuracy}
    return html_report(
        content.runs,
        title,
        source=content.source,
        settings=settings_shown(content) | {name: text for name, text in about.items() if text},
        environment=content.environment,
        planned=content.planned,
        trials=content.trials,
        remarks=content.remarks,
        **vars(content.terms),
    )


def _text(name: str) -> str:
    return _LOADER.get_source(_PAGES, name)[0]


_LOADER = jinja2.PackageLoader("stepsize.lab.report", "page")
_PAGES = jinja2.Environment(
    loader=_LOADER, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_PAGES.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
