#include <postrider/registry/vault.hpp>

#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <sys/stat.h>

namespace vault_tests {

using namespace postrider;
using postrider::test::temporary_folder;

namespace {

constexpr sealed_place here{.tenant = "acme", .row = "server smtp", .field = "password"};

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("what was sealed opens in its place and nowhere else", "[registry][vault]") {
  const vault keys = vault::in_memory();
  const sealed_secret sealed = keys.seal("hunter2", here);
  CHECK(sealed.bytes.find("hunter2") == std::string::npos);
  CHECK(keys.seal("hunter2", here).bytes != sealed.bytes);
  CHECK(keys.unseal(sealed, here).value() == secret("hunter2"));
  CHECK(keys.unseal(keys.seal("", here), here).value().empty());

  for (const sealed_place elsewhere :
       {sealed_place{"other", here.row, here.field}, sealed_place{here.tenant, "server b", here.field},
        sealed_place{here.tenant, here.row, "token"}, sealed_place{"acm", "eserver smtp", "password"}}) {
    const auto opened = keys.unseal(sealed, elsewhere);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().cause == cause::credential_unavailable);
    CHECK(opened.error().detail.find("hunter2") == std::string::npos);
    CHECK(opened.error().detail.find(sealed.bytes) == std::string::npos);
  }
}

TEST_CASE("damaged sealed bytes do not open", "[registry][vault]") {
  const vault keys = vault::in_memory();
  const sealed_secret sealed = keys.seal("hunter22", here);  // a length without padding, so that every bit counts
  for (std::size_t at = 0; at < sealed.bytes.size(); ++at) {
    sealed_secret damaged = sealed;
    damaged.bytes[at] = damaged.bytes[at] == 'A' ? 'B' : 'A';
    CHECK_FALSE(keys.unseal(damaged, here));
    CHECK_FALSE(keys.unseal({sealed.bytes.substr(0, at)}, here));
  }
}

TEST_CASE("a key file is made for its owner only and read again", "[registry][vault]") {
  const temporary_folder folder;
  const key_file file{folder / "keys/key"};
  const auto made = vault::open(file, vault::if_missing::create);
  REQUIRE(made);
  struct ::stat status {};
  REQUIRE(::stat(file.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const sealed_secret sealed = made->seal("hunter2", here);
  CHECK(vault::open(file, vault::if_missing::fail)->unseal(sealed, here).value() == secret("hunter2"));
}

TEST_CASE("errors of a key file name it", "[registry][vault]") {
  const temporary_folder folder;
  const key_file file{folder / "key"};
  const auto why = [&] {
    const auto opened = vault::open(file, vault::if_missing::fail);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().cause == cause::invalid_configuration);
    CHECK(opened.error().detail.find(file.path.native()) == 0);
    return opened.error().detail;
  };
  CHECK_THAT(why(), Catch::Contains("is missing"));

  const std::string key = (vault::open(file, vault::if_missing::create).value(), contents(file.path));
  ::chmod(file.path.c_str(), 0644);
  CHECK_THAT(why(), Catch::Contains("can be read by others"));
  ::chmod(file.path.c_str(), 0600);
  std::ofstream(file.path) << "not a key\n";
  CHECK_THAT(why(), Catch::Contains("holds a line that is no key"));
  std::ofstream(file.path) << "# nothing\n";
  CHECK_THAT(why(), Catch::Contains("holds no key"));
  std::filesystem::remove(file.path);
  std::filesystem::create_directory(file.path);
  ::chmod(file.path.c_str(), 0700);
  CHECK_FALSE(why().empty());

  const key_file nowhere{"/proc/no/key"};
  const auto unwritable = vault::open(nowhere, vault::if_missing::create);
  REQUIRE_FALSE(unwritable);
  CHECK_THAT(unwritable.error().detail, Catch::StartsWith("/proc/no/key: ") && Catch::Contains("cannot be written"));
}

TEST_CASE("another key is recognised", "[registry][vault]") {
  const temporary_folder folder;
  const auto mine = vault::open({folder / "mine"}, vault::if_missing::create).value();
  const auto yours = vault::open({folder / "yours"}, vault::if_missing::create).value();
  const sealed_secret sealed = mine.seal("hunter2", here);
  CHECK(mine.has_key_of(sealed));
  CHECK_FALSE(yours.has_key_of(sealed));
  const auto opened = yours.unseal(sealed, here);
  REQUIRE_FALSE(opened);
  CHECK_THAT(opened.error().detail,
             Catch::Contains((folder / "yours").native()) && Catch::Contains("key that is not in"));
}

TEST_CASE("keys can be rotated", "[registry][vault]") {
  const temporary_folder folder;
  const key_file file{folder / "key"};
  vault keys = vault::open(file, vault::if_missing::create).value();
  const sealed_secret old = keys.seal("hunter2", here);
  REQUIRE(keys.add_key());
  CHECK_FALSE(keys.is_current(old));
  CHECK(keys.unseal(old, here).value() == secret("hunter2"));
  CHECK(vault::open(file, vault::if_missing::fail)->unseal(old, here).value() == secret("hunter2"));
  const sealed_secret fresh = keys.seal("hunter2", here);
  CHECK(keys.is_current(fresh));
  REQUIRE(keys.drop_old_keys());
  CHECK_FALSE(keys.unseal(old, here));
  const vault again = vault::open(file, vault::if_missing::fail).value();
  CHECK(again.unseal(fresh, here).value() == secret("hunter2"));
  CHECK_FALSE(again.has_key_of(old));
}

}  // namespace vault_tests
