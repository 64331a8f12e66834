// Mail that has just come in, whole, so that its first delivery need not read it back.
#pragma once

#include <postrider/delivery/spooled_mail.hpp>

#include <cstddef>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace postrider::storage {

/// Keeps records with their contents up to a budget of bytes; what exceeds it is simply not kept. Thread-safe.
class fresh_mail {
 public:
  explicit fresh_mail(std::size_t budget) : budget_(budget) {}

  void keep(spooled_mail mail) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = cost(mail);
    if (size > budget_ - used_) return;
    const auto id = mail.id;
    if (kept_.try_emplace(id, std::move(mail)).second) used_ += size;
  }

  /// The mail, which is no longer kept.
  std::optional<spooled_mail> take(mail_id id) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(id);
    if (found == kept_.end()) return std::nullopt;
    used_ -= cost(found->second);
    std::optional<spooled_mail> mail(std::move(found->second));
    kept_.erase(found);
    return mail;
  }

 private:
  static std::size_t cost(const spooled_mail& mail) noexcept {
    const auto bytes = mail.content.bytes();
    return sizeof(spooled_mail) + mail.recipients.size() * sizeof(spooled_recipient) + (bytes ? bytes->size() : 0);
  }

  std::mutex mutex_;
  std::size_t budget_;
  std::size_t used_ = 0;
  std::unordered_map<mail_id, spooled_mail> kept_;
};

}  // namespace postrider::storage
