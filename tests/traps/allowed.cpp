// The coroutine forms that this project allows itself, run on the compiler at hand. g++ 12 breaks close relatives of
// these (a wrong value, a destructor that runs twice or never), so each form counts its objects and checks its values.
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

using asio::awaitable;
const std::string long_text = "a text that is too long for the small string optimisation";

/// Owns a text and notes where each of its kind lives: a second destructor or a lost one shows.
class tracked {
 public:
  tracked(std::string text) : text_(std::move(text)) { born(); }
  tracked(const tracked& other) : text_(other.text_) { born(); }
  tracked(tracked&& other) noexcept : text_(std::move(other.text_)) { born(); }
  tracked& operator=(const tracked&) = default;
  tracked& operator=(tracked&&) = default;
  ~tracked() {
    if (alive.erase(this) == 0) ++twice;
  }
  const std::string& text() const { return text_; }

  static inline std::set<const void*> alive;
  static inline int twice = 0;

 private:
  void born() {
    if (!alive.insert(this).second) ++twice;
  }
  std::string text_;
};

/// The shape of a per-call option: trivially destructible, so an aggregate temporary is safe.
struct per_call {
  std::chrono::milliseconds deadline{5};
  std::optional<int> most;
  std::string_view name = "none";
};
static_assert(std::is_trivially_destructible_v<per_call>);

/// The shape of a big configuration: an aggregate that owns; always named, then moved or passed by reference.
struct owning {
  tracked name{long_text};
  std::vector<std::string> list;
};

awaitable<void> suspend() {
  auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
}
awaitable<bool> yes() {
  co_await suspend();
  co_return true;
}
awaitable<int> number(int value) {
  co_await suspend();
  co_return value;
}
awaitable<tracked> make(std::string text) {
  co_await suspend();
  co_return tracked(std::move(text));
}
awaitable<std::string> take(tracked value) {
  co_await suspend();
  co_return value.text();
}
awaitable<std::string> look(const tracked& value) {
  co_await suspend();
  co_return value.text();
}
awaitable<std::string> take_owning(owning value) {
  co_await suspend();
  co_return value.name.text();
}
awaitable<std::string> look_owning(const owning& value) {
  co_await suspend();
  co_return value.name.text();
}
awaitable<int> with_options(per_call options = {}) {
  co_await suspend();
  co_return static_cast<int>(options.deadline.count()) + options.most.value_or(0) +
      static_cast<int>(options.name.size());
}
template <class Function>
awaitable<std::string> call(Function function) {
  co_await suspend();
  co_return co_await function();
}
awaitable<void> add_to(std::string& out, std::string text) {
  co_await suspend();
  out += text;
}

// --- the forms; each answers whether its values were right ---

