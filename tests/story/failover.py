"""A server that fails over to another one, and two that share the load: through processes and sockets, as a tenant has it.

What each server takes is known from causes: a mail is handed over after the one before it came out, and the relay says
through `route explain` what it thinks of each server at that moment.
"""
import pathlib
import shutil
import smtplib
import tempfile
import unittest

import sample_mails
from programs import Relay, run, secret_file, wait_until
from sink import DROP, STALL, Sink

SENDER, TO = "ada@example.com", "reader@example.org"


def ids(mails):
    return {mail.message_id for mail in mails}


class FailoverTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-failover-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.internal = self.sink("internal")
        self.number = 0

    def sink(self, name, **more):
        sink = Sink(f"{name}.test", **more)
        self.addCleanup(sink.stop)
        return sink

    def start(self, retry, **servers):
        """A relay with these servers, each with its options; the one named first is the default."""
        self.relay = Relay(self.folder / "relay", "--insecure", internal=f"smtp://127.0.0.1:{self.internal.port}", retry=retry)
        self.addCleanup(self.relay.kill)
        self.addCleanup(lambda: print(f"--- the relay's log\n{self.relay.log()}", flush=True) if self.failed() else None)
        for name, (sink, options) in reversed(servers.items()):  # a fallback is there before it is named
            self.relay.command("server", "add", "default", "--name", name, "--host", "127.0.0.1", "--port", sink.port,
                               "--security", "none", "--auth", "none", *options)
        self.relay.command("server", "set-default", "default", next(iter(servers)))
        self.client = smtplib.SMTP("127.0.0.1", self.relay.port, local_hostname="client.test", timeout=60)
        self.addCleanup(self.client.close)

    def failed(self):
        outcome = getattr(self, "_outcome", None)
        return outcome is not None and not outcome.success

    def send(self):
        """Hands over one mail: its Message-ID."""
        self.number += 1
        self.client.sendmail(SENDER, [TO], sample_mails.plain_mail(self.number, SENDER, TO, kind="failover"))
        return f"<failover.{self.number}@example.com>"

    def send_to(self, sink):
        """One that has to come out there, before anything else happens."""
        one = self.send()
        sink.wait_for(lambda mails: one in ids(mails), what=f"{one} at {sink.name}")
        return one

    def route(self):
        """(the answer, {server: its health})"""
        answer = self.relay.command("route", "explain", "default", SENDER)
        return answer, {way["server"]: way["health"] for way in answer["ways"]}

    def wait_route(self, condition, what):
        found = []

        def fits():
            found[:] = [self.route()]
            return condition(found[0][1])
        wait_until(fits, 60, what)
        return found[0]

    def waiting(self):
        return self.relay.command("queue", "list")["mails"]

    def test_while_a_server_is_gone_its_fallback_has_its_mail(self):
        first, second = self.sink("first"), self.sink("second")
        self.start("2s,4s,10m", first=(first, ["--fallback", "second"]), second=(second, []))
        self.send_to(first)
        answer, health = self.route()
        self.assertIn('While it is in trouble, mail takes "second"', answer["explanation"])
        self.assertEqual([way["reason"] for way in answer["ways"]], ["default", "fallback"])
        self.assertEqual((health["first"]["used_now"], health["first"]["breaker"], health["first"]["next_probe_ms"]), (True, "closed", None))

        # What a server refuses for good is nobody else's business.
        first.answer("rcpt", "550 5.1.1 no such mailbox", times=1)
        refused = self.send()
        self.internal.wait_for(lambda mails: any(refused.encode() in mail.data for mail in mails), what="its notification")
        self.assertEqual((first.count(), second.count()), (1, 0))
        wait_until(lambda: self.waiting() == [], 60, "an empty queue")

        first.die()
        for _ in range(20):
            self.send_to(second)
        answer, health = self.wait_route(lambda health: health["first"]["breaker"] == "open", "an open breaker")
        self.assertEqual(health["first"]["failure"]["cause"], "connection_refused")
        self.assertLessEqual(health["first"]["next_probe_ms"], 4000)
        self.assertEqual((health["first"]["used_now"], health["second"]["used_now"], health["first"]["suspended"]), (False, True, False))
        self.assertRegex(answer["explanation"], r'The server "first" is in trouble \(connection_refused\) and is tried again in [1-4] s\. Now mail takes "second"\.')

        # Mail itself is the probe that finds the server again.
        first.revive()
        home = []
        wait_until(lambda: home.append(self.send()) or first.count() > 1, 60, "a probe that reaches the server")
        self.wait_route(lambda health: health["first"]["breaker"] == "closed", "a closed breaker")
        before = second.count()
        for _ in range(20):
            self.send_to(first)
        self.assertEqual(second.count(), before)
        self.assertEqual(len(ids(first.mails) | ids(second.mails)), first.count() + second.count())
        wait_until(lambda: self.waiting() == [], 60, "an empty queue")
        self.assertEqual(self.relay.stop(), 0)

    def test_a_mail_that_was_perhaps_delivered_waits_for_its_server(self):
        first, second = self.sink("first"), self.sink("second")
        self.start("2s,4s,10m", first=(first, ["--fallback", "second"]), second=(second, []))
        first.answer("kept", DROP, times=1)  # it has the mail, and does not say so
        unknown = self.send()
        first.wait_refused("kept")
        wait_until(lambda: [mail["recipients"][0]["state"] for mail in self.waiting()] == ["pending"], 60, "its place in the queue")
        first.die()
        others = [self.send_to(second) for _ in range(5)]  # those that were not, go
        self.assertEqual(ids(second.mails), set(others))
        wait_until(lambda: len(self.waiting()) == 1, 60, "the settlement of the others")
        (mail,) = self.waiting()
        self.assertTrue(mail["recipients"][0]["possible_duplicate"])
        first.revive()
        first.wait_for(lambda mails: [mail.message_id for mail in mails].count(unknown) == 2, what="the same bytes again")
        self.assertEqual(len({mail.data for mail in first.mails if mail.message_id == unknown}), 1)
        wait_until(lambda: self.waiting() == [], 60, "an empty queue")
        self.assertNotIn(unknown, ids(second.mails))
        self.assertEqual(self.relay.stop(), 0)

    def test_servers_of_one_rank_share_the_load_by_weight(self):
        big, small = self.sink("big"), self.sink("small")
        self.start("200ms,400ms,10m", big=(big, ["--rank", "1", "--weight", "3", "--fallback", "small"]),
                   small=(small, ["--rank", "1", "--weight", "1"]))
        for number in range(1, 81):
            self.send()
            wait_until(lambda: big.count() + small.count() == number, 60, f"mail {number}")
        self.assertEqual(big.count() + small.count(), 80)
        self.assertTrue(56 <= big.count() <= 64, f"{big.count()} of 80 at weight 3, {small.count()} at weight 1")
        answer, health = self.route()
        self.assertIn('It shares the load by weight (3) with "small" (1)', answer["explanation"])
        self.assertEqual([one["used_now"] for one in health.values()], [True, True])

        # One that is gone leaves its share to the other.
        small.die()
        before = big.count()
        for _ in range(20):
            self.send()
        big.wait(before + 20)
        self.assertEqual(small.count() + big.count(), 100)
        wait_until(lambda: self.waiting() == [], 60, "an empty queue")
        self.assertEqual(self.relay.stop(), 0)

    def test_a_route_says_how_its_server_fares(self):
        first = self.sink("first", accounts={"first": "pw first"}, mechanisms=("PLAIN",))
        password = secret_file(self.folder, "password", "pw first")
        # Every pause is so long that only the command below ends it.
        self.start("1h,2h,5d", first=(first, ["--auth", "plain", "--user", "first", "--password-file", password]))

        first.answer("greeting", STALL)
        self.send()
        answer, health = self.wait_route(lambda health: health["first"]["in_flight"] == 1, "a mail on its way")
        self.assertTrue(answer["explanation"].endswith(' 1 mail is on the way to "first".'), answer)
        self.assertEqual((health["first"]["breaker"], health["first"]["used_now"]), ("closed", True))

        first.die()
        answer, health = self.wait_route(lambda health: health["first"]["breaker"] == "open", "an open breaker")
        self.assertGreater(health["first"]["next_probe_ms"], 0)
        self.assertRegex(answer["explanation"], r'The server "first" is in trouble \(\w+\) and is tried again in \d+ s\. Now mail waits\.$')

        first.revive()  # and is as silent as before
        self.relay.command("queue", "retry", "--all")
        answer, health = self.wait_route(lambda health: health["first"]["breaker"] == "half_open", "a probe")
        self.assertEqual((health["first"]["in_flight"], health["first"]["next_probe_ms"]), (1, None))
        self.assertIn("; one mail is on its way to see whether it still is. Now mail waits.", answer["explanation"])
        first.behave()
        first.wait(1)
        self.wait_route(lambda health: health["first"]["breaker"] == "closed", "a closed breaker")

        first.answer("auth", "535 5.7.8 wrong")
        first.die()  # the session that is logged in ends
        first.revive()
        self.send()
        answer, health = self.wait_route(lambda health: health["first"]["suspended"], "a suspended account")
        self.assertEqual((health["first"]["breaker"], health["first"]["failure"]["cause"]), ("open", "credentials_rejected"))
        self.assertRegex(answer["explanation"], r'The account on the server "first" is suspended \(credentials_rejected\)')
        words = run("postrider-relay", "route", "explain", "default", SENDER, "--data", self.relay.data, "--key-file", self.relay.key)
        self.assertIn('The account on the server "first" is suspended (credentials_rejected) and is tried again in', words.out)

        first.behave()
        first.answer("mail", "451 4.7.1 rate limit exceeded, slow down", times=1)
        self.relay.command("queue", "retry", "--all")
        answer, health = self.wait_route(lambda health: health["first"]["throttled"], "a server that asked for patience")
        self.assertEqual((health["first"]["breaker"], health["first"]["used_now"]), ("closed", True))
        self.assertIn('The server "first" asked for patience (provider_rate) and gets mail slowly, the next in', answer["explanation"])
        self.relay.command("queue", "retry", "--all")
        first.wait(2)
        self.assertEqual(self.relay.stop(), 0)
        answer, health = self.route()
        self.assertEqual((answer["server"], health), ("first", {"first": None}))  # nobody knows


if __name__ == "__main__":
    unittest.main()
