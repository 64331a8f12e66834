"""Finds, in the text of the project's C++, the coroutine patterns that g++ 12 compiles wrongly.

R1  co_await in the condition of if, while, switch, for (the part before the `;` of an init-form is fine)
R2  an aggregate with non-trivial members as a temporary, or `= {}` as its default argument, where something awaits
R3  a lambda that captures by copy inside an awaiting full-expression
R4  `?:` inside an awaiting full-expression, unless both choices are literals
R5  co_await inside the braces of an initialiser
R6  a braced list as an argument, or a braced container, in an awaiting full-expression
M   co_await inside a macro, or inside the arguments of one

Usage: find_traps.py FOLDER...     Prints `file:line: rule: what to write instead`; exit 1 if anything was found.
"""

import pathlib
import re
import sys

import cxx

ADVICE = {
    "R1": "co_await in a condition: await into a local, then test it",
    "R2": "aggregate temporary in an awaiting expression: name it and move it, or give it a constructor",
    "R3": "lambda that captures by copy in an awaiting expression: name the lambda, or use a coroutine function",
    "R4": "?: in an awaiting expression: if/else, or name the choice first",
    "R5": "co_await inside braces: await into a local first",
    "R6": "braced list in an awaiting expression: name the container",
    "M": "co_await in a macro: await into a local first",
}

OWNING = {"string", "vector", "map", "set", "deque", "list", "function", "unique_ptr", "shared_ptr", "weak_ptr", "any",
          "variant", "expected", "result", "unordered_map", "unordered_set", "path", "move_only_function", "any_executor"}
CONTAINERS = {"vector", "map", "set", "deque", "list", "unordered_map", "unordered_set", "multimap", "initializer_list"}


class Finding:
    def __init__(self, rule, line, text):
        self.rule, self.line, self.text = rule, line, text


def aggregates(trees):
    """Names of the classes that are aggregates and own something: no constructor, no private part, owning members."""
    bodies = {}
    for level in trees:
        _collect_classes(level, bodies)
    owning = {name for name, body in bodies.items() if _member_types(body) & OWNING or _has_destructor(name, body)}
    while True:
        more = {name for name, body in bodies.items() if name not in owning and _member_types(body) & owning}
        if not more:
            break
        owning |= more
    return {name for name in owning if not _has_constructor(name, bodies[name])}


def _collect_classes(level, bodies):
    for at, token in enumerate(level):
        if token.inner is None:
            continue
        if token.text == "{" and token.block and not token.lambda_body:
            head = [t for t in level[max(0, at - 40):at]]
            for back in range(len(head) - 1, -1, -1):
                if head[back].text in (";", "}", "{", "(", "=", ">"):
                    break
                if head[back].text in ("class", "struct") and back + 1 < len(head) and head[back + 1].kind == "name":
                    if not (back and head[back - 1].text == "enum"):
                        bodies.setdefault(head[back + 1].text, token.inner)
                    break
        _collect_classes(token.inner, bodies)


def _member_types(body):
    """Names in the member declarations that declare no function; references and pointers own nothing."""
    names = set()
    for part in cxx.split(body, ";"):
        begin = 0
        for at, token in enumerate(part):  # a function body or an access label ends what came before
            if token.text == "{" and token.block:
                begin = at + 1
            elif token.text == ":" and at and part[at - 1].text in ("public", "private", "protected"):
                begin = at + 1
        part = part[begin:]
        words = [t.text for t in part]
        if any(t.text == "(" for t in part) or {"static", "using", "friend"} & set(words[:1]):
            continue
        if "&" in words or "*" in words:
            continue
        if "=" in words:
            part = part[: words.index("=")]
        names |= set([t.text for t in part if t.kind == "name"][:-1])  # the last one is the member's own
    return names


def _has_constructor(name, body):
    words = [t.text for t in body]
    if {"private", "protected", "virtual"} & set(words):
        return True
    return any(word == name and at + 1 < len(body) and body[at + 1].text == "("
               and (at == 0 or words[at - 1] != "~") for at, word in enumerate(words))


def _has_destructor(name, body):
    """A destructor with a body of its own (`= default` adds nothing)."""
    return any(token.text == "~" and at + 3 < len(body) and body[at + 1].text == name and body[at + 3].text != "="
               for at, token in enumerate(body))


def _literal(level):
    return len(level) == 1 and (level[0].kind in ("number", "string", "char")
                                or level[0].text in ("true", "false", "nullptr"))


