// Seals passwords for storage: AES-256-GCM, bound to the place that they belong to.
#pragma once

#include <postrider/core/base64.hpp>
#include <postrider/core/result.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/registry/model.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace postrider {

/// A file that holds the keys of one storage. It belongs elsewhere than the storage, so that a copy of one is useless
/// without the other.
struct key_file {
  std::filesystem::path path{};
};

/// Where a sealed value belongs, in words without control characters; moved to another tenant, row or field it does not
/// open.
struct sealed_place {
  std::string_view tenant{};
  std::string_view row{};
  std::string_view field{};
};

/// Holds the keys: one seals, all of them open. A sealed value starts with the id of its key.
class vault {
 public:
  enum class if_missing { fail, create };

  /// Reads the keys of `file`, which must be readable by its owner only; if there is no such file, makes one with a
  /// fresh key if asked to. Errors name the file.
  static result<vault> open(const key_file& file, if_missing missing);

  /// A vault with a key of its own that is kept nowhere: for storages that do not outlive the process.
  static vault in_memory();

  sealed_secret seal(const secret& plain, sealed_place place) const;

  /// `credential_unavailable` if its key is missing, or if the bytes are not what was sealed for this place. The
  /// detail names place and file, never the bytes.
  result<secret> unseal(const sealed_secret& sealed, sealed_place place) const;

  /// 32 bytes for `purpose`, always the same ones until another key seals; nobody without the key can tell them.
  std::string derive(std::string_view purpose) const;

  /// Whether the key of `sealed` is here, and whether it is the one that seals now.
  bool has_key_of(const sealed_secret& sealed) const noexcept;
  bool is_current(const sealed_secret& sealed) const noexcept;

  /// From now on a fresh key seals; the others still open. On an error nothing has changed.
  result<void> add_key();
  /// Keeps only the key that seals now. Call it once everything is sealed with that one.
  result<void> drop_old_keys();

  /// Where the keys are, for errors: a path, or "the key in memory".
  std::string location() const;

 private:
  struct key {
    std::string id;  ///< a digest of the bytes, so that a wrong key is recognised before it is tried
    secret bytes;
  };

  static constexpr std::size_t key_size = 32, nonce_size = 12, tag_size = 16, id_size = 8;

  static key make_key(secret bytes);
  static key fresh_key();
  static std::string random_bytes(std::size_t count);
  static std::string associated_data(sealed_place place);
  result<void> replace_keys(std::vector<key> keys);
  const key* find(const sealed_secret& sealed) const noexcept;

  std::optional<std::filesystem::path> path_;
  std::vector<key> keys_;  ///< the first one seals
};

