"""The methods of a comparison in sentences, with every setting and version, in Markdown and in LaTeX."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stepsize.lab.experiment import Experiment
from stepsize.lab.report import latex
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.markdown import HELD_OUT, Code, in_markdown, in_words, settings_shown
from stepsize.lab.report.tables import Table
from stepsize.lab.statistics.differences import Looks
from stepsize.lab.tuning import HOW_TUNED

Sentence = tuple[str, ...]
"""Pieces of text and of code."""


@dataclass(frozen=True)
class Methods:
    """Sentences, remarks about the runs, the schedules, and further names with values under their titles."""

    sentences: tuple[Sentence, ...]
    remarks: tuple[str, ...]
    schedules: Mapping[str, str]
    details: Mapping[str, Mapping[str, str]]

    def markdown(self) -> str:
        items = "\n".join(f"- {in_markdown(name)}: {in_markdown(Code(text))}" for name, text in self.schedules.items())
        return (
            "\n\n".join(["## Methods", *self._paragraphs(in_markdown, " "), items, *self._details(in_markdown)]) + "\n"
        )

    def latex(self) -> str:
        """The methods in LaTeX, which need no package."""
        items = "\n".join(f"  \\item {_latex(name)}: {_latex(Code(text))}" for name, text in self.schedules.items())
        listed = f"\\begin{{itemize}}\\raggedright\n{items}\n\\end{{itemize}}"
        text = "\n\n".join([*self._paragraphs(_latex, "\n"), listed, *self._details(_latex)]) + "\n"
        return (latex.LETTERS if "stepsizeletter" in text else "") + text

    def _paragraphs(self, write: Callable[[str], str], between: str) -> Iterator[str]:
        yield between.join("".join(map(write, each)) for each in self.sentences)
        if self.remarks:
            yield between.join(map(write, self.remarks))
        yield "Schedules:"

    def _details(self, write: Callable[[str], str]) -> Iterator[str]:
        for title, items in self.details.items():
            if items:
                pairs = "; ".join(f"{write(name)} {write(Code(text))}" for name, text in items.items())
                yield f"{title}: {pairs}."


def methods(content: ReportContent, schedules: Mapping[str, str], compared: Sequence[Table]) -> Methods:
    """How the runs were made and compared.

    `schedules` has the text of each schedule by its name in the paper, the baseline first; `compared` are its tables.
    """
    experiment, terms, trains_itself = content.experiment, content.terms, content.trains_itself
    seeds = ", ".join(map(str, experiment.seeds))
    compared_schedules = f"We compared {len(schedules)} learning-rate schedule{'s' * (len(schedules) > 1)}"
    sentences: list[Sentence] = [
        (f"{compared_schedules} on the task ", Code(experiment.task), ".")
        if experiment.command is None
        else (f"{compared_schedules} in runs of the command ", Code(experiment.command), "."),
        (content.source,),
        _training(experiment, content.steps, trains_itself),
        (f"Every schedule was trained with the seed{'s' * (len(experiment.seeds) > 1)} {seeds}.",),
    ]
    if not trains_itself:
        sentences.append(
            ("For one seed, all schedules start from the same weights and see the same samples in the same order.",)
        )
    if experiment.held_out:
        sentences.append((HELD_OUT,))
    if content.trials:
        sentences.append((HOW_TUNED,))
    sentences.append(
        ("Results are the last values that a run logged.",)
        if trains_itself
        else ("Results are those after the last epoch.",)
    )
    if content.accuracy:
        sentences.append((f"Accuracy: {content.accuracy}.",))
    sentences.append(("Runs whose loss was not finite count as diverged and are left out of the means.",))
    sentences += _statistics(compared, next(iter(schedules), ""), terms.looks)
    sentences.append(_versions(content.environment))
    at_chance = terms.chance.notes(content.runs, terms.judged_on) if terms.chance else ()
    details = {
        "Factors of the peak rates": {each.schedule: f"{each.factor:g}" for each in content.trials if each.chosen},
        "Settings": _given(settings_shown(content)),
        "Versions and machine": _given(content.environment),
    }
    return Methods(tuple(sentences), (*at_chance, *content.remarks), schedules, details)


def _given(values: Mapping[str, object]) -> dict[str, str]:
    return {name: text for name, text in in_words(values).items() if text not in ("", "-")}


def _training(experiment: Experiment, steps: int, trains_itself: bool) -> Sentence:
    if trains_itself:
        return (f"A run has {steps:,} steps.",)
    batches = f"batches of {experiment.batch_size} samples" if experiment.batch_size else "batches of the task's own"
    if experiment.accumulation > 1:
        batches += f", {experiment.accumulation} of them accumulated for each update"
    arguments = ", ".join(f"{name}={value}" for name, value in in_words(dict(experiment.optimizer_args)).items())
    epochs = f"{experiment.epochs} epoch{'s' * (experiment.epochs > 1)}"
    optimizer = Code(f"{experiment.optimizer}({arguments})" if arguments else experiment.optimizer)
    return (f"A run has {epochs} ({steps:,} updates) of the optimizer ", optimizer, f", with {batches}.")


def _statistics(compared: Sequence[Table], first: str, looks: Looks | None) -> list[Sentence]:
    if not any(table.has_intervals for table in compared):
        return []
    tests = max(table.comparisons for table in compared)
    found: list[Sentence] = [
        ("Means are given with the sample standard deviation over the seeds.",),
        ("Every other schedule was compared with ", Code(first), " by the differences at the same seeds."),
    ]
    if looks is not None:
        return found
    found.append(("The 95% intervals of the differences are those of Student's t for pairs.",))
    if any(table.has_chances for table in compared) and tests > 1:
        found.append(
            (
                f"The p-values (two-sided) are corrected for the {tests} comparisons in each metric with Holm's "
                "method; the intervals are not corrected.",
            )
        )
    return found


def _versions(environment: Mapping[str, str]) -> Sentence:
    known = {"stepsize": "stepsize", "torch": "PyTorch", "numpy": "NumPy", "python": "Python"}
    named = [f"{title} {environment[key]}" for key, title in known.items() if environment.get(key)]
    device = environment.get("device", "")
    return (f"We used {', '.join(named)}{f' on the device {device}' if device else ''}.",)


def _latex(piece: str) -> str:
    return latex.code(piece) if isinstance(piece, Code) else latex.escaped(piece)
