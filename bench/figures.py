# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a benchmark hands back, and how it is shown: a table for people, JSON, and the README's table. It measures nothing."""

import datetime
import os
import re
import statistics


class Figure:
    """Many values of one thing; what counts is their median. Without values, `note` says why there are none.

    `at_least` and `below` are goals; a figure without either is only told. A detail explains the figure before it."""

    def __init__(self, benchmark, name, unit, values, at_least=None, below=None, note="", digits=1, detail=False):
        self.benchmark, self.name, self.unit, self.note, self.digits, self.detail = benchmark, name, unit, note, digits, detail
        self.at_least, self.below = at_least, below
        self.count, self.spread = len(values), spread(values)
        self.median = statistics.median(values) if values else None

    @classmethod
    def revived(cls, plain):
        """As it was in a document."""
        goal = plain["goal"] or {}
        same = {key: plain[key] for key in ("note", "digits", "detail")}
        figure = cls(plain["benchmark"], plain["name"], plain["unit"], [], **goal, **same)
        figure.count, figure.median, figure.spread = plain["count"], plain["median"], plain["spread"]
        return figure

    @property
    def met(self):
        if self.median is None or (self.at_least is None and self.below is None):
            return None
        return self.median >= self.at_least if self.below is None else self.median < self.below

    def plain(self):
        goal = {"at_least": self.at_least, "below": self.below}
        return {
            "benchmark": self.benchmark,
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "spread": self.spread,
            "count": self.count,
            "goal": {key: value for key, value in goal.items() if value is not None} or None,
            "met": self.met,
            "note": self.note,
            "digits": self.digits,
            "detail": self.detail,
        }

    def shown(self, value):
        return f"{value:,.{self.digits}f}"

    def cells(self):
        goal = f"≥ {self.at_least:g}" if self.at_least is not None else f"< {self.below:.4g}" if self.below is not None else ""
        met = {True: "met", False: "MISSED", None: ""}[self.met]
        name = "  " * self.detail + self.name
        if self.median is None:
            return [name, "", "", "", goal, met, self.note]
        middle = f"{self.shown(self.spread['lower_quartile'])} to {self.shown(self.spread['upper_quartile'])}" if self.count > 1 else ""
        return [name, f"{self.shown(self.median)} {self.unit}", middle, str(self.count), goal, met, self.note]


def spread(values):
    """The quartiles besides the extremes: one disturbed round of a busy machine moves the latter only."""
    if not values:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return {"lowest": min(values), "lower_quartile": low, "upper_quartile": high, "highest": max(values)}


HEAD = ["", "median", "middle half", "times", "goal", "", ""]
RIGHT = (1, 2, 3)


def line_of(cells, widths):
    padded = [cell.rjust(width) if i in RIGHT else cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths))]
    return ("  " + "  ".join(padded)).rstrip()


def table(figures):
    """For a terminal: a part for each benchmark."""
    rows = [figure.cells() for figure in figures]
    widths = [max(len(row[i]) for row in [HEAD, *rows]) for i in range(len(HEAD))]
    lines, last = [], None
    for figure, row in zip(figures, rows):
        if figure.benchmark != last:
            lines += ([""] if last else []) + [line_of([figure.benchmark, *HEAD[1:]], widths)]
            last = figure.benchmark
        lines.append(line_of(row, widths))
    return "\n".join(lines)


def place(document):
    machine = document["machine"]
    if machine["emulated"]:
        return f"{machine['kernel']}, emulated, so only ratios are told"
    return f"{machine['kernel']}, {machine['cpu']}, {machine['cores']} cores, {machine['company']}"


def share(figure):
    """A cell of the table of rates: what is kept, the spread, and the goal where there is one."""
    if figure is None or figure.median is None:
        return "" if figure is None else "does not work here"
    _, median, middle, _, goal, met, _ = figure.cells()
    return f"{median} ({middle})" + (f"; {goal}: {met.lower()}" if figure.met is not None else "")


def rates(figures):
    """Rates of several loads, side by side."""
    loads = list(dict.fromkeys(figure.benchmark for figure in figures))
    found = {(figure.name, figure.benchmark): figure for figure in figures}
    lines = ["", "| beside the load | " + " | ".join(f"`{load}`" for load in loads) + " |", "|---" * (len(loads) + 1) + "|"]
    for name in dict.fromkeys(figure.name for figure in figures):
        row = [found.get((name, load)) for load in loads]
        if any(figure and figure.median is not None for figure in row):
            lines.append("| " + " | ".join([name, *map(share, row)]) + " |")
    absent = {figure.name: figure.note for figure in figures if figure.median is None and figure.name not in "\n".join(lines)}
    return lines + ([""] + [f"- {name}: {note}." for name, note in absent.items()] if absent else [])


def rest(figures):
    """What is not a share of a rate."""
    lines = ["", "| figure | median | middle half | goal | |", "|---|---|---|---|---|"]
    for figure in figures:
        name, median, middle, _, goal, met, note = figure.cells()
        lines.append("| " + " | ".join([f"`{figure.benchmark}` {name}", median, middle, goal, "; ".join(filter(None, (met.lower(), note)))]) + " |")
    return lines if figures else []


def readme(document):
    """The README's tables of one document: every figure but details, also those that miss their goal."""
    figures = [figure for figure in map(Figure.revived, document["figures"]) if not figure.detail]
    of_rates = [figure.benchmark for figure in figures if figure.unit == "%"]
    beside = [figure for figure in figures if figure.benchmark in of_rates]
    if document["machine"]["emulated"]:
        figures = beside = [figure for figure in beside if figure.unit == "%"]
    others = [figure for figure in figures if figure not in beside]
    lines = [f"`bench/run` on {document['date']}, {place(document)}:", *(rates(beside) if beside else []), *rest(others)]
    return re.sub(r"(?<=\|)  +(?=\|)", " ", "\n".join(lines))


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        pairs = [line.partition(":")[::2] for line in file]
    return next((value.strip() for key, value in pairs if key.strip() in ("model name", "Model")), os.uname().machine)


def machine():
    name, load = os.uname(), os.getloadavg()[0]
    with open("/proc/meminfo", encoding="ascii") as file:
        total_kib = int(file.readline().split()[1])
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_mib": total_kib // 1024,
        "kernel": f"{name.sysname} {name.release}",
        "arch": name.machine,
        "emulated": False,
        "load_average": load,
        "company": "nothing else running" if load < 0.5 else f"with other work beside it (load average {load:.1f})",
    }


def document(figures, machine_before, synfate, peers, options):
    return {
        "v": 1,
        "date": datetime.date.today().isoformat(),
        "machine": machine_before,
        "synfate": synfate,
        "peers": peers,
        "options": options,
        "figures": [figure.plain() for figure in figures],
    }
