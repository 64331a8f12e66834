// The HTTP servers: what a request is becomes a call, what a call answers becomes a response.
#include "relay/http.hpp"

#include <postrider/mail/printable.hpp>

#include "relay/bounded_threads.hpp"
#include "relay/event_stream.hpp"
#include "relay/metrics.hpp"
#include "relay/page.hpp"

#include <httplib.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <utility>

namespace postrider::examples {
namespace {

constexpr int most_streams = 16;
constexpr std::size_t most_waiting = 16;  // for a thread
constexpr std::chrono::seconds stream_lasts{25};

void write(httplib::Response& response, const answer& with) {
  response.status = with.status;
  response.set_content(dump(with.body), "application/json");
  if (with.ok() && with.body.is_object() && with.body.contains("revision") && with.body["revision"].is_number())
    response.set_header("ETag", '"' + dump(with.body["revision"]) + '"');
}

std::string name_of(const httplib::Request& request) {
  return printable(request.method) + ' ' + printable(request.path);
}

/// No call needs more than a few levels; what takes a stack apart has thousands.
bool nests_too_deeply(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    else if (c == '"') quoted = !quoted;
    else if (!quoted && (c == '[' || c == '{') && ++depth > 32) return true;
    else if (!quoted && (c == ']' || c == '}')) --depth;
  }
  return false;
}

/// The call of a request, or the refusal of what is none.
std::optional<call> call_of(const httplib::Request& request, answer& refusal) {
  auto what = parse_target(request.method == "HEAD" ? "GET" : request.method, request.target);
  if (!what) {
    refusal = refuse(404, "not_found", "there is no call " + name_of(request));
    return std::nullopt;
  }
  if (!request.body.empty()) {
    what->arguments = nests_too_deeply(request.body) ? json() : json::parse(request.body, nullptr, false);
    if (!what->arguments.is_object()) {
      refusal = refuse(400, "usage", "the body is no JSON object");
      return std::nullopt;
    }
  }
  return what;
}

std::string text_of_errno() {
  return std::error_code(errno, std::generic_category()).message();
}

console_request facts_of(const httplib::Request& request) {
  return {request.method,
          request.get_header_value("Host"),
          request.get_header_value("Origin"),
          request.get_header_value("Sec-Fetch-Site"),
          request.get_header_value("Content-Type"),
          request.get_header_value("Cookie"),
          request.get_header_value("Authorization"),
          request.get_header_value("X-CSRF-Token"),
          request.remote_addr,
          !request.body.empty() || request.get_header_value<std::uint64_t>("Content-Length") != 0};
}

}  // namespace

class http_server::implementation {
 public:
  ~implementation() { stop(); }

  result<void> open_control(const data_folder& folder, office& on) {
    prepare(std::make_unique<httplib::Server>(), 4);
    folder_ = std::make_unique<folder_handle>(folder);
    ::unlink(folder.control().c_str());
    server_->set_address_family(AF_UNIX);
    handle_all([&on](const httplib::Request& request, httplib::Response& response) {
      answer said;
      const auto what = call_of(request, said);
      write(response, what ? perform(on, *what) : said);
    });
    if (!server_->bind_to_port(socket_path(folder, folder_->descriptor()), 80))
      return fail(cause::invalid_configuration, stage::queue,
                  folder.control().native() + ": the control socket cannot be opened: " + text_of_errno());
    ::chmod(folder.control().c_str(), S_IRUSR | S_IWUSR);
    unlink_ = folder.control();
    return {};
  }

