// Lists in pages: what one page costs does not depend on how much there is.
#pragma once

#include "relay/arguments.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::examples {

/// Which page a call wants.
struct page_request {
  explicit page_request(const arguments& args)
      : limit(args.number<std::uint32_t>("limit", 1, 1000).value_or(100)), after(args.text("cursor").value_or("")) {}

  std::size_t limit;
  std::string after;  ///< the key of the last entry of the page before; empty: from the start
};

/// Those of `records` whose keys begin with `prefix`.
template <class Records>
class records_with {
 public:
  records_with(const Records& records, std::string prefix) : records_(records), prefix_(std::move(prefix)) {}

  class iterator {
   public:
    iterator(typename Records::iterator at, const records_with& of) : at_(std::move(at)), of_(of) {}
    const auto& operator*() const { return *at_; }
    auto operator->() const { return &*at_; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    /// Only asked against the end.
    friend bool operator!=(const iterator& a, const iterator&) { return a.of_.holds(a.at_); }

   private:
    typename Records::iterator at_;
    const records_with& of_;
  };

  iterator begin() const { return iterator(records_.lower_bound(prefix_), *this); }
  iterator end() const { return iterator(records_.end(), *this); }
  iterator upper_bound(std::string_view key) const { return iterator(records_.upper_bound(key), *this); }

  bool holds(const typename Records::iterator& at) const {
    return at != records_.end() && at->key().starts_with(prefix_);
  }

 private:
  const Records& records_;
  std::string prefix_;
};

/// A page of `records`, which are in the order of their keys: those that `show(record)` does not answer with null.
/// Looks at no more than `looks` records for each one that fits on the page: a page may be short and not be the last
/// one.
template <class Records, class Show>
json page_of(std::string name, const Records& records, const page_request& page, Show show, std::size_t looks = 20) {
  json all = json::array();
  json next = nullptr;
  std::string last = page.after;
  std::size_t looked = 0;
  for (auto at = page.after.empty() ? records.begin() : records.upper_bound(page.after); at != records.end(); ++at) {
    if (all.size() == page.limit || looked == page.limit * looks) {
      next = last;
      break;
    }
    ++looked;
    last = std::string(at->key());
    if (json one = show(*at); !one.is_null()) all.push_back(std::move(one));
  }
  return json{{std::move(name), std::move(all)}, {"next_cursor", std::move(next)}};
}

}  // namespace postrider::examples