class Reader:
    def __init__(self, owning_aggregates):
        self.owning = owning_aggregates
        self.found = []

    def note(self, rule, token):
        self.found.append(Finding(rule, token.line, ADVICE[rule]))

    def source(self, text):
        for line, directive in cxx.directives(text):
            if re.match(r"#\s*define\b.*\bco_(await|return|yield)\b", directive, re.S):
                self.found.append(Finding("M", line, ADVICE["M"]))
        level = cxx.tree(text)
        self.default_arguments(level)
        for head, statement in cxx.statements(level):
            self.statement(head, statement)
        return self.found

    def statement(self, head, level):
        if head is not None:
            parts = cxx.split(level, ";")
            condition = parts[1] if head == "for" and len(parts) > 1 else parts[-1]
            if head == "for" and len(parts) < 3:  # range-for, with or without an initialiser: its range may await
                condition = []
            if cxx.awaits(condition):
                self.note("R1", next(t for t in cxx.flat(condition) if t.text == "co_await"))
            for part in parts:
                if cxx.awaits(part):
                    self.expression(part)
        elif cxx.awaits(level):
            self.expression(level)

    def expression(self, level, choices=True):
        """Everything below one full-expression that awaits, lambda bodies apart."""
        for at, token in enumerate(level):
            before = level[at - 1] if at else None
            if choices and token.text == "?":
                self.choice(level, at)
            if token.inner is None:
                continue
            if token.text == "[" and cxx.is_introducer(level, at) and not cxx.is_attribute(token):
                self.captures(token)
            if token.text == "(" and before is not None and before.kind == "name" and (
                    before.text == "assert" or re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", before.text)):
                if cxx.awaits(token.inner):
                    self.note("M", token)
            if token.text == "{" and token.lambda_body:
                continue
            if token.text == "{" and not token.block:
                self.braces(level, at)
            self.expression(token.inner, choices)

    def choice(self, level, at):
        begin = max((i + 1 for i in range(at) if level[i].text in (",", "=", "co_return", "return") and level[i].inner is None),
                    default=0)
        end = next((i for i in range(at, len(level)) if level[i].text == ","), len(level))
        colon = next((i for i in range(at, end) if level[i].text == ":"), end)
        inside = cxx.awaits(level[begin:end])
        if inside or not (_literal(level[at + 1:colon]) and _literal(level[colon + 1:end])):
            self.note("R4", level[at])

    def captures(self, token):
        for capture in cxx.split(token.inner, ","):
            words = [t.text for t in capture]
            if words in ([], ["&"], ["this"]) or (words[0] == "&" and len(words) == 2):
                continue
            self.note("R3", token)
            return

    def braces(self, level, at):
        token, before = level[at], level[at - 1] if at else None
        if cxx.awaits(token.inner):
            self.note("R5", token)
        if before is None or before.text in (",", "(", "{"):
            self.note("R6", token)  # an argument, or the first thing of an argument list
            return
        if before.text == ">":
            depth, back = 0, at - 1
            while back >= 0:
                depth += {">": 1, "<": -1}.get(level[back].text, 0)
                if depth == 0:
                    break
                back -= 1
            inside = {t.text for t in level[back:at]}
            name = level[back - 1].text if back else ""
            if name in CONTAINERS and token.inner:
                self.note("R6", token)
            elif name == "array" and inside & (OWNING | self.owning):
                self.note("R2", token)
            elif name == "optional" and inside & self.owning:
                self.note("R2", token)
        elif before.kind == "name" and before.text in self.owning:
            self.note("R2", token)

    def default_arguments(self, level):
        """`awaitable<T> f(options o = {})` with an owning aggregate builds the temporary in the caller."""
        for at, token in enumerate(level):
            if token.inner is None:
                continue
            if token.text == "(" and at and level[at - 1].kind == "name":
                head = [t.text for t in cxx._statement(level, at)]
                after = [t.text for t in level[at + 1:at + 6]]
                if "awaitable" in head or ("->" in after and "awaitable" in [t.text for t in level[at + 1:at + 12]]):
                    for parameter in cxx.split(token.inner, ","):
                        words = [t.text for t in parameter]
                        if "=" in words and set(words[: words.index("=")]) & self.owning:
                            self.note("R2", parameter[0])
            self.default_arguments(token.inner)


def find(sources):
    """sources: {name: text} -> [(name, Finding)]"""
    trees, broken = {}, []
    for name, text in sources.items():
        try:
            trees[name] = cxx.tree(text)
        except SyntaxError as error:
            broken.append((name, Finding("read", 0, str(error))))
    owning = aggregates(trees.values())
    found = broken
    for name in trees:
        found += [(name, finding) for finding in Reader(owning).source(sources[name])]
    return found


def main(folders):
    files = sorted(path for folder in folders for path in pathlib.Path(folder).rglob("*") if path.suffix in (".hpp", ".cpp", ".h"))
    if not files:
        print("no C++ found in", *folders)
        return 1
    found = find({str(path): path.read_text() for path in files})
    for name, finding in found:
        print(f"{name}:{finding.line}: {finding.rule}: {finding.text}")
    print(f"{len(files)} files read, {len(found)} traps found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
