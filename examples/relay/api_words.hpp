// Calls that answer with words: choices with what they mean, causes, and the settings of well-known providers.
#pragma once

#include "relay/api_servers.hpp"

#include <string>
#include <string_view>

namespace postrider::examples::api {

// clang-format off
struct preset {
  std::string_view id;
  std::string_view name;
  std::string_view host;  ///< a part in angle brackets is to be replaced
  std::uint16_t port;
  postrider::security security;
  std::string_view hint;
  std::string_view user_hint;
};
inline constexpr preset presets[] = {
    {"google", "Google Workspace, Gmail", "smtp.gmail.com", 587, security::starttls,
     "An account with two-step verification needs an app password: made in the Google account under Security. The account's own password is refused.",
     "The whole address"},
    {"microsoft365", "Microsoft 365, Exchange Online", "smtp.office365.com", 587, security::starttls,
     "Authenticated SMTP has to be switched on for the mailbox; many organisations allow OAuth only, and then a password is refused. The sender has to be the mailbox or one that it may send as.",
     "The whole address"},
    {"outlook", "Outlook.com", "smtp-mail.outlook.com", 587, security::starttls,
     "Personal accounts may be limited to OAuth; where a password is taken it is an app password.",
     "The whole address"},
    {"ses", "Amazon SES", "email-smtp.<region>.amazonaws.com", 587, security::starttls,
     "SMTP credentials are made in the SES console and are not the keys of the AWS account. The sender's domain has to be verified; a new account reaches verified addresses only.",
     "The SMTP user name from the SES console"},
    {"sendgrid", "Twilio SendGrid", "smtp.sendgrid.net", 587, security::starttls,
     "The password is an API key that may send mail. The sender has to be verified.",
     "The word apikey"},
    {"mailgun", "Mailgun", "smtp.mailgun.org", 587, security::starttls,
     "SMTP credentials belong to a domain. In the EU region the host is smtp.eu.mailgun.org.",
     "A login of the domain, such as postmaster@mg.example.com"},
    {"postmark", "Postmark", "smtp.postmarkapp.com", 587, security::starttls,
     "User and password are both the server API token. The sender's domain or address has to be confirmed.",
     "The server API token"},
    {"brevo", "Brevo", "smtp-relay.brevo.com", 587, security::starttls,
     "The password is an SMTP key from the settings, not the account's password.",
     "The SMTP login from the settings"},
    {"fastmail", "Fastmail", "smtp.fastmail.com", 465, security::tls,
     "Needs an app password with the right to send.",
     "The whole address"},
    {"yahoo", "Yahoo Mail", "smtp.mail.yahoo.com", 465, security::tls,
     "Needs an app password: made in the account's security settings.",
     "The whole address"},
    {"icloud", "iCloud Mail", "smtp.mail.me.com", 587, security::starttls,
     "Needs an app-specific password from the Apple account.",
     "The whole iCloud address"},
    {"zoho", "Zoho Mail", "smtp.zoho.com", 465, security::tls,
     "With two-factor authentication it needs an app password. The host differs by region, such as smtp.zoho.eu.",
     "The whole address"},
    {"gmx", "GMX", "mail.gmx.net", 587, security::starttls,
     "Sending by other programs has to be allowed in the settings of the mailbox.",
     "The whole address"},
    {"ionos", "IONOS", "smtp.ionos.com", 587, security::starttls,
     "The host differs by country, such as smtp.ionos.de.",
     "The whole address"},
    {"ovh", "OVHcloud", "ssl0.ovh.net", 465, security::tls,
     "For mailboxes of the MX plan; other plans name their host in the control panel.",
     "The whole address"},
    {"mailjet", "Mailjet", "in-v3.mailjet.com", 587, security::starttls,
     "User and password are API key and secret key. The sender has to be validated.",
     "The API key"},
};
// clang-format on

inline answer list_presets(office&, const path_values&, const json& given) {
  arguments(given, {});
  json all = json::array();
  for (const preset& one : presets)
    all.push_back({{"id", one.id},
                   {"name", one.name},
                   {"host", one.host},
                   {"port", one.port},
                   {"security", to_string(one.security)},
                   {"auth", to_string(auth_method::automatic)},
                   {"hint", one.hint},
                   {"user_hint", one.user_hint}});
  return {200, {{"presets", std::move(all)}}};
}

struct words {
  std::string_view label;
  std::string_view protects;
};

inline words words_of(security one) {
  switch (one) {
    case security::starttls:
      return {"STARTTLS", "The connection is encrypted after its first lines; without the offer nothing is sent."};
    case security::tls: return {"SSL/TLS", "The connection is encrypted from its first byte."};
    case security::none: break;
  }
  return {"None", "Nothing is protected: mail and password can be read on the way. For development only."};
}

inline words words_of(auth_method one) {
  switch (one) {
    case auth_method::automatic:
      return {"Automatic (the strongest offered)", "Takes the strongest method that both sides know."};
    case auth_method::plain:
      return {"PLAIN", "Sends the password to the server; the encrypted connection alone protects it."};
    case auth_method::login:
      return {"LOGIN",
              "As PLAIN, in the older form that some servers still want; the encrypted connection protects it."};
    case auth_method::cram_md5:
      return {"CRAM-MD5",
              "The password itself does not travel, but the method is old, and the server has to keep it readable."};
    case auth_method::scram_sha_256:
      return {"SCRAM-SHA-256",
              "Proves that the password is known without sending it, and lets the server prove the same."};
    case auth_method::none: break;
  }
  return {"None", "No login: the server has to take mail from this machine as it is."};
}

inline words words_of(access_scope one) {
  switch (one) {
    case access_scope::read: return {"See everything but contents and passwords", {}};
    case access_scope::registry: return {"Change and test servers, users, channels and logins", {}};
    case access_scope::queue: return {"Retry, hold, release, move and remove mail", {}};
    case access_scope::content: return {"Read what mails say", {}};
    case access_scope::metrics: return {"Read the metrics", {}};
    case access_scope::admin: break;
  }
  return {"Manage administrators, tokens, the audit log and the key", {}};
}

inline answer list_words(office&, const path_values&, const json& given) {
  arguments(given, {});
  json securities = json::array(), methods = json::array(), scopes = json::array(), switches = json::array(),
       causes = json::array();
  for (std::size_t i = 0; i < spellings<security>.size(); ++i) {
    const auto one = static_cast<security>(i);
    const words w = words_of(one);
    securities.push_back(
        {{"value", to_string(one)}, {"label", w.label}, {"port", default_port(one)}, {"protects", w.protects}});
  }
  for (std::size_t i = 0; i < spellings<auth_method>.size(); ++i) {
    const words w = words_of(static_cast<auth_method>(i));
    methods.push_back({{"value", spellings<auth_method>[i]}, {"label", w.label}, {"protects", w.protects}});
  }
  for (std::size_t i = 0; i < spellings<access_scope>.size(); ++i)
    scopes.push_back({{"value", spellings<access_scope>[i]}, {"label", words_of(static_cast<access_scope>(i)).label}});
  for (const quirk& one : quirks) switches.push_back({{"value", one.name}, {"label", one.label}});
  for (const client::detail::wording& one : client::detail::wordings) {
    std::string label(one.what);
    if (const auto hole = label.find("{server}"); hole != std::string::npos) label.replace(hole, 8, "the server");
    if (label.front() >= 'a' && label.front() <= 'z') label.front() = static_cast<char>(label.front() - 'a' + 'A');
    causes.push_back({{"value", to_string(one.cause)}, {"label", label}});
  }
  return {200,
          {{"security", std::move(securities)},
           {"auth", std::move(methods)},
           {"quirks", std::move(switches)},
           {"causes", std::move(causes)},
           {"states", {"waiting", "held", "failed"}},
           {"scopes", std::move(scopes)}}};
}

}  // namespace postrider::examples::api
