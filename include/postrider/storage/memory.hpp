// Everything that keeps its data in memory: for tests, and for programs that embed the library and keep it themselves.
#pragma once

#include <postrider/storage/memory_registry_storage.hpp>
#include <postrider/storage/memory_spool.hpp>
