"""The finder finds every seeded trap and nothing in the forms that are allowed."""

import unittest

import find_traps

TYPES = """
struct letter { std::string text; int weight = 0; };
struct limits { std::chrono::seconds each{5}; int most = 1; };
class parcel { public: parcel(std::string text); private: std::string text_; };
struct holder { letter inside; };
enum class colour : int { red, green };
"""

# rule, body of a coroutine
TRAPS = [
    ("R1", "if (co_await ready()) co_return;"),
    ("R1", "if constexpr (x) { if (!(co_await ready())) { go(); } }"),
    ("R1", "if (auto r = co_await read()) use(*r);"),
    ("R1", "if (auto n = count(); n < co_await limit()) stop();"),
    ("R1", "while (co_await ready()) step();"),
    ("R1", "do { step(); } while (co_await ready());"),
    ("R1", "switch (co_await kind()) { case 1: break; }"),
    ("R1", "for (int i = 0; i < co_await count(); ++i) step();"),
    ("R1", "for (;;) { if (a &&\n co_await ready()) break; }"),
    ("R1", "run([&]() -> asio::awaitable<void> { if (co_await ready()) co_return; });"),
    ("R1", "try { while (co_await ready()) {} } catch (...) {}"),
    ("R1", "if (x) [[likely]] { if (co_await ready()) go(); }"),
    ("R2", "co_await send(letter{\"a\", 1});"),
    ("R2", "co_await send(letter{});"),
    ("R2", "auto n = co_await measure(first(holder{}));"),
    ("R2", "co_return co_await send(letter{.text = \"a\"});"),
    ("R2", "co_await send(std::array<std::string, 2>{});"),
    ("R2", "co_await send(std::optional<letter>{});"),
    ("R3", "co_await asio::co_spawn(ex, [p] { return work(p); }, asio::use_awaitable);"),
    ("R3", "co_await [p]() -> asio::awaitable<void> { co_return; }();"),
    ("R3", "auto r = co_await run([=] { return 1; });"),
    ("R3", "co_await run([&, p = std::move(p)] { return 1; });"),
    ("R3", "co_await run([this, text] { return text; });"),
    ("R3", "co_await run([p]<class T>(T&&) mutable noexcept { return 1; });"),
    ("R4", "auto r = c ? co_await a() : b();"),
    ("R4", "co_await (c ? a() : b());"),
    ("R4", "co_await send(c ? first : second);"),
    ("R4", "auto r = (co_await c()) ? one : two;"),
    ("R4", "co_return c ? co_await a() : 0;"),
    ("R5", "pair p{co_await a(), co_await b()};"),
    ("R5", "auto p = pair{1, co_await b()};"),
    ("R5", "co_return pair{co_await a(), 2};"),
    ("R5", "auto* p = new thing{co_await a()};"),
    ("R5", "std::vector<int> v = {1, co_await a()};"),
    ("R5", "auto p = std::pair<int, std::vector<int>>{co_await a(), {}};"),
    ("R6", "co_await send({\"a\", \"b\"});"),
    ("R6", "co_await send(1, {a, b});"),
    ("R6", "co_await send(std::vector<std::string>{\"a\", \"b\"});"),
    ("M", "REQUIRE(co_await ready());"),
    ("M", "CHECK((co_await read()).has_value());"),
    ("M", "assert(co_await ready());"),
]

