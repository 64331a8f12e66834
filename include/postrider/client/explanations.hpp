// The words for every cause: what happened and what to do next, for people who do not know SMTP.
#pragma once

#include <postrider/core/cause.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace postrider::client::detail {

/// `{server}` stands for host and port, or "the server". `what` has no full stop: the server's words may follow it.
struct wording {
  postrider::cause cause;
  std::string_view what;
  std::string_view next_step;
};

inline constexpr auto wordings = [] {
  using enum cause;
  // clang-format off
  return std::to_array<wording>({
      {no_server, "No mail server is set up for this sender", "Set up a server, or choose one for this sender."},
      {invalid_configuration, "The settings cannot be used as they are", "Correct the setting that is named, and test again."},
      {credential_unavailable, "The stored password could not be read, so nobody could log in at {server}", "Check that the key file is in place and readable, or enter the password again."},
      {spool_failed, "The mail could not be stored on this machine", "Check free disk space and permissions of the data folder."},
      {source_failed, "The mail's own text could not be read to its end, so sending was broken off", "Check that the file the mail comes from is still there and readable, and send it again."},
      {shutting_down, "This program is stopping and starts no new delivery", "Nothing: the mail is sent after the next start."},
      {cancelled, "Sending was stopped from this side", "Send the mail again if it is still wanted."},
      {limited_here, "A limit set on this side was reached", "Wait, or raise the limit on mails or connections."},
      {breaker_open, "{server} failed several times, so it is left alone for a while", "Test the server; delivery goes on by itself once it answers again."},
      {account_suspended, "The account on {server} was refused earlier, so it is not used until somebody has looked at it", "Correct user name and password, test the server, and release the account."},
      {expired, "The mail could not be delivered within the time that was allowed for it", "Look at the earlier attempts for the reason, remove it, and send the mail again."},
      {mail_loop, "The mail goes round in circles between servers", "Check forwarding rules for one that leads back to where the mail came from."},

      {name_not_found, "There is no server of that name: {server}", "Check the spelling of the server's host name."},
      {lookup_failed, "The address of {server} could not be looked up just now", "Check that this machine has a network connection and a working name service (DNS), then try again."},
      {null_mx, "The recipient's domain says that it takes no mail at all", "Check the part of the recipient's address after the @."},
      {no_address, "The name of {server} exists, but no machine's address belongs to it", "Check the host name; servers for sending are often called smtp.example.com or mail.example.com."},
      {connection_refused, "The machine of {server} answers, but nothing takes connections at that port", "Check the port: 587 is usual with STARTTLS, 465 with SSL/TLS, 25 without encryption."},
      {connect_timeout, "{server} does not answer at all", "Check host name and port. If both are right, a firewall on the way may swallow the connection: many networks block port 25, and few block 587."},
      {unreachable, "There is no way through the network to {server}", "Check the host name and this machine's network connection."},
      {port_blocked, "This machine or its network does not allow connections to {server}", "Ask the network's administrator or the hosting provider to open the port, or use port 587."},
      {connection_reset, "The connection to {server} was cut", "Try again. If it keeps happening, a firewall or virus scanner on the way may be the reason."},
      {connection_closed, "{server} hung up in the middle of the conversation", "Try again later. If it keeps happening, ask the server's administrator whether this machine is blocked."},
      {reply_timeout, "{server} was connected, but gave no answer in time", "Try again later. If it never answers, check port and security."},

      {not_smtp, "What answers at {server} is no mail server", "Check host name and port: 587 is usual with STARTTLS, 465 with SSL/TLS."},
      {implicit_tls_expected, "{server} speaks TLS from the first byte", "Choose SSL/TLS as security, or use port 587 with STARTTLS."},
      {starttls_expected, "{server} does not speak TLS from the first byte", "Choose STARTTLS as security, or use port 465 with SSL/TLS."},
      {greeting_refused, "{server} does not want to talk to this machine", "Check that this is the right server for sending mail; if it is, ask its administrator whether this machine is blocked."},
      {ehlo_refused, "{server} did not accept how this machine introduced itself", "Check that this is a mail server; if it is, set another name for this machine (EHLO name)."},
      {starttls_not_offered, "{server} offers no encryption on this port, and it is required here", "Use SSL/TLS with port 465, or ask the provider which port offers STARTTLS. Something on the way may also have removed the offer: do not switch encryption off."},
      {starttls_refused, "{server} offers encryption, but refused to start it", "Try again later, or use SSL/TLS with port 465."},
      {injected_reply, "Somebody slipped unprotected words into the start of the encryption with {server}, so the connection was dropped", "Try from another network: a device on the way, or a faulty server, is tampering with the connection."},
      {tls_version, "{server} knows only outdated versions of encryption", "Ask the server's administrator to switch on TLS 1.2 or newer."},
      {tls_handshake, "{server} and this machine could not agree on encryption", "Check port and security; if they are right, ask the server's administrator about its TLS settings."},
      {certificate_untrusted, "{server} proves its identity with a certificate that nobody known here has signed", "If it is your own server, name the file with the certificate of your authority (CA file). If not, do not send: somebody may be pretending to be it."},
      {certificate_expired, "The certificate of {server} is out of date", "Ask the server's administrator to renew it, and check this machine's clock."},
      {certificate_name, "The certificate of {server} was issued for another name", "Use the name that the certificate was issued for as host name."},
      {policy_dane, "{server} does not show the certificate that its domain has published for it (DANE)", "Ask the administrator of the recipient's domain to correct its TLSA record."},
      {policy_mta_sts, "{server} does not meet the encryption policy that its domain has published (MTA-STS)", "Ask the administrator of the recipient's domain to correct the policy or the server's certificate."},
      {protocol_error, "{server} answered in a way that makes no sense at this point", "Try again. If it stays so, the server is faulty: report it with the record of the conversation."},
      {server_closing, "{server} asked to come back later and hung up", "Try again later."},
      {too_many_recipients, "{server} takes fewer recipients at once than this mail has", "Nothing: the others are sent in further portions. A limit on recipients for each mail can be set for this server."},
      {message_too_big, "The mail is bigger than {server} accepts", "Make the mail smaller, or share large files by a link instead."},
      {eight_bit_unsupported, "The mail contains characters that {server} cannot carry as they are", "Send the text as quoted-printable or base64 instead of 8-bit."},
      {smtputf8_unsupported, "{server} cannot deliver to addresses with letters outside ASCII", "Use an address in plain ASCII letters, or another server."},
      {extension_unsupported, "{server} cannot do something that this mail asks for", "Send the mail without that option, or through another server."},

      {mechanism_unavailable, "{server} offers no way to log in that was chosen or is known here", "Set the authentication method to automatic, or to one that the server offers."},
      {mechanism_too_weak, "{server} wants a safer way to log in than the one that was used", "Set the authentication method to automatic, or to a stronger one."},
      {encryption_required, "{server} lets people in only over an encrypted connection", "Choose STARTTLS (port 587) or SSL/TLS (port 465) as security."},
      {authentication_required, "{server} sends mail only for people who log in", "Enter user name and password for this server."},
      {credentials_rejected, "{server} does not accept this user name and password", "Check both: the user name is often the whole mail address. A changed password must be changed here too."},
      {app_password_required, "{server} does not accept the ordinary password for programs", "Create an app password (at some providers: authorization code) in the account's security settings, and enter it here instead of the password."},
      {oauth_required, "{server} no longer lets this account log in with a password", "Ask the administrator to allow SMTP log-in with a password for this account, or use an account or a relay of another kind; the provider wants OAuth."},
      {token_expired, "The access token for {server} is no longer valid", "Sign in again to get a new token."},
      {account_disabled, "{server} knows the account, but does not let it send: it is locked, suspended, or sending by programs is switched off for it", "Log in to the provider's web page with this account, follow what it says, and switch on SMTP for it."},
      {sender_not_allowed, "{server} does not let this account send mail from this sender address", "Use the account's own address as sender, or have the address verified or released for this account at the provider."},
      {provider_rate, "{server} gets more mail or connections from this account than it takes in so short a time", "Wait; delivery goes on by itself. If it happens often, set a lower limit on mails each second or on connections for this server."},
      {provider_quota, "The account has used up what it may send through {server} for now", "Wait until the provider's day is over, or raise the allowance with the provider."},
      {relay_denied, "{server} does not pass on mail to other domains for this account", "Check that user name and password are set, and that this server is the one for outgoing mail."},

      {mailbox_unknown, "There is no mailbox of that name at the recipient's server", "Check the recipient's address for typing errors."},
      {mailbox_disabled, "The recipient's mailbox is switched off", "Ask the recipient for another address."},
      {mailbox_full, "The recipient's mailbox is full", "Tell the recipient in another way; later attempts succeed once there is room."},
      {domain_invalid, "The recipient's domain does not exist or takes no mail", "Check the part of the recipient's address after the @."},
      {moved, "The recipient has moved to another address", "Use the new address if the server names one, or ask the recipient."},
      {recipient_refused, "{server} does not accept mail for this recipient", "Check the recipient's address; if it is right, the recipient's administrator can say why."},
      {spam, "The mail was taken for spam or breaks a rule of the receiving side", "Look at links, wording and sender of the mail; ask the provider if it is harmless."},
      {virus, "The mail was taken for harmful", "Check the attachments with a virus scanner."},
      {attachment, "An attachment is of a kind that is not accepted", "Send the file in another form, or share it by a link."},
      {authentication_policy, "The sender's domain does not vouch for this server, and the receiving side insists on it", "Have the sender's domain set up SPF, DKIM and DMARC for the server that sends, and reverse DNS for its address."},
      {blocklisted, "The sending machine or domain is on a list of bad senders", "Find the list in the server's answer and ask there to be removed; send through the provider's own server meanwhile."},
      {greylisted, "{server} puts off mail from senders it has not seen before", "Nothing: send again in some minutes, and it is usually accepted."},
      {unclassified_transient, "{server} could not take the mail just now", "Try again later."},
      {unclassified_permanent, "{server} refused the mail without a reason that is known here", "Read what the server said, and ask its administrator."},
  });
  // clang-format on
}();

static_assert(
    [] {
      if (wordings.size() != spellings<cause>.size()) return false;
      for (std::size_t i = 0; i < wordings.size(); ++i)
        if (static_cast<std::size_t>(wordings[i].cause) != i) return false;
      return true;
    }(),
    "the wordings follow the order of the enumeration");

}  // namespace postrider::client::detail
