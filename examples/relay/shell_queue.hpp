// The shell commands about mail.
#pragma once

#include "relay/shell.hpp"

namespace postrider::examples {

inline void shell::queue() {
  CLI::App& g = group("queue", "Mail that waits, is held, or has failed");
  const auto filters = [](shell_command& c, const char* at = "--server") -> shell_command& {
    return c.filter("tenant", "--tenant", "Only of this tenant")
        .filter("sender", "--sender", "Only from this address")
        .filter("recipient", "--recipient", "Only to addresses with this in them")
        .filter("server", at, "Only what failed at HOST:PORT, or what takes this server now")
        .filter("state", "--state", "Only with a recipient of this state: pending, held, failed")
        .filter("cause", "--cause", "Only what failed for this cause, or waits for it to end")
        .filter("older_than", "--older-than", "Only what came longer ago than TIME: 30s, 5m, 4h, 5d")
        .filter("pin", "--pin", "Only what was moved to this server");
  };
  filters(add(g, "list", "Mail in the queue", "GET", "queue"))
      .text("cursor", "--after", "Only what came after this mail")
      .pages(1'000, 10'000);
  add(g, "show", "All about mails, with their history", "GET", "queue/{mail}").mails();
  const auto verb = [&](const std::string& name, const std::string& help, const std::string& method,
                        const std::string& path, const char* at = "--server") -> shell_command& {
    return filters(add(g, name, help, method, path).or_all_that_match(name), at);
  };
  verb("retry", "Try mails again at once", "POST", "queue/{mail}/retry");
  verb("hold", "Do not try mails until they are released", "POST", "queue/{mail}/hold");
  verb("release", "Let mails go on that were held", "POST", "queue/{mail}/release");
  verb("remove", "Remove mails, without a notification", "DELETE", "queue/{mail}");
  verb("move", "Send mails through this server, whatever the registry says", "POST", "queue/{mail}/move",
       "--from-server")
      .text("server", "--server", "Name of the server", true);
  verb("unpin", "Let moved mails take the registry's way again", "POST", "queue/{mail}/unpin");
}

}  // namespace postrider::examples
