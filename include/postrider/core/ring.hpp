// First in, first out, over one block of memory.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace postrider {

/// A queue that grows by doubling and keeps what it has: no allocation in the steady state, where a deque gives back
/// and takes a block again and again. Growing moves the elements: positions stay valid, references do not.
template <class T>
requires std::is_nothrow_move_constructible_v<T>
class ring {
 public:
  ring() = default;
  ring(ring&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        first_(std::exchange(other.first_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  ring& operator=(ring&& other) noexcept {
    ring old(std::move(*this));
    std::swap(slots_, other.slots_);
    std::swap(capacity_, other.capacity_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~ring() {
    clear();
    if (slots_) std::allocator<T>().deallocate(slots_, capacity_);
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  /// The element at `position` from the front.
  T& operator[](std::size_t position) noexcept { return *slot(position); }
  const T& operator[](std::size_t position) const noexcept { return *slot(position); }
  T& front() noexcept { return *slot(0); }
  const T& front() const noexcept { return *slot(0); }
  T& back() noexcept { return *slot(size_ - 1); }
  const T& back() const noexcept { return *slot(size_ - 1); }

  template <class... Args>
  T& emplace_back(Args&&... args) {
    if (size_ == capacity_) grow();
    T* const made = std::construct_at(slot(size_), std::forward<Args>(args)...);
    ++size_;
    return *made;
  }
  void push_back(T value) { emplace_back(std::move(value)); }

  /// Back to the front.
  void push_front(T value) {
    if (size_ == capacity_) grow();
    first_ = (first_ + capacity_ - 1) & (capacity_ - 1);
    std::construct_at(slot(0), std::move(value));
    ++size_;
  }

  void pop_front() noexcept {
    std::destroy_at(slot(0));
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
  }
  void pop_back() noexcept { std::destroy_at(slot(--size_)); }

  void clear() noexcept {
    while (!empty()) pop_front();
  }

  /// Takes out the element at `position`; the order of the others stays.
  void erase(std::size_t position) noexcept {
    for (; position + 1 < size_; ++position) {
      std::destroy_at(slot(position));
      std::construct_at(slot(position), std::move(*slot(position + 1)));
    }
    pop_back();
  }

 private:
  T* slot(std::size_t position) const noexcept { return slots_ + ((first_ + position) & (capacity_ - 1)); }

  void grow() {
    const std::size_t capacity = capacity_ == 0 ? 4 : 2 * capacity_;
    T* const slots = std::allocator<T>().allocate(capacity);
    for (std::size_t i = 0; i < size_; ++i) {
      std::construct_at(slots + i, std::move(*slot(i)));
      std::destroy_at(slot(i));
    }
    if (slots_) std::allocator<T>().deallocate(slots_, capacity_);
    slots_ = slots;
    capacity_ = capacity;
    first_ = 0;
  }

  T* slots_ = nullptr;
  std::size_t capacity_ = 0;  // a power of two
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace postrider
