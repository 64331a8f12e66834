"""A small reader of C++: tokens, bracket groups, and which braces are blocks. Enough to find coroutine traps in text."""

import re

TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
  | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
  | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
  | (?P<number>\.?\d(?:'?[\w.]|[eEpP][+-])*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<mark2>->|::|&&|\|\||<<=|>>=|<=>|[-+*/%^&|=!<>]=|\+\+|--|<<|\.\.\.)
  | (?P<mark1>[^\s\w])
    """,
    re.X | re.S,
)

CLOSING = {"(": ")", "[": "]", "{": "}"}
HEADS = ("if", "while", "for", "switch")


class Token:
    """One token; for a bracket also what is inside (`inner`) and, for `{`, whether it is a block."""

    def __init__(self, kind, text, line):
        self.kind, self.text, self.line = kind, text, line
        self.inner = None
        self.block = False
        self.lambda_body = False

    def __repr__(self):
        return self.text if self.inner is None else f"{self.text}{self.inner}{CLOSING[self.text]}"


def directives(source):
    """The preprocessor lines of a source, continuations joined: (line, text)."""
    found, lines, at = [], source.split("\n"), 0
    while at < len(lines):
        begin = at
        if lines[at].lstrip().startswith("#"):
            text = lines[at]
            while text.endswith("\\") and at + 1 < len(lines):
                at += 1
                text = text[:-1] + lines[at]
            found.append((begin + 1, text.strip()))
        at += 1
    return found


def without_directives(source):
    """The source with preprocessor lines made empty; line numbers stay."""
    out, continues = [], False
    for line in source.split("\n"):
        is_directive = continues or line.lstrip().startswith("#")
        continues = is_directive and line.endswith("\\")
        out.append("" if is_directive else line)
    return "\n".join(out)


def tokens(source):
    line, at, found = 1, 0, []
    for match in TOKEN.finditer(source):
        line += source.count("\n", at, match.start())
        at = match.start()
        kind = match.lastgroup if match.lastgroup != "mark" else "raw"
        if match.group("comment") is None:
            found.append(Token(kind, match.group(), line))
    return found


def tree(source):
    """Tokens nested by brackets, each `{` judged to be a block or an initialiser."""
    root, stack = [], []
    level = root
    for token in tokens(without_directives(source)):
        if token.text in CLOSING and token.kind == "mark1":
            token.inner = []
            level.append(token)
            stack.append((token, level))
            level = token.inner
        elif token.text in (")", "]", "}") and token.kind == "mark1":
            if not stack or CLOSING[stack[-1][0].text] != token.text:
                raise SyntaxError(f"line {token.line}: unmatched {token.text}")
            _, level = stack.pop()
        else:
            level.append(token)
    if stack:
        raise SyntaxError(f"line {stack[-1][0].line}: {stack[-1][0].text} is never closed")
    _judge(root, in_block=True)
    return root


def is_attribute(token):
    return token.text == "[" and bool(token.inner) and token.inner[0].text == "["


def is_introducer(level, at):
    """Is the `[...]` at this place the beginning of a lambda, not a subscript?"""
    if level[at].text != "[" or level[at].inner is None or is_attribute(level[at]):
        return False
    if at == 0:
        return True
    before = level[at - 1]
    if before.kind in ("string", "raw"):
        return False
    if before.kind == "name":
        return before.text in ("return", "co_return", "co_await", "co_yield", "else", "do", "case", "throw")
    return not (before.inner is not None and before.text in ("(", "["))


def _judge(level, in_block):
    for at, token in enumerate(level):
        if token.inner is None:
            continue
        if token.text == "{":
            token.block, token.lambda_body = _is_block(level, at, in_block)
        _judge(token.inner, token.text == "{" and token.block)


def _is_block(level, at, in_block):
    """(block, body of a lambda or of a requires-expression: an expression goes on after it)"""
    before = level[at - 1] if at else None
    if before is None:
        return in_block, False
    # Back over what may stand between the parameters and the body of a function.
    back = at - 1
    while back >= 0 and (level[back].text in ("const", "mutable", "override", "final", "&", "&&", "constexpr", "static")
                         or level[back].text == "noexcept" or is_attribute(level[back])
                         or (level[back].text == "(" and back and level[back - 1].text == "noexcept")):
        back -= 1
    if back >= 0 and level[back].text in ("else", "do", "try"):
        return True, False
    arrow = _arrow(level, at)
    if arrow is not None:
        back = arrow - 1
        while back >= 0 and (level[back].text in ("const", "mutable", "noexcept", "&", "&&")
                             or (level[back].text == "(" and back and level[back - 1].text == "noexcept")):
            back -= 1
    if back >= 0:
        if is_introducer(level, back):
            return True, True
        if level[back].text == "(" and level[back].inner is not None:
            if back and level[back - 1].text == "decltype":
                return False, False
            if back and (is_introducer(level, back - 1) or level[back - 1].text == "requires"):
                return True, True
            if back and level[back - 1].text == ">" and _template_lambda(level, back - 1):
                return True, True
            return True, False
    if before.text == "requires":
        return True, True
    if before.text in ("else", "do", "try", ";", "const", "override", "final", "noexcept", "mutable"):
        return True, False
    if before.text == "{" and before.inner is not None:
        return in_block, False  # after a block, or after the last member initialiser
    if before.text == ":" and in_block:
        return True, False
    if before.kind == "string":
        return True, False
    head = _statement(level, at)
    names = [token.text for token in head]
    outside = _outside_template_parameters(head)
    if {"class", "struct", "union", "enum", "namespace"} & outside and "=" not in outside and in_block:
        return True, False
    if "requires" in names and in_block and any(t.text == "(" for t in head[: names.index("requires")]):
        return True, False
    return False, False


def _outside_template_parameters(head):
    """`template <class T = int> T x` has a class key and a `=`, but only among its template parameters."""
    depth, outside = 0, set()
    for token in head:
        depth += {"<": 1, ">": -1}.get(token.text, 0)
        if depth == 0:
            outside.add(token.text)
    return outside


def _statement(level, at):
    """The tokens before `at` that belong to the same statement."""
    begin = at
    while begin and level[begin - 1].text not in (";", "}") and not (
            level[begin - 1].text == "{" and level[begin - 1].block):
        begin -= 1
    return level[begin:at]


def _arrow(level, at):
    """The place of the `->` of a trailing return type that ends just before `at`."""
    back = at - 1
    while back > 0:
        token = level[back]
        if token.text == "->":
            before = level[back - 1]
            return back if before.inner is not None or before.text in ("const", "mutable", "noexcept", "&", "&&") else None
        if token.kind in ("name", "number") and token.text not in ("return", "co_return", "co_await", "co_yield"):
            back -= 1
        elif token.text in ("::", "<", ">", ",", "*", "&", "&&", "..."):
            back -= 1
        elif token.inner is not None and token.text == "(" and back and level[back - 1].text == "decltype":
            back -= 1
        elif token.inner is not None and token.text in ("(", "[") and "<" in [t.text for t in level[:back]]:
            back -= 1
        else:
            return None
    return None


def _template_lambda(level, at):
    depth = 0
    while at >= 0:
        depth += {">": 1, "<": -1}.get(level[at].text, 0)
        at -= 1
        if depth == 0:
            return at >= 0 and is_introducer(level, at)
    return False


def flat(level, into_lambdas=False):
    """Every token below, depth first; lambda bodies are functions of their own and left out unless asked for."""
    for token in level:
        yield token
        if token.inner is not None and (into_lambdas or not token.lambda_body):
            yield from flat(token.inner, into_lambdas)


def awaits(level):
    return any(token.text == "co_await" for token in flat(level))


def split(level, mark):
    parts = [[]]
    for token in level:
        if token.text == mark and token.inner is None:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def statements(level):
    """(head keyword or None, tokens) for every statement and control head of a block and of all blocks inside it."""
    current, at = [], 0
    while at < len(level):
        token = level[at]
        if token.kind == "name" and token.text in HEADS and not current:
            if at + 1 < len(level) and level[at + 1].text == "constexpr":
                at += 1
            if at + 1 < len(level) and level[at + 1].text == "(":
                yield token.text, level[at + 1].inner
                yield from _bodies(level[at + 1].inner)
                at += 2
                continue
        if token.text in ("else", "do") and not current:
            at += 1
            continue
        if token.text == ";" and token.inner is None:
            yield None, current
            current = []
        elif token.text == ":" and current and (current[0].text in ("case", "default")):
            current = []
        elif token.text == "{" and token.block and not token.lambda_body:
            yield None, current
            current = []
            yield from statements(token.inner)
        else:
            current.append(token)
            yield from _bodies([token])
        at += 1
    if current:
        yield None, current


def _bodies(level):
    """The statements inside lambdas (and other blocks) that stand within an expression."""
    for token in level:
        if token.inner is None:
            continue
        if token.text == "{" and token.block:
            yield from statements(token.inner)
        else:
            yield from _bodies(token.inner)
