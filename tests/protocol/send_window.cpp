#include <postrider/protocol/reset_allowance.hpp>
#include <postrider/protocol/send_window.hpp>

#include <catch2/catch.hpp>

namespace send_window_tests {

using postrider::protocol::reset_allowance;
using postrider::protocol::send_window;

TEST_CASE("a window begins small, grows with each mail that goes well, and halves after trouble", "[send_window]") {
  send_window window(8);
  CHECK(window.mails() == 2);
  CHECK(window.admits(1, 100));
  CHECK_FALSE(window.admits(2, 100));
  for (int i = 0; i < 20; ++i) window.grow(1000);
  CHECK(window.mails() == 8);
  CHECK(window.admits(7, 100));
  CHECK_FALSE(window.admits(8, 100));
  window.shrink();
  CHECK(window.mails() == 4);
  for (int i = 0; i < 10; ++i) window.shrink();
  CHECK(window.mails() == 1);
  window.grow(0);
  CHECK(window.mails() == 2);
}

TEST_CASE("a window of one admits one, whatever went well", "[send_window]") {
  for (const std::size_t most : {0U, 1U}) {
    send_window window(most);
    window.grow(1000);
    CHECK(window.admits(0, 0));
    CHECK_FALSE(window.admits(1, 0));
  }
}

TEST_CASE("bytes in flight are limited too, but for the first mail", "[send_window]") {
  send_window window(100);
  const auto first = window.bytes();
  CHECK(window.admits(0, 1'000'000'000));
  CHECK(window.admits(1, first - 1));
  CHECK_FALSE(window.admits(1, first));
  for (int i = 0; i < 100; ++i) window.grow(1'000'000);
  CHECK(window.bytes() > first);
  CHECK_FALSE(window.admits(1, 100'000'000));  // there is an end to it
  for (int i = 0; i < 100; ++i) window.shrink();
  CHECK(window.bytes() == first);
}

TEST_CASE("one reset for each mail that was taken is free, a few more are granted", "[reset_allowance]") {
  reset_allowance allowance;
  for (int i = 0; i < 1000; ++i) {
    CHECK(allowance.reset());
    allowance.mail_accepted();
  }
  CHECK(allowance.reset());
  for (int i = 0; i < 5; ++i) CHECK(allowance.reset());
  CHECK_FALSE(allowance.reset());
}

}  // namespace send_window_tests
