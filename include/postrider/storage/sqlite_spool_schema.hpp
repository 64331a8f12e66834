// The tables of a spool, and how those of earlier versions become them.
#pragma once

#include <postrider/storage/sqlite_database.hpp>

#include <string_view>

namespace postrider::sqlite {

/// Times are milliseconds since 1970. `due` is when the first pending recipient is tried next, NULL if nobody is
/// pending. A content is complete unless its mail is in `receiving`.
inline constexpr std::string_view spool_migrations[] = {R"sql(
  CREATE TABLE mail (
    id INTEGER PRIMARY KEY, created INTEGER NOT NULL, due INTEGER, state TEXT NOT NULL, attempts INTEGER NOT NULL,
    tenant TEXT NOT NULL, sender TEXT NOT NULL, login TEXT NOT NULL, pin TEXT NOT NULL,
    reverse_path TEXT, envid TEXT NOT NULL, ret TEXT NOT NULL,
    size INTEGER NOT NULL, longest_line INTEGER NOT NULL, eight_bit INTEGER NOT NULL, needs_stuffing INTEGER NOT NULL,
    has_bare_cr_or_lf INTEGER NOT NULL, ends_with_crlf INTEGER NOT NULL) STRICT;
  CREATE INDEX mail_due ON mail (due) WHERE due IS NOT NULL;
  CREATE TABLE recipient (
    mail INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE, position INTEGER NOT NULL,
    address TEXT NOT NULL, notify INTEGER NOT NULL, orcpt TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, next_attempt INTEGER NOT NULL, last_delay INTEGER NOT NULL,
    possible_duplicate INTEGER NOT NULL, notified INTEGER NOT NULL, cause TEXT, server TEXT, failure TEXT,
    PRIMARY KEY (mail, position)) STRICT, WITHOUT ROWID;
  CREATE TABLE attempt (
    mail INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE, number INTEGER NOT NULL,
    at INTEGER NOT NULL, receipt TEXT NOT NULL,
    PRIMARY KEY (mail, number)) STRICT, WITHOUT ROWID;
  CREATE TABLE content (piece INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE receiving (mail INTEGER PRIMARY KEY) STRICT;
)sql",
                                                        // Checksums; NULL where there is none.
                                                        R"sql(
  ALTER TABLE mail ADD COLUMN sum INTEGER;
  ALTER TABLE content ADD COLUMN sum INTEGER;
)sql",
                                                        R"sql(
  DROP INDEX mail_due;  -- what is due is kept in memory, and read only once
)sql"};
inline constexpr schema spool_schema{"spool", 0x50525350, spool_migrations};

}  // namespace postrider::sqlite
