#include <postrider/storage/sqlite.hpp>

#include <sqlite3.h>

#include <cstdio>

int main() {
  std::printf("SQLite %s\n", sqlite3_libversion());
  return 0;
}