namespace detail {

struct cipher_freer {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, cipher_freer>;

inline unsigned char* octets(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
inline const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Puts `text` in the place of the file at `path`, whole or not at all, readable by its owner only.
inline result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
  const auto failed = [&](const char* what) {
    const std::string why = std::error_code(errno, std::generic_category()).message();
    return fail(cause::invalid_configuration, stage::queue,
                path.native() + ": the key file cannot be " + what + ": " + why);
  };
  std::error_code ignored;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  const std::string beside = path.native() + ".new";
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return failed("written");
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  const bool closed = ::close(file) == 0;
  if (!written || !closed || std::rename(beside.c_str(), path.c_str()) != 0) {
    auto why = failed("written");
    ::unlink(beside.c_str());
    return why;
  }
  const int folder =
      ::open(path.has_parent_path() ? path.parent_path().c_str() : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

}  // namespace detail

inline std::string vault::random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(detail::octets(bytes), static_cast<int>(count)) != 1) std::terminate();
  return bytes;
}

inline vault::key vault::make_key(secret bytes) {
  const std::string labelled = "postrider key id" + std::string(bytes.reveal());
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(detail::octets(std::string_view(labelled)), labelled.size(), detail::octets(digest));
  return {base64::encode(digest.substr(0, id_size / 4 * 3)), std::move(bytes)};
}

inline vault::key vault::fresh_key() {
  return make_key(secret(random_bytes(key_size)));
}

inline vault vault::in_memory() {
  vault made;
  made.keys_.push_back(fresh_key());
  return made;
}

inline result<vault> vault::open(const key_file& file, if_missing missing) {
  const auto broken = [&](std::string_view why) {
    return fail(cause::invalid_configuration, stage::queue, file.path.native() + ": the key file " + std::string(why));
  };
  vault opened;
  opened.path_ = file.path;
  struct ::stat status {};
  if (::stat(file.path.c_str(), &status) != 0) {
    if (errno != ENOENT) return broken("cannot be read: " + std::error_code(errno, std::generic_category()).message());
    if (missing == if_missing::fail)
      return broken("is missing, and the storage holds secrets that were sealed with it");
    std::vector<key> keys;
    keys.push_back(fresh_key());
    return opened.replace_keys(std::move(keys)).map([&] { return std::move(opened); });
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return broken("can be read by others than its owner: chmod 600");
  std::ifstream in(file.path);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    auto bytes = base64::decode(line);
    OPENSSL_cleanse(line.data(), line.size());
    if (!bytes || bytes->size() != key_size) return broken("holds a line that is no key");
    opened.keys_.push_back(make_key(secret(std::move(*bytes))));
  }
  if (opened.keys_.empty()) return broken(in.eof() ? "holds no key" : "cannot be read");
  return opened;
}

inline result<void> vault::replace_keys(std::vector<key> keys) {
  if (path_) {
    std::string text = "# The first key seals, the others still open. Without them the sealed passwords are lost.\n";
    for (const key& one : keys) text += base64::encode(one.bytes.reveal()) + '\n';
    auto written = detail::replace_file(*path_, text);
    OPENSSL_cleanse(text.data(), text.size());
    if (!written) return written;
  }
  keys_ = std::move(keys);
  return {};
}

inline result<void> vault::add_key() {
  std::vector<key> keys = keys_;
  keys.insert(keys.begin(), fresh_key());
  return replace_keys(std::move(keys));
}

inline std::string vault::derive(std::string_view purpose) const {
  const std::string_view with = keys_.front().bytes.reveal();
  std::string bytes(SHA256_DIGEST_LENGTH, '\0');
  HMAC(EVP_sha256(), with.data(), static_cast<int>(with.size()), detail::octets(purpose), purpose.size(),
       detail::octets(bytes), nullptr);
  return bytes;
}

inline result<void> vault::drop_old_keys() {
  return replace_keys({keys_.front()});
}

inline std::string vault::location() const {
  return path_ ? path_->native() : "the key in memory";
}

inline const vault::key* vault::find(const sealed_secret& sealed) const noexcept {
  for (const key& one : keys_)
    if (sealed.bytes.starts_with(one.id)) return &one;
  return nullptr;
}

inline bool vault::has_key_of(const sealed_secret& sealed) const noexcept {
  return find(sealed) != nullptr;
}
inline bool vault::is_current(const sealed_secret& sealed) const noexcept {
  return find(sealed) == &keys_.front();
}

inline std::string vault::associated_data(sealed_place place) {
  std::string data;
  for (std::string_view part : {place.tenant, place.row, place.field}) (data += part) += '\0';
  return data;
}

inline sealed_secret vault::seal(const secret& plain, sealed_place place) const {
  const std::string nonce = random_bytes(nonce_size);
  const std::string bound_to = associated_data(place);
  const std::string_view clear = plain.reveal();
  std::string sealed(clear.size() + tag_size, '\0');
  const detail::cipher_context context(EVP_CIPHER_CTX_new());
  int count = 0;
  const bool done =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, detail::octets(keys_.front().bytes.reveal()),
                         detail::octets(std::string_view(nonce))) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &count, detail::octets(std::string_view(bound_to)),
                        static_cast<int>(bound_to.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), detail::octets(sealed), &count, detail::octets(clear),
                        static_cast<int>(clear.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), detail::octets(sealed) + count, &count) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, detail::octets(sealed) + clear.size()) == 1;
  if (!done) std::terminate();  // only without memory or without a working OpenSSL
  return {keys_.front().id + base64::encode(nonce + sealed)};
}

inline result<secret> vault::unseal(const sealed_secret& sealed, sealed_place place) const {
  const auto closed = [&](const std::string& why) {
    return fail(cause::credential_unavailable, stage::queue,
                std::string(place.field) + " of " + std::string(place.row) + " of tenant " + std::string(place.tenant) +
                    ' ' + why);
  };
  const key* opener = find(sealed);
  if (opener == nullptr) return closed("was sealed with a key that is not in " + location());
  const auto bytes = base64::decode(std::string_view(sealed.bytes).substr(id_size));
  const std::string damaged = "does not open with the key in " + location() + ": it was damaged, or belongs elsewhere";
  if (!bytes || bytes->size() < nonce_size + tag_size) return closed(damaged);
  const std::string bound_to = associated_data(place);
  const std::size_t length = bytes->size() - nonce_size - tag_size;
  std::string tag = bytes->substr(nonce_size + length);
  std::string clear(length + 1, '\0');
  const detail::cipher_context context(EVP_CIPHER_CTX_new());
  int count = 0;
  const bool done =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, detail::octets(opener->bytes.reveal()),
                         detail::octets(std::string_view(*bytes))) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &count, detail::octets(std::string_view(bound_to)),
                        static_cast<int>(bound_to.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), detail::octets(clear), &count,
                        detail::octets(std::string_view(*bytes)) + nonce_size, static_cast<int>(length)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), detail::octets(clear) + count, &count) == 1;
  if (!done) {
    OPENSSL_cleanse(clear.data(), clear.size());
    return closed(damaged);
  }
  clear.resize(length);
  return secret(std::move(clear));
}

}  // namespace postrider
