# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Partial comparison of JSON: what a test does not mention may be anything, what it mentions must be there. Knows nothing of labs."""

import json


class Mismatch(AssertionError):
    pass


class WrongCulprit(Mismatch):
    """synfate named what it was not: the one failure that is never the machine's."""


class Matcher:
    """A condition in the place of a value."""

    def __init__(self, words, accepts):
        self.words, self.accepts = words, accepts

    def __repr__(self):
        return f"<{self.words}>"


def any_of(*values):
    return Matcher("any of " + ", ".join(map(repr, values)), lambda actual: actual in values)


def at_least(number):
    return Matcher(f"at least {number}", lambda actual: isinstance(actual, (int, float)) and actual >= number)


def contains(part):
    return Matcher(f"contains {part!r}", lambda actual: actual is not None and part in actual)


def anything_but(value):
    return Matcher(f"anything but {value!r}", lambda actual: actual != value)


def satisfies(words, accepts):
    return Matcher(words, accepts)


def says(*parts):
    """Of a list of sentences: each part is in one of them."""
    return Matcher(f"sentences with {', '.join(map(repr, parts))}", lambda lines: all(any(part in line for line in lines) for part in parts))


some_text = Matcher("a non-empty string", lambda actual: isinstance(actual, str) and actual.strip() != "")


def differences(partial, actual, at="$"):
    """One line for each place where `actual` is not what `partial` asks for. A list must have all its items, in order."""
    if isinstance(partial, Matcher):
        return [] if partial.accepts(actual) else [f"{at}: expected {partial}, got {json.dumps(actual, ensure_ascii=False)}"]
    if isinstance(partial, dict):
        if not isinstance(actual, dict):
            return [f"{at}: expected an object, got {json.dumps(actual, ensure_ascii=False)}"]
        found = []
        for key, value in partial.items():
            if key not in actual:
                found.append(f"{at}.{key}: missing, expected {value!r}")
            else:
                found += differences(value, actual[key], f"{at}.{key}")
        return found
    if isinstance(partial, list):
        if not isinstance(actual, list) or len(actual) != len(partial):
            return [f"{at}: expected a list of {len(partial)}, got {json.dumps(actual, ensure_ascii=False)}"]
        return [line for i, value in enumerate(partial) for line in differences(value, actual[i], f"{at}[{i}]")]
    if isinstance(partial, bool) != isinstance(actual, bool) or partial != actual:
        return [f"{at}: expected {partial!r}, got {json.dumps(actual, ensure_ascii=False)}"]
    return []


def matches(partial, actual):
    return not differences(partial, actual)


def expect(partial, actual):
    """Raises Mismatch with one line per difference and the whole of what came."""
    found = differences(partial, actual)
    if found:
        raise Mismatch("\n  ".join(["not as expected:"] + found) + "\n" + json.dumps(actual, indent=1, ensure_ascii=False))


def check(condition, words):
    """Like assert, but kept under python -O, and with words."""
    if not condition:
        raise Mismatch(words)