awaitable<bool> condition_named() {
  const bool ready = co_await yes();
  if (ready) co_return true;
  co_return false;
}
awaitable<bool> condition_with_initialiser() {
  if (const auto made = co_await make(long_text); made.text() == long_text) co_return true;
  co_return false;
}
awaitable<bool> loop_with_await_in_body() {
  int sum = 0;
  for (int i = 0; i < 3; ++i) {
    const int n = co_await number(i);
    if (n == 2) break;
    sum += n;
  }
  while (true) {
    const int n = co_await number(sum);
    ++sum;
    if (n > 3) break;
  }
  co_return sum == 5;
}
awaitable<std::vector<tracked>> several() {
  co_await suspend();
  std::vector<tracked> made;
  made.emplace_back(long_text);
  made.emplace_back("b");
  co_return made;
}
awaitable<bool> range_for_over_await() {
  std::string joined;
  for (const auto& each : co_await several()) {
    co_await suspend();
    joined += each.text();
  }
  co_return joined == long_text + "b";
}
awaitable<bool> class_temporary_by_constructor() {
  const auto taken = co_await take(tracked(long_text));
  const auto looked = co_await look(tracked(long_text));
  co_return taken == long_text&& looked == long_text;
}
awaitable<bool> strings_joined_in_the_argument() {
  const auto taken = co_await take(tracked(long_text + std::string("!") + long_text));
  co_return taken == long_text + "!" + long_text;
}
awaitable<bool> owning_aggregate_named() {
  owning named{tracked(long_text), {"a", "b"}};
  const auto looked = co_await look_owning(named);
  const auto taken = co_await take_owning(std::move(named));
  co_return looked == long_text&& taken == long_text;
}
awaitable<bool> trivial_options() {
  const int by_default = co_await with_options();
  const int designated = co_await with_options(per_call{.most = 7});
  co_return by_default == 9 && designated == 16;
}
awaitable<bool> lambda_named_then_awaited() {
  auto shared = std::make_shared<tracked>(long_text);
  auto work = [shared]() -> awaitable<std::string> {
    co_await suspend();
    co_return shared->text();
  };
  const auto direct = co_await work();
  const auto called = co_await call(std::move(work));
  co_return direct == long_text&& called == long_text;
}
awaitable<bool> lambda_by_reference() {
  tracked here(long_text);
  const auto called = co_await call([&]() -> awaitable<std::string> {
    co_await suspend();
    co_return here.text();
  });
  co_return called == long_text;
}
awaitable<bool> function_with_parameters_spawned() {
  std::string out;
  auto executor = co_await asio::this_coro::executor;
  co_await asio::co_spawn(executor, add_to(out, long_text), asio::use_awaitable);
  co_return out == long_text;
}
awaitable<bool> capture_spawned_detached() {
  auto out = std::make_shared<std::string>();
  auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(
      executor, [out]() -> awaitable<void> { co_await add_to(*out, long_text); }, asio::detached);
  for (int i = 0; i < 10; ++i) co_await suspend();
  co_return *out == long_text;
}
awaitable<bool> choice_by_if() {
  std::optional<tracked> chosen;
  const bool ready = co_await yes();
  if (ready) {
    chosen = co_await make(long_text);
  } else {
    chosen = co_await make("other");
  }
  co_return chosen->text() == long_text;
}
awaitable<bool> choice_named_before() {
  const std::string text = tracked::twice == 0 ? long_text : std::string("other");
  const auto taken = co_await take(tracked(text));
  co_return taken == long_text;
}
awaitable<bool> await_in_parentheses() {
  std::vector<tracked> all;
  all.push_back(co_await make(long_text));
  all.emplace_back(co_await take(tracked("b")));
  const auto two = std::pair<tracked, int>(co_await make(long_text), co_await number(2));
  co_return all[0].text() == long_text&& all[1].text() == "b" && two.first.text() == long_text&& two.second == 2;
}
awaitable<bool> pair_made_of_locals() {
  auto first = co_await make(long_text);
  auto second = co_await number(2);
  std::pair<tracked, int> both{std::move(first), second};
  co_return both.first.text() == long_text&& both.second == 2;
}
awaitable<int> sum_of(std::span<const std::string> texts) {
  co_await suspend();
  int sum = 0;
  for (const auto& text : texts) sum += static_cast<int>(text.size());
  co_return sum;
}
awaitable<bool> container_named() {
  const std::vector<std::string> texts{long_text, "b"};
  const int sum = co_await sum_of(texts);
  co_return sum == static_cast<int>(long_text.size()) + 1;
}
awaitable<std::size_t> size_of(std::array<asio::const_buffer, 2> buffers) {
  co_await suspend();
  co_return asio::buffer_size(buffers);
}
awaitable<bool> array_of_buffers() {
  const auto size =
      co_await size_of(std::array<asio::const_buffer, 2>{asio::buffer(long_text), asio::buffer(long_text)});
  co_return size == 2 * long_text.size();
}
awaitable<bool> error_as_a_value() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::milliseconds(1));
  auto waited = co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  auto& [error] = waited;
  co_return !error;
}
awaitable<tracked> failing() {
  tracked local(long_text);
  co_await suspend();
  throw std::runtime_error(local.text());
}
awaitable<bool> exception_then_await() {
  std::string seen;
  try {
    tracked outer("outer");
    auto never = co_await failing();
    seen = never.text();
  } catch (const std::runtime_error& error) {
    seen = error.what();
  }
  co_await suspend();
  co_return seen == long_text;
}
awaitable<std::string> take_unique(std::unique_ptr<tracked> value) {
  co_await suspend();
  co_return value->text();
}
awaitable<bool> move_only_argument() {
  const auto taken = co_await take_unique(std::make_unique<tracked>(long_text));
  co_return taken == long_text;
}
awaitable<bool> visit_between_awaits() {
  std::variant<int, tracked> value = tracked(long_text);
  co_await suspend();
  std::string seen;
  std::visit(
      [&]<class T>(const T& held) {
        if constexpr (std::is_same_v<T, tracked>) seen = held.text();
      },
      value);
  co_await suspend();
  co_return seen == long_text;
}

