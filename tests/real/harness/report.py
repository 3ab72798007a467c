"""Progress lines, the closing table and the JSON document."""

import json
import platform


def figure(outcome):
    if not outcome or not outcome.unit:
        return outcome.state if outcome else "-"
    digits = 2 if outcome.value < 100 else 0
    return f"{outcome.value:,.{digits}f}"


def ratio(native, shim):
    """How many times as fast as native the shim is; None without both figures."""
    if not (native and shim and native.value and shim.value and native.state == shim.state == "passed"):
        return None
    return shim.value / native.value if native.higher_is_better else native.value / shim.value


def threads(native, shim):
    """Kernel threads natively and under the shim, with the threads that coroctl listed."""
    parts = [str(native.kernel_threads) if native and native.kernel_threads else "-"]
    if shim and shim.kernel_threads:
        parts.append(str(shim.kernel_threads) + (f" ({shim.listed_threads})" if shim.listed_threads else ""))
    return " -> ".join(parts)


def wait(outcome):
    return f"{outcome.p99_ms:.1f}" if outcome and outcome.p99_ms else ""


def verdict(outcomes):
    states = [outcome.state for outcome in outcomes.values()]
    for state in ("failed", "skipped"):
        if state in states:
            return state
    return "passed"


def progress(name, outcomes):
    """One line on a program, then what failed, indented."""
    took = sum(outcome.took_s for outcome in outcomes.values())
    parts = []
    for mode, outcome in outcomes.items():
        parts.append(f"{mode} {figure(outcome)}" + (f" {outcome.unit}" if outcome.unit else ""))
    factor = ratio(outcomes.get("native"), outcomes.get("shim"))
    if factor:
        parts.append(f"{factor:.2f}x")
    print(f"{name:<18} {verdict(outcomes):<8} {took:5.1f} s  {', '.join(parts)}", flush=True)
    for mode, outcome in outcomes.items():
        for text in outcome.failures:
            print(f"    {mode}: FAILED: {text}", flush=True)
        for text in outcome.notes:
            print(f"    {mode}: {text}", flush=True)


def table(results):
    """The closing table: both figures, how much faster the shim is, and the threads."""
    rows = [("program", "unit", "native", "shim", "speed", "p99 ms", "p99 shim", "threads", "result")]
    for name, outcomes in results.items():
        native, shim = outcomes.get("native"), outcomes.get("shim")
        factor = ratio(native, shim)
        unit = next((outcome.unit for outcome in outcomes.values() if outcome.unit), "")
        rows.append(
            (
                name,
                unit,
                figure(native),
                figure(shim),
                f"{factor:.2f}x" if factor else "-",
                wait(native),
                wait(shim),
                threads(native, shim),
                verdict(outcomes),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            text.rjust(width) if 2 <= column <= 6 else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths))
        ]
        print("  ".join(cells).rstrip())
    print("speed: how many times as fast as native; threads: kernel threads natively -> under the shim (listed)")


def counts(results):
    states = [outcome.state for outcomes in results.values() for outcome in outcomes.values()]
    return {state: states.count(state) for state in ("passed", "failed", "skipped")}


def document(results):
    programs = []
    for name, outcomes in results.items():
        entry = {"name": name, "speed": ratio(outcomes.get("native"), outcomes.get("shim"))}
        for mode, outcome in outcomes.items():
            entry[mode] = vars(outcome)
        programs.append(entry)
    return {"format": 1, "kernel": platform.release(), "programs": programs, **counts(results)}


def write_json(path, results):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document(results), file, indent=2)
        file.write("\n")
