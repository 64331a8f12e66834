// Everything that keeps its data in SQLite files; needs the CMake target postrider::sqlite.
#pragma once

#include <postrider/storage/sqlite_database.hpp>
#include <postrider/storage/sqlite_registry_storage.hpp>
#include <postrider/storage/sqlite_salvage.hpp>
#include <postrider/storage/sqlite_spool.hpp>