  result<int> open_console(const console_options& at, office& on) {
    const bool tls = !at.tls_cert.empty();
    if (tls) {
      auto secure = std::make_unique<httplib::SSLServer>(at.tls_cert.c_str(), at.tls_key.c_str());
      if (!secure->is_valid())
        return fail(cause::invalid_configuration, stage::queue,
                    at.tls_cert + ": certificate and key cannot be used for the console");
      SSL_CTX_set_min_proto_version(secure->ssl_context(), TLS1_2_VERSION);
      prepare(std::move(secure), most_streams + 8);
    } else {
      prepare(std::make_unique<httplib::Server>(), most_streams + 8);
    }
    office_ = &on;
    gate_ = std::make_unique<console_gate>(on, gate_options{at.hosts, tls});
    server_->set_address_family(at.address.find(':') == std::string::npos ? AF_INET : AF_INET6);
    httplib::Headers headers{
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cache-Control", "no-store"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
         "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"}};
    if (tls) headers.emplace("Strict-Transport-Security", "max-age=31536000");
    server_->set_default_headers(std::move(headers));
    handle_all([this](const httplib::Request& request, httplib::Response& response) { serve(request, response); });
    const int taken = at.port == 0                                 ? server_->bind_to_any_port(at.address)
                      : server_->bind_to_port(at.address, at.port) ? at.port
                                                                   : -1;
    if (taken < 0)
      return fail(cause::invalid_configuration, stage::queue,
                  "--console " + (at.address.find(':') == std::string::npos ? at.address : '[' + at.address + ']') +
                      ':' + std::to_string(at.port) + ": " + text_of_errno());
    return taken;
  }

  void start() {
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void stop() {
    if (thread_.joinable()) {
      server_->stop();
      thread_.join();
    }
    if (!unlink_.empty()) ::unlink(std::exchange(unlink_, {}).c_str());
  }

 private:
  /// Of the sixteen streams, one; given back when the last copy of it goes.
  using stream_slot = std::shared_ptr<void>;

  void prepare(std::unique_ptr<httplib::Server> server, std::size_t threads) {
    server_ = std::move(server);
    server_->new_task_queue = [threads] { return new bounded_threads(threads, most_waiting); };
    server_->set_keep_alive_max_count(1);
    server_->set_read_timeout(10);
    server_->set_write_timeout(10);
    server_->set_payload_max_length(1024 * 1024);
    server_->set_exception_handler(
        [](const httplib::Request& request, httplib::Response& response, std::exception_ptr) {
          write(response, refuse(500, "internal", name_of(request) + " could not be done"));
        });
    // What never came to a call: no request, or too large a one.
    server_->set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      const int status = response.status < 400 ? 400 : response.status;
      const std::string why = status == 413   ? "the body is too large"
                              : status == 404 ? "there is no call " + name_of(request)
                                              : "this request cannot be understood";
      write(response, refuse(status, status == 404 ? "not_found" : "usage", why));
    });
  }

  /// httplib reads a body of any length where none is announced, and repeats a page for each range of a long list: a
  /// request without a length has no body here (RFC 9110 section 8.6), and no range is looked at.
  void handle_all(const httplib::Server::Handler& handler) {
    server_->set_pre_routing_handler([handler](const httplib::Request& request, httplib::Response& response) {
      using done = httplib::Server::HandlerResponse;
      const_cast<httplib::Request&>(request).ranges.clear();
      const bool announced = request.has_header("Content-Length");
      if (request.has_header("Transfer-Encoding"))
        write(response, refuse(411, "usage", "a body needs a Content-Length", "Content-Length"));
      else if (announced || (request.method != "POST" && request.method != "PUT" && request.method != "PATCH"))
        return done::Unhandled;
      else handler(request, response);
      return done::Handled;
    });
    server_->Get(".*", handler).Post(".*", handler).Put(".*", handler).Patch(".*", handler).Delete(".*", handler);
  }

  void serve(const httplib::Request& request, httplib::Response& response) {
    if (const auto refused = gate_->foreign(facts_of(request))) return write(response, *refused);
    if (request.path.starts_with("/api/")) return serve_call(request, response);
    if (request.path == "/metrics") return serve_metrics(request, response);
    if (request.method == "GET" || request.method == "HEAD")
      for (const page_file& file : page_files())
        if (file.path == request.path)
          return response.set_content(file.text.data(), file.text.size(), std::string(file.type));
    write(response, refuse(404, "not_found", "there is no page " + printable(request.path)));
  }

  void serve_call(const httplib::Request& request, httplib::Response& response) {
    const console_request facts = facts_of(request);
    answer said;
    auto what = call_of(request, said);
    if (!what) return write(response, said);
    try {
      if (const auto done = gate_->session_call(facts, *what)) {
        if (!done->cookie.empty()) response.set_header("Set-Cookie", done->cookie);
        if (done->retry_after.count() != 0)
          response.set_header("Retry-After", std::to_string(done->retry_after.count()));
        return write(response, done->said);
      }
    } catch (const bad_argument& why) {
      return write(response, refuse(400, "usage", why.what(), why.field));
    }
    auto by = gate_->admit(facts, said);
    if (!by) return write(response, said);
    what->by = std::move(*by);
    const auto& path = what->path;
    const bool streams = path.size() == 1 || (path.size() == 5 && path[2] == "tests");
    if (what->method == "GET" && streams && path.back() == "events") return serve_stream(request, response, *what);
    if (const std::string match = request.get_header_value("If-Match"); !match.empty() && match != "*") {
      if (!take_revision(match, what->arguments))
        return write(response, refuse(400, "usage", "If-Match is no ETag of this API", "If-Match"));
    }
    write(response, perform(*office_, *what));
  }

  /// If-Match is the argument `revision`, for those who like headers.
  static bool take_revision(std::string_view match, json& arguments) {
    if (match.size() < 3 || match.front() != '"' || match.back() != '"') return false;
    const std::string digits(match.substr(1, match.size() - 2));
    if (digits.find_first_not_of("0123456789") != std::string::npos) return false;
    arguments["revision"] = digits;
    return true;
  }

  void serve_stream(const httplib::Request& request, httplib::Response& response, const call& what) {
    stream_slot slot = take_slot();
    if (slot == nullptr) {
      response.set_header("Retry-After", "5");
      return write(response, refuse(503, "busy", "16 streams are open: close one, or try again later"));
    }
    auto stream = std::make_shared<event_stream>(*office_, stream_lasts);
    try {
      const auto refused = stream->begin(what, request.get_header_value("Last-Event-ID"));
      if (refused) {
        if (refused->status == 204) response.status = 204;
        else write(response, *refused);
        return;
      }
    } catch (const bad_argument& why) {
      return write(response, refuse(400, "usage", why.what(), why.field));
    }
    response.set_header("X-Accel-Buffering", "no");
    response.set_chunked_content_provider("text/event-stream", [stream, slot](std::size_t, httplib::DataSink& sink) {
      const auto some = stream->next();
      if (!some) {
        sink.done();
        return true;
      }
      return sink.write(some->data(), some->size());
    });
  }

  stream_slot take_slot() {
    if (streams_.fetch_add(1) >= most_streams) {
      streams_.fetch_sub(1);
      return nullptr;
    }
    return {this, [this](void*) { streams_.fetch_sub(1); }};
  }

  /// For whom a token says so, for administrators of all tenants, and for this host, unless somebody forwards to it.
  void serve_metrics(const httplib::Request& request, httplib::Response& response) {
    if (request.method != "GET" && request.method != "HEAD")
      return write(response, refuse(405, "method", "this cannot be done with " + printable(request.method)));
    const bool forwarded = request.has_header("X-Forwarded-For") || request.has_header("Forwarded");
    const bool here = request.remote_addr == "127.0.0.1" || request.remote_addr == "::1";
    if (!here || forwarded || request.has_header("Authorization")) {
      answer refusal;
      const auto by = gate_->admit(facts_of(request), refusal);
      if (!by) return write(response, refusal);
      if (!by->scopes.has(access_scope::metrics) || !by->sees_all())
        return write(response, refuse(403, "forbidden", "this needs the scope metrics, for all tenants"));
    }
    response.set_content(metrics_text(*office_), "text/plain; version=0.0.4; charset=utf-8");
  }

  std::unique_ptr<httplib::Server> server_;
  std::unique_ptr<folder_handle> folder_;
  std::filesystem::path unlink_;
  office* office_ = nullptr;
  std::unique_ptr<console_gate> gate_;
  std::atomic<int> streams_{0};
  std::thread thread_;
};

http_server::http_server() : self_(std::make_unique<implementation>()) {}
http_server::~http_server() = default;
result<void> http_server::open_control(const data_folder& folder, office& on) {
  return self_->open_control(folder, on);
}
result<int> http_server::open_console(const console_options& at, office& on) {
  return self_->open_console(at, on);
}
void http_server::start() {
  self_->start();
}
void http_server::stop() {
  self_->stop();
}

}  // namespace postrider::examples