/// A public awaitable function: no coroutine itself, so views are copied before the caller's temporaries die.
class sender {
 public:
  static awaitable<void> send(std::string_view text, std::string& out) { return run(tracked(std::string(text)), out); }

 private:
  static awaitable<void> run(tracked text, std::string& out) {
    co_await suspend();
    out = text.text();
  }
};
awaitable<bool> view_of_a_temporary_spawned() {
  std::string out;
  auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, sender::send(std::string(long_text), out), asio::detached);
  for (int i = 0; i < 10; ++i) co_await suspend();
  co_return out == long_text;
}

int broken = 0;

void prove(const char* name, awaitable<bool> (*form)()) {
  tracked::twice = 0;
  tracked::alive.clear();
  bool right = false;
  asio::io_context context(1);
  asio::co_spawn(context, form(), [&](std::exception_ptr error, bool value) { right = !error && value; });
  context.run_for(std::chrono::seconds(10));
  const bool ok = right && tracked::twice == 0 && tracked::alive.empty();
  if (!ok) {
    ++broken;
    std::printf("BROKEN %s: values %s, %d wrong lives, %zu left alive\n", name, right ? "right" : "wrong",
                tracked::twice, tracked::alive.size());
  }
}

/// A coroutine destroyed while it waits gives back everything it holds.
void prove_destruction() {
  tracked::twice = 0;
  tracked::alive.clear();
  {
    asio::io_context context(1);
    asio::co_spawn(context, owning_aggregate_named(), asio::detached);
    asio::co_spawn(context, await_in_parentheses(), asio::detached);
    asio::co_spawn(context, lambda_named_then_awaited(), asio::detached);
    for (int i = 0; i < 3; ++i) context.run_one();
  }
  if (tracked::twice != 0 || !tracked::alive.empty()) {
    ++broken;
    std::printf("BROKEN destruction while waiting: %d wrong lives, %zu left\n", tracked::twice, tracked::alive.size());
  }
}

}  // namespace

#define PROVE(form) prove(#form, form)

int main() {
  PROVE(condition_named);
  PROVE(condition_with_initialiser);
  PROVE(loop_with_await_in_body);
  PROVE(range_for_over_await);
  PROVE(class_temporary_by_constructor);
  PROVE(strings_joined_in_the_argument);
  PROVE(owning_aggregate_named);
  PROVE(trivial_options);
  PROVE(lambda_named_then_awaited);
  PROVE(lambda_by_reference);
  PROVE(function_with_parameters_spawned);
  PROVE(capture_spawned_detached);
  PROVE(choice_by_if);
  PROVE(choice_named_before);
  PROVE(await_in_parentheses);
  PROVE(pair_made_of_locals);
  PROVE(container_named);
  PROVE(array_of_buffers);
  PROVE(error_as_a_value);
  PROVE(exception_then_await);
  PROVE(move_only_argument);
  PROVE(visit_between_awaits);
  PROVE(view_of_a_temporary_spawned);
  prove_destruction();
  std::printf("%d forms are broken on this compiler\n", broken);
  return broken == 0 ? 0 : 1;
}
