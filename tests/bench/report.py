"""Medians, ratios and targets, as a table for people and as JSON."""

import json
import statistics

from cases import HIGHER_IS_BETTER, NOT_COMPARED


class Figure:
    """One metric of one case: the values of every variant, in the order of the rounds."""

    def __init__(self, case, metric, unit):
        self.case, self.metric, self.unit = case, metric, unit
        self.values = {}

    def add(self, variant, value):
        self.values.setdefault(variant, []).append(value)

    def medians(self):
        return {variant: statistics.median(values) for variant, values in self.values.items()}

    def higher_is_better(self):
        return self.unit in HIGHER_IS_BETTER

    def ratio(self, other="native"):
        """How many times better the shim is than `other`; None when either is missing."""
        medians = self.medians()
        if self.metric in NOT_COMPARED or "shim" not in medians or not medians.get(other):
            return None
        if not medians["shim"]:
            return None
        if self.higher_is_better():
            return medians["shim"] / medians[other]
        return medians[other] / medians["shim"]

    def beside(self, variant):
        """What stands in the last column: the figure, or how it compares with the unobserved shim."""
        ratio = self.ratio(variant) if variant in self.case.observers else None
        return f"{1 / ratio:.3f}x" if ratio else number(self.medians()[variant])

    def verdicts(self):
        """[(target's text, True, False or None when it was not measured)]."""
        medians, verdicts = self.medians(), []
        for target in self.case.targets.get(self.metric, []):
            known = "shim" in medians and target.than in medians
            reached = target.reached(medians, self.higher_is_better()) if known else None
            verdicts.append((target.text, reached))
        return verdicts


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


VERDICT_WORDS = {True: "reached", False: "MISSED", None: "not measured"}


def table(figures):
    """The lines of the table; other variants than native and shim stand in the last column."""
    rows = [("case", "metric", "unit", "native", "shim", "better by", "target", "beside")]
    for figure in figures:
        medians = figure.medians()
        ratio = figure.ratio()
        beside = "  ".join(f"{variant} {figure.beside(variant)}" for variant in medians
                           if variant not in ("native", "shim"))
        targets = "; ".join(f"{text}: {VERDICT_WORDS[reached]}"
                            for text, reached in figure.verdicts())
        rows.append((figure.case.name, figure.metric, figure.unit,
                     number(medians.get("native")), number(medians.get("shim")),
                     f"{ratio:.2f}x" if ratio else "-", targets or "-", beside))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if 3 <= i <= 5 else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def as_json(figures, machine, rounds, notes):
    results = []
    for figure in figures:
        variants = {variant: {"median": statistics.median(values), "min": min(values),
                              "max": max(values), "values": values}
                    for variant, values in figure.values.items()}
        results.append({
            "case": figure.case.name, "title": figure.case.title, "metric": figure.metric,
            "unit": figure.unit,
            "better": "higher" if figure.higher_is_better() else "lower",
            "variants": variants, "ratio": figure.ratio(),
            "targets": [{"target": text, "reached": reached}
                        for text, reached in figure.verdicts()]})
    document = {"format": 1, "machine": machine, "rounds": rounds, "results": results,
                "notes": notes}
    return json.dumps(document, indent=2) + "\n"
