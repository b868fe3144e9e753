# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Features agree: what doctor says is there is what a session loads, and a session without any one of them still arms and says so."""

import json

import sessions
import tool


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def feature_names():
    said = tool.once("trace", "--without", "no-such-feature", "--for", "100ms")
    assert said.returncode == 1, said
    return said.stderr.split("features are: ", 1)[1].splitlines()[0].split(", ")


def programs_of_run(*arguments):
    """How many programs `run`, which wants them all, has loaded."""
    with sessions.Session("run", "--json", *arguments, command=["cat"]) as session:
        count = len(session.holds()["prog"])
        session.process.stdin.close()
        session.process.stdin = None
        status = session.process.wait(20 * tool.PATIENCE)
        assert status == 0, (arguments, status, session.process.stderr.read())
    return count


def without_still_arms(name):
    done = tool.once("trace", "--without", name, "--for", "100ms", "--json")
    assert done.returncode == 0, (name, done.returncode, done.stderr)
    gaps = [gap["text"] for gap in lines(done.stdout)[-1]["gaps"]]
    assert any(gap.startswith(f"{name}: switched off") for gap in gaps), (name, gaps)
    others = [gap for gap in gaps if "switched off" in gap and not gap.startswith(f"{name}:")]
    assert not others, (name, others)


def doctor():
    """What doctor says of each check, by its name."""
    done = tool.once("doctor", "--json")
    checks = {line["name"]: line for line in lines(done.stdout) if line["type"] == "check"}
    assert done.returncode in (0, 3), done
    assert checks["trial load of every program"]["state"] == "yes", checks
    return checks


def main():
    sessions.need_root()
    names, checks = feature_names(), doctor()
    assert "stack" in names and len(names) > 5, names
    everything = programs_of_run()
    assert everything > 10, f"only {everything} programs are loaded"
    for name in names:
        without_still_arms(name)
        fewer = everything - programs_of_run("--without", name)
        # The stack, fields and the gate are matters of programs that are needed for more, functions are traced only when the stack does
        # not tell, what is given up is no program, and this run's scope is not one namespace.
        if name not in ("stack", "cast", "gate", "calibration", "fentry", "confinement", "tcx"):
            expected = checks[name]["state"] == "yes"
            assert (fewer > 0) == expected, f"doctor: {name} is {checks.get(name)}; without it {fewer} programs fewer are loaded"
        print(f"ok    without {name}: {fewer} programs fewer")
    every = [word for name in names for word in ("--without", name)]
    least = tool.once("trace", *every, "--for", "100ms", "--json")
    assert least.returncode == 0, least
    print(f"ok    without all of them; {everything} programs with all of them")


if __name__ == "__main__":
    main()
