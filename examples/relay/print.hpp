// Answers for people: a table for a list, a line for each value of anything else.
#pragma once

#include <postrider/mail/printable.hpp>

#include "relay/call.hpp"

#include <algorithm>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postrider::examples {

/// A value in a few words.
inline std::string in_words(const json& value) {
  if (value.is_string())
    return value.get_ref<const std::string&>().empty() ? "-" : printable(value.get_ref<const std::string&>(), 200);
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null()) return "-";
  if (value.is_array()) {
    std::string all;
    for (const json& one : value) (all += all.empty() ? "" : ", ") += in_words(one);
    return all.empty() ? "-" : all;
  }
  if (value.is_object()) {
    if (value.contains("address") && value.contains("state")) return in_words(value["address"]);
    std::string all;
    for (const auto& [name, one] : value.items()) ((all += all.empty() ? "" : ", ") += name + ' ') += in_words(one);
    return all;
  }
  return dump(value);
}

inline void print_table(std::ostream& out, const json& rows, std::span<const std::string_view> columns) {
  if (rows.empty()) {
    out << "none\n";
    return;
  }
  std::vector<std::vector<std::string>> cells{{}};
  for (const std::string_view column : columns) cells[0].emplace_back(column);
  for (const json& row : rows) {
    auto& line = cells.emplace_back();
    for (const std::string_view column : columns) line.push_back(in_words(row.value(std::string(column), json())));
  }
  const auto width = [](const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  std::vector<std::size_t> widths(columns.size());
  for (const auto& line : cells)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i)
      out << line[i] << (i + 1 < line.size() ? std::string(widths[i] - width(line[i]) + 2, ' ') : "\n");
  }
}

/// What a mail's recipients last heard, or "-".
inline std::string why_of(const json& mail) {
  for (const json& recipient : mail["recipients"])
    if (const json& why = recipient["failure"]; why.is_object()) return why.value("explanation", "");
  return {};
}

inline void print_report(std::ostream& out, const json& report) {
  for (const json& stage : report["stages"])
    out << (stage["ok"].get<bool>() ? "  ok      " : "  failed  ") << stage["stage"].get<std::string>() << "  "
        << stage["elapsed_ms"] << " ms  "
        << in_words(stage["failure"].is_object() ? stage["failure"]["cause"] : stage["detail"]) << '\n';
  if (const json& why = report["failure"]; why.is_object())
    out << printable(why["explanation"].get<std::string>(), 2000)
        << "\nNext step: " << printable(why["next_step"].get<std::string>(), 2000) << '\n';
  else out << "The server can be used.\n";
}

inline void print(std::ostream& out, const json& body) {
  static constexpr std::string_view tenants[] = {"name",    "default_server", "servers",
                                                 "senders", "logins",         "notify_address"};
  static constexpr std::string_view servers[] = {"name", "default", "host",  "port",    "security",
                                                 "auth", "user",    "users", "channels"};
  static constexpr std::string_view senders[] = {"address", "kind", "name", "server", "override", "user"};
  static constexpr std::string_view logins[] = {"name", "senders"};
  static constexpr std::string_view mails[] = {"id", "state", "tenant", "from", "recipients", "created", "why"};
  const auto is_list = [&](const char* name) {
    return body.size() <= 2 && body.contains(name) && body[name].is_array();
  };
  if (is_list("tenants")) return print_table(out, body["tenants"], tenants);
  if (is_list("servers")) return print_table(out, body["servers"], servers);
  if (is_list("senders")) return print_table(out, body["senders"], senders);
  if (is_list("logins")) return print_table(out, body["logins"], logins);
  if (body.contains("members")) {
    static constexpr std::string_view members[] = {"address", "kind", "name", "by"};
    for (const std::string kind : {"users", "channels"}) {
      const bool one = body[kind]["count"] == 1;
      out << body[kind]["count"] << ' ' << (one ? kind.substr(0, kind.size() - 1) : kind) << ", "
          << body[kind]["by_override"] << " by override\n";
    }
    return print_table(out, body["members"], members);
  }
  if (body.contains("stages")) return print_report(out, body);
  if (is_list("mails")) {
    json rows = body["mails"];
    for (json& mail : rows) mail["why"] = why_of(mail);
    print_table(out, rows, mails);
    if (body["next_cursor"].is_string())
      out << "There is more: --after " << body["next_cursor"].get<std::string>() << '\n';
    return;
  }
  if (body.contains("explanation") && body.contains("reason")) {
    out << printable(body["explanation"].get<std::string>(), 2000) << '\n';
    return;
  }
  for (const auto& [name, value] : body.items()) {
    if (value.is_array() && !value.empty() && value[0].is_object()) {
      out << name << ":\n";
      for (const json& one : value) out << "  " << printable(in_words(one), 2000) << '\n';
    } else {
      out << name << ": " << in_words(value) << '\n';
    }
  }
}

}  // namespace postrider::examples
