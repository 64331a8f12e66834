// What a spool has to be able to do, and nothing more; and what is missing something.
#include <postrider/delivery/spool.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace postrider;

namespace spool_concept {

template <class T>
asio::awaitable<result<T>> nothing() {
  co_return fail(cause::spool_failed);
}

/// Move-only, does nothing, and has exactly the functions of the concept.
struct archetype {
  struct writer {
    writer() = default;
    writer(writer&&) = default;
    writer& operator=(writer&&) = default;
    asio::awaitable<result<void>> append(std::string) { return nothing<void>(); }
    asio::awaitable<result<mail_id>> commit() { return nothing<mail_id>(); }
  };
  archetype() = default;
  archetype(archetype&&) = default;
  archetype& operator=(archetype&&) = default;

  bool durable() const noexcept { return false; }
  asio::awaitable<result<writer>> begin(submitter, envelope) { return nothing<writer>(); }
  asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string, spool_time, std::size_t) {
    return nothing<std::vector<spooled_mail>>();
  }
  void release(const std::string&) {}
  void release(mail_id) {}
  std::optional<spool_time> next_due() const { return std::nullopt; }
  asio::awaitable<result<void>> settle(std::span<const settlement>) { return nothing<void>(); }
  asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id) { return nothing<std::optional<spooled_mail>>(); }
  asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter, mail_id, std::size_t) {
    return nothing<std::vector<spooled_mail>>();
  }
  asio::awaitable<result<std::vector<attempt_record>>> history(mail_id) {
    return nothing<std::vector<attempt_record>>();
  }
  asio::awaitable<result<bool>> edit(mail_id, mail_edit) { return nothing<bool>(); }
  asio::awaitable<result<spool_counts>> counts() { return nothing<spool_counts>(); }
};

struct cannot_say_whether_durable : archetype {
  bool durable() const = delete;
};
struct settles_behind_ones_back : archetype {
  void settle(std::span<const settlement>) {}
};
struct keeps_claims_for_ever : archetype {
  void release(const std::string&) = delete;
};
struct never_commits : archetype {
  struct writer {
    asio::awaitable<result<void>> append(std::string) { return nothing<void>(); }
  };
  asio::awaitable<result<writer>> begin(submitter, envelope) { return nothing<writer>(); }
};
struct stays_where_it_is : archetype {
  stays_where_it_is(stays_where_it_is&&) = delete;
};

static_assert(spool<archetype> && !std::is_copy_constructible_v<archetype>);
static_assert(!spool<cannot_say_whether_durable> && !spool<settles_behind_ones_back> && !spool<keeps_claims_for_ever> &&
              !spool<never_commits> && !spool<stays_where_it_is> && !spool<int>);
static_assert(mail_writer<archetype::writer> && !mail_writer<never_commits::writer>);

}  // namespace spool_concept

TEST_CASE("The archetype of a spool can be chosen at run time") {
  any_spool spool{spool_concept::archetype()};
  CHECK(!spool.durable());
  CHECK(!spool.next_due());
  any_spool moved(std::move(spool));
  CHECK(!moved.durable());
}
