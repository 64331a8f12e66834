// A sorted map whose versions share what they have in common.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider {

/// Immutable records in the order of `Record::key()`. `with` and `without` return a new map and leave this one as it
/// is; they cost O(log n) allocations, and copying a map costs one pointer. A treap whose priorities are the hashes of
/// the keys, so that the same records always make the same tree.
template <class Record>
class persistent_map {
  struct node;
  using link = std::shared_ptr<const node>;
  struct node {
    std::shared_ptr<const Record> record;
    link left, right;
    std::size_t size = 1 + count(left) + count(right);
  };

 public:
  class iterator {
   public:
    using value_type = Record;
    using reference = const Record&;
    using pointer = const Record*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    iterator() = default;
    explicit iterator(const node* root) { descend(root); }
    reference operator*() const { return *path_.back()->record; }
    pointer operator->() const { return path_.back()->record.get(); }
    iterator& operator++() {
      const node* done = path_.back();
      path_.pop_back();
      descend(done->right.get());
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const iterator& a, const iterator& b) { return a.path_ == b.path_; }

   private:
    friend class persistent_map;
    void descend(const node* n) {
      for (; n != nullptr; n = n->left.get()) path_.push_back(n);
    }
    std::vector<const node*> path_;
  };

  std::size_t size() const noexcept { return count(root_); }
  bool empty() const noexcept { return root_ == nullptr; }
  iterator begin() const { return iterator(root_.get()); }
  iterator end() const { return iterator(); }

  /// The record with this key, or null; it lives as long as any map that holds it.
  const Record* find(std::string_view key) const noexcept {
    const node* n = root_.get();
    while (n != nullptr) {
      const auto order = key <=> n->record->key();
      if (order == 0) return n->record.get();
      n = order < 0 ? n->left.get() : n->right.get();
    }
    return nullptr;
  }

  /// The first record whose key is not less than `key`, and the first whose key is greater; O(log n).
  iterator lower_bound(std::string_view key) const {
    return first([key](std::string_view at) { return at >= key; });
  }
  iterator upper_bound(std::string_view key) const {
    return first([key](std::string_view at) { return at > key; });
  }

  /// Calls `on(const Record* before, const Record* after)` for each key whose record is not the same object in both
  /// maps; null stands for none. Costs O(d log n) for d differences, because maps share what they have in common.
  template <class On>
  static void differences(const persistent_map& before, const persistent_map& after, On on) {
    differ(before.root_, after.root_, on);
  }

  /// This map with `record` in the place of the one that had its key, or added.
  persistent_map with(std::shared_ptr<const Record> record) const {
    return persistent_map(put(root_, std::move(record)));
  }

  /// This map without the record of this key.
  persistent_map without(std::string_view key) const { return persistent_map(erase(root_, key)); }

  persistent_map() = default;

 private:
  explicit persistent_map(link root) : root_(std::move(root)) {}

  /// `far_enough` holds for all keys from some place on.
  template <class FarEnough>
  iterator first(FarEnough far_enough) const {
    iterator at;
    for (const node* n = root_.get(); n != nullptr;) {
      const bool here = far_enough(n->record->key());
      if (here) at.path_.push_back(n);
      n = (here ? n->left : n->right).get();
    }
    return at;
  }

  static std::size_t count(const link& n) noexcept { return n == nullptr ? 0 : n->size; }
  static bool above(const Record& a, const Record& b) {
    return std::hash<std::string_view>{}(a.key()) > std::hash<std::string_view>{}(b.key());
  }
  static link make(std::shared_ptr<const Record> record, link left, link right) {
    return std::make_shared<const node>(node{std::move(record), std::move(left), std::move(right)});
  }

  static link put(const link& n, std::shared_ptr<const Record> record) {
    if (n == nullptr) return make(std::move(record), nullptr, nullptr);
    const auto order = record->key() <=> n->record->key();
    if (order == 0) return make(std::move(record), n->left, n->right);
    if (order < 0) {
      link left = put(n->left, std::move(record));
      if (!above(*left->record, *n->record)) return make(n->record, std::move(left), n->right);
      return make(left->record, left->left, make(n->record, left->right, n->right));
    }
    link right = put(n->right, std::move(record));
    if (!above(*right->record, *n->record)) return make(n->record, n->left, std::move(right));
    return make(right->record, make(n->record, n->left, right->left), right->right);
  }

  static link erase(const link& n, std::string_view key) {
    if (n == nullptr) return nullptr;
    const auto order = key <=> n->record->key();
    if (order == 0) return merge(n->left, n->right);
    if (order < 0) return make(n->record, erase(n->left, key), n->right);
    return make(n->record, n->left, erase(n->right, key));
  }

  static link merge(const link& a, const link& b) {
    if (a == nullptr) return b;
    if (b == nullptr) return a;
    if (above(*a->record, *b->record)) return make(a->record, a->left, merge(a->right, b));
    return make(b->record, merge(a, b->left), b->right);
  }

  struct parts {
    link low;
    const Record* at = nullptr;  ///< the record of the key itself
    link high;
  };
  static parts split(const link& n, std::string_view key) {
    if (n == nullptr) return {};
    const auto order = key <=> n->record->key();
    if (order == 0) return {n->left, n->record.get(), n->right};
    parts below = split(order < 0 ? n->left : n->right, key);
    if (order < 0) below.high = make(n->record, std::move(below.high), n->right);
    else below.low = make(n->record, n->left, std::move(below.low));
    return below;
  }

  template <class On>
  static void differ(const link& before, const link& after, On& on) {
    if (before == after) return;
    // At the upper one of the two roots, so that few nodes are made anew.
    if (before == nullptr || (after != nullptr && above(*after->record, *before->record))) {
      const parts old = split(before, after->record->key());
      differ(old.low, after->left, on);
      if (old.at != after->record.get()) on(old.at, after->record.get());
      differ(old.high, after->right, on);
    } else {
      const parts now = split(after, before->record->key());
      differ(before->left, now.low, on);
      if (now.at != before->record.get()) on(before->record.get(), now.at);
      differ(before->right, now.high, on);
    }
  }

  link root_;
};

}  // namespace postrider
