// The table of all calls.
#include "relay/api_overview.hpp"
#include "relay/api_people.hpp"
#include "relay/api_queue.hpp"
#include "relay/api_senders.hpp"
#include "relay/api_servers.hpp"
#include "relay/api_table.hpp"
#include "relay/api_tenants.hpp"
#include "relay/api_tests.hpp"
#include "relay/api_words.hpp"

namespace postrider::examples {
namespace {

using namespace api;
using enum access_scope;
constexpr auto everybody = reach::everybody;

constexpr endpoint table[] = {
    {"GET", "status", show_status, read, {}, everybody},
    {"GET", "overview", show_overview},
    {"GET", "vocabulary", list_words},
    {"GET", "presets", list_presets},

    {"GET", "tenants", list_tenants},
    {"POST", "tenants", add_tenant, registry, "tenant.add", everybody},
    {"GET", "tenants/{tenant}", show_tenant},
    {"PATCH", "tenants/{tenant}", set_tenant, registry, "tenant.set"},
    {"DELETE", "tenants/{tenant}", remove_tenant, registry, "tenant.remove", everybody},

    {"GET", "tenants/{tenant}/servers", list_servers},
    {"POST", "tenants/{tenant}/servers", add_server, registry, "server.add"},
    {"GET", "tenants/{tenant}/servers/{server}", show_one_server},
    {"PATCH", "tenants/{tenant}/servers/{server}", set_server, registry, "server.set"},
    {"DELETE", "tenants/{tenant}/servers/{server}", remove_server, registry, "server.remove"},
    {"GET", "tenants/{tenant}/servers/{server}/used-by", server_used_by},
    {"PUT", "tenants/{tenant}/default-server", set_default_server, registry, "server.set_default"},

    {"POST", "tenants/{tenant}/servers/{server}/test", test_server, registry, "server.test"},
    {"POST", "tenants/{tenant}/test", test_server, registry, "server.test"},
    {"POST", "tenants/{tenant}/tests", begin_test, registry, "server.test"},
    {"GET", "tenants/{tenant}/tests/{test}", show_test, registry},
    {"DELETE", "tenants/{tenant}/tests/{test}", cancel_test, registry},

    {"GET", "tenants/{tenant}/senders", list_senders},
    {"POST", "tenants/{tenant}/senders", add_sender, registry, "sender.add"},
    {"GET", "tenants/{tenant}/senders/{sender}", show_one_sender},
    {"PATCH", "tenants/{tenant}/senders/{sender}", set_sender, registry, "sender.set"},
    {"DELETE", "tenants/{tenant}/senders/{sender}", remove_sender, registry, "sender.remove"},

    {"GET", "tenants/{tenant}/logins", list_logins},
    {"POST", "tenants/{tenant}/logins", add_login, registry, "login.add"},
    {"GET", "tenants/{tenant}/logins/{login}", show_one_login},
    {"PATCH", "tenants/{tenant}/logins/{login}", set_login, registry, "login.set"},
    {"DELETE", "tenants/{tenant}/logins/{login}", remove_login, registry, "login.remove"},

    {"GET", "tenants/{tenant}/route", explain_route},

    {"GET", "queue", list_queue},
    {"POST", "queue/actions", act_on_queue, queue, "queue.actions"},
    {"GET", "queue/{mail}", show_mail},
    {"DELETE", "queue/{mail}", remove_mail, queue, "mail.remove"},
    {"POST", "queue/{mail}/retry", retry_mail, queue, "mail.retry"},
    {"POST", "queue/{mail}/hold", hold_mail, queue, "mail.hold"},
    {"POST", "queue/{mail}/release", release_mail, queue, "mail.release"},
    {"POST", "queue/{mail}/move", move_mail, queue, "mail.move"},
    {"POST", "queue/{mail}/unpin", unpin_mail, queue, "mail.unpin"},
    {"POST", "queue/{mail}/content", show_content, content, "mail.content"},

    {"GET", "administrators", list_administrators, admin, {}, everybody},
    {"POST", "administrators", add_administrator, admin, "administrator.add", everybody},
    {"POST", "administrators/{administrator}/reset", reset_administrator, admin, "administrator.reset", everybody},
    {"DELETE", "administrators/{administrator}", remove_administrator, admin, "administrator.remove", everybody},
    {"GET", "tokens", list_tokens, admin, {}, everybody},
    {"POST", "tokens", add_token, admin, "token.add", everybody},
    {"DELETE", "tokens/{token}", revoke_token, admin, "token.revoke", everybody},
    {"GET", "audit", list_audit, admin},
    {"POST", "key/rotate", rotate_key, admin, "key.rotate", everybody},
};

}  // namespace

answer perform(office& on, const call& what) {
  return dispatch(table, on, what);
}

}  // namespace postrider::examples