FINE = [
    "const bool ok = co_await ready(); if (ok) co_return;",
    "if (auto v = co_await read(); v) use(*v);",
    "while (true) { const auto n = co_await read(); if (n == 0) break; }",
    "for (auto n = co_await first(); n < 3; ++n) step(n);",
    "for (auto& x : co_await all()) use(x);",
    "for (const auto& x : {1, 2}) { co_await step(x); }",
    "if (x) { co_await a(); } else { co_await b(); }",
    "switch (kind) { case 1: { co_await a(); break; } default: co_await b(); }",
    "letter l{.text = \"a\", .weight = 2}; co_await send(std::move(l));",
    "co_await send(limits{.each = 3s});",
    "co_await send(std::chrono::seconds{5});",
    "co_await send(parcel{\"a\"});",
    "co_await send(parcel(\"a\"));",
    "co_await send(std::string{\"a\"}, std::array<asio::const_buffer, 2>{one, two});",
    "co_await run([&] { return 1; });",
    "co_await run([this, &a] { return a; });",
    "co_await run([] { return 1; });",
    "auto named = [p] { return p; }; co_await run(named);",
    "asio::co_spawn(ex, [p]() -> asio::awaitable<void> { const int n = co_await a(); co_return; }, asio::detached);",
    "const auto pick = c ? first : second; co_await send(pick);",
    "co_await send(c ? 1 : 2); co_await say(c ? \"yes\" : \"no\");",
    "co_await send(table[i]);",
    "auto n = T(co_await a(), co_await b()); v.push_back(co_await a());",
    "auto [ec, n] = co_await socket.async_read_some(buffer, token);",
    "std::visit(overloaded{[&](int) { return 1; }}, v); co_await a();",
    "return std::vector<int>{1, 2};",
    "auto x = \"if (co_await y)\"; // if (co_await z) {co_await w}\n/* c ? co_await a : b */",
    "auto x = R\"(while (co_await y))\"; char q = '?';",
    "const int million = 1'000'000; if (million ? a : b) {}",
    "auto e = requires(T t) { t.a(); }; co_await b();",
    "struct local { int n{0}; local() : n{1} { step(); } }; co_await b();",
]

FILES = [
    ("R2", "asio::awaitable<void> send(letter l = {});", True),
    ("R2", "auto send(const letter& l = {}) -> asio::awaitable<void>;", True),
    ("R2", "asio::awaitable<void> send(limits l = {});", False),
    ("R2", "void send(letter l = {});", False),
    ("R2", "struct due { int letter = 0; }; asio::awaitable<void> send(due d = {});", False),  # named like a class
    ("R2", "struct due { letter last; }; asio::awaitable<void> send(due d = {});", True),
    ("R1", "template <class T = int, some U = T> class c { awaitable<int> f() { if (co_await a()) b(); } };", True),
    ("R5", "template <class T = int> struct c { awaitable<int> f() { co_await a(); co_return 1; } int n{0}; };", False),
    ("M", "#define AWAIT(x) \\\n  co_await (x)", True),
    ("M", "#define PLAIN(x) (x)", False),
]


def rules_in(text):
    return [finding.rule for _, finding in find_traps.find({"types": TYPES, "sample": text})]


class Finder(unittest.TestCase):
    def test_every_trap_is_found(self):
        frames = ["asio::awaitable<void> f() { %s }",
                  "class c { asio::awaitable<int> f(int a) const noexcept override { %s } int n_{0}; };",
                  "auto f = [](auto x) -> asio::awaitable<std::pair<int, int>> { %s };",
                  "namespace n { template <class T> requires(sizeof(T) > 1) auto f() -> asio::awaitable<T> { %s } }",
                  "c::c(int a) : a_(a), b_{a} { spawn([this]() mutable -> asio::awaitable<void> { %s }); }"]
        for rule, body in TRAPS:
            for frame in frames:
                with self.subTest(rule=rule, body=body, frame=frame):
                    self.assertIn(rule, rules_in(frame % body))

    def test_allowed_forms_pass(self):
        for body in FINE:
            for frame in ("asio::awaitable<void> f() { %s\n }", "auto f = [&]() -> asio::awaitable<void> { %s\n };"):
                with self.subTest(body=body):
                    self.assertEqual(rules_in(frame % body), [])

    def test_declarations_and_macros(self):
        for rule, text, is_trap in FILES:
            with self.subTest(text=text):
                self.assertEqual(rules_in(text), [rule] if is_trap else [])

    def test_a_file_that_cannot_be_read_is_no_pass(self):
        self.assertEqual(rules_in("void f() { ("), ["read"])

    def test_lines_are_right(self):
        found = find_traps.find({"f": "\n/* a\nb */\nasio::awaitable<void> f() {\n  if (co_await a()) b();\n}\n"})
        self.assertEqual([(f.rule, f.line) for _, f in found], [("R1", 5)])


if __name__ == "__main__":
    unittest.main()
