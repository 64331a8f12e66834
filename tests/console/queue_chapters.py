"""Chapters about mail on its way: the queue, one mail, the overview, and trouble that is mended where an alert leads."""
import contextlib
import re
import sqlite3
import time

from mail_servers import wait_until
from story import ADMINISTRATOR, BILLING, GRACE, HENRY, QUEUE, TEAM, Story
from world import OTHER_PASSWORD, TENANT

NOTIFICATION = "<> (a notification)"


class QueueChapters(Story):
    def need_trouble(self):
        """Mail that waits for a dead server, one that is put off, one whose sender is refused, and one that failed."""
        self.need_senders()
        self.need_company_default()
        if self._troubled:
            return
        type(self)._troubled = True
        self.world.internal.answer("rcpt", "550 5.1.1 no such mailbox", when=lambda argument: HENRY.encode() in argument)
        for number in range(3):
            self.world.send(BILLING, f"reader{number}@example.org")
        self.world.send(HENRY, "later@example.org")
        self.world.send(HENRY, "nobody@example.org")  # he cannot be told: that notification is what fails
        self.world.send(GRACE, "reader@example.org")

    def listed(self):
        """(sender, recipient) of each mail in the list."""
        return [(row["head"], row["To"]) for row in self.browser.rows(QUEUE)]

    def list_becomes(self, wanted, what):
        self.browser.until(lambda: sorted(self.listed()) == sorted(wanted), what)

    def done(self, said):
        """Waits until the page says that something was done, and shows what came of it."""
        self.browser.told(said)
        self.browser.until(lambda: "in the list" in self.browser.run("return document.querySelector('#announcer').textContent"), "the list anew")

    def all_in_time(self):
        """Reads again, because a next attempt may be due just now."""
        self.browser.press("Read again")
        due = {row["head"]: row["Next attempt"] for row in self.browser.rows(QUEUE)}
        return due.pop(NOTIFICATION) == "-" and all(re.search(r"^(now|in \d+ (second|minute)s?)$", one) for one in due.values())

    def see_reasons(self, reasons):
        """Reads again until each of these mails says why it waits: [(sender, recipient, state, server, cause)]."""
        causes = {cause for _, _, _, _, cause in reasons}

        def told():
            self.browser.press("Read again")
            return [(row["head"], row["To"], row["State"], row["Server"], next((one for one in causes if row["Why"].startswith(one)), None))
                    for row in self.browser.rows(QUEUE)]
        self.browser.until(lambda: sorted(told(), key=str) == sorted(reasons), "the reason of each mail")

    def queue(self):
        """What waits and why, in plain words; filters; one mail, some, or all that match."""
        browser, world = self.browser, self.world
        billing = [(BILLING, f"reader{number}@example.org") for number in range(3)]
        later, grace, failed = (HENRY, "later@example.org"), (GRACE, "reader@example.org"), (NOTIFICATION, HENRY)
        self.tenant_page("queue")
        self.see_reasons([(*one, "Waiting", "Nowhere", "Connection refused") for one in billing] + [
            (*later, "Waiting", "Fickle", "Put off by the server"), (*grace, "Waiting", "Company mail", "Sender not allowed"),
            (*failed, "Failed", "internal", "Mailbox unknown")])
        self.assertRegex(browser.row(QUEUE, HENRY)["Attempts"], r"^[1-9]\d*$")
        browser.until(self.all_in_time, "a next attempt of each mail that waits, and none of the one that failed")
        self.look("queue")

        # Filters.
        everything = [*billing, later, grace, failed]
        browser.choose("Cause", "Connection refused")
        self.list_becomes(billing, "the mails with that cause")
        browser.choose("Cause", "Any")
        browser.choose("Server", "Fickle")
        self.list_becomes([later], "the mail of that server")
        browser.choose("Server", "Any")
        browser.choose("State", "Failed")
        self.list_becomes([failed], "what failed")
        browser.choose("State", "Any")
        browser.type("Sender", BILLING)
        self.list_becomes(billing, "the mails of that sender")
        browser.type("Recipient contains", "reader1@")
        self.list_becomes([billing[1]], "the mail to that recipient")
        browser.type("Recipient contains", "")
        browser.type("Sender", "")
        browser.choose("Age", "Older than an hour")
        browser.see("No mail is like that.")
        self.grow_old(HENRY)  # the relay is stopped for that
        browser.press("Read again")
        browser.see("Sign in")  # sessions end with the relay
        self.sign_in()
        self.tenant_page("queue")
        browser.choose("Age", "Older than an hour")
        self.list_becomes([later], "the mail of that age")
        browser.choose("Age", "Any age")
        self.list_becomes(everything, "every mail")

        # All that match.
        browser.type("Sender", BILLING)
        self.list_becomes(billing, "the mails of that sender")
        browser.press("Hold")
        self.done("3 mails held.")
        browser.until(lambda: [row["State"] for row in browser.rows(QUEUE)] == ["Held"] * 3, "the mails to be held")
        browser.press("Release")
        self.done("3 mails released.")
        browser.press("Retry now")
        self.done("3 mails tried again.")
        # Some: ticked.
        self.tick_mail(billing[0])
        browser.see("1 chosen:")
        browser.press("Hold")
        self.done("1 mail held.")
        browser.until(lambda: sorted(row["State"] for row in browser.rows(QUEUE)) == ["Held", "Waiting", "Waiting"], "one mail to be held")
        # To another server, which takes them: those that wait; what is held stays.
        browser.choose("State", "Waiting")
        self.list_becomes(billing[1:], "what waits")
        browser.press("Move")
        browser.dialog("Move all mails that match")
        self.look("move")
        browser.choose("To this server", "internal")
        browser.press("Move")
        self.done("2 mails moved.")
        moved = world.internal.wait_for(lambda mails: sum(mail.sender == BILLING for mail in mails) == 2, what="the moved mails")
        self.assertEqual(sorted(mail.recipients for mail in moved if mail.sender == BILLING), [("reader1@example.org",), ("reader2@example.org",)])
        # One is removed, after a question.
        browser.type("Sender", "")
        browser.choose("State", "Failed")
        self.list_becomes([failed], "what failed")
        self.tick_mail(failed)
        browser.press("Remove")
        browser.dialog("Remove 1 mail?")
        browser.see("This cannot be undone.")
        self.look("remove-mails")
        browser.press("Remove")
        browser.see("No mail is like that.")
        browser.choose("State", "Any")
        self.list_becomes([billing[0], later, grace], "the rest")

    def grow_old(self, sender):
        """Two hours pass for the mails of one sender: in the file of a relay that is stopped, not in the test."""
        relay = self.world.relay
        self.assertEqual(relay.stop(), 0)
        with contextlib.closing(sqlite3.connect(relay.data / "spool.db")) as spool, spool:
            spool.execute("UPDATE mail SET created = created - 7200000, sum = NULL WHERE sender = ?", (sender,))
        relay.start()
        type(self)._api = None  # its session ended

    def tick_mail(self, mail):
        self.browser.tick(f"Choose the mail from {mail[0] if mail[0] != NOTIFICATION else 'nobody'} to {mail[1]}")

    def one_mail(self):
        """A mail's history with what the servers said, and its content only for who asks."""
        browser = self.browser
        self.tenant_page("queue")
        browser.row(QUEUE, HENRY)
        browser.follow(HENRY)
        browser.see("History", "450 4.2.0 come back later", "later@example.org: put off")
        self.look("mail")
        tried = len(browser.find_all(".attempts > li"))
        browser.press("Retry now")
        browser.told("It is tried again now.")
        browser.until(lambda: self.again() and len(browser.find_all(".attempts > li")) > tried, "one more attempt in the history")
        browser.press("Hold")
        browser.find("button", "Release")
        browser.press("Release")
        browser.find("button", "Hold")
        # Another way, and back.
        browser.press("Hold")
        browser.find("button", "Release")
        browser.press("Move to another server")
        browser.dialog("Move this mail")
        browser.choose("To this server", "Nowhere")
        browser.press("Move")
        browser.see("Moved here")
        browser.press("Let it take its usual way")
        browser.until(lambda: not browser.has("button", "Let it take its usual way") and "Fickle" in browser.text(), "its usual way")

        self.assertNotIn("Subject:", browser.text())
        browser.press("Show the content")
        browser.see("Subject:")
        self.look("mail-content")
        browser.press("Remove")
        browser.dialog("Remove this mail?")
        browser.press("Remove")
        browser.told("The mail was removed.")
        browser.row(QUEUE, GRACE)
        browser.until(lambda: HENRY not in [head for head, _ in self.listed()], "the mail to be gone")
        # That somebody looked is on record.
        self.page("audit")
        browser.row("Audit log", "")
        looked = [row for row in browser.rows("Audit log") if row["What"] == "mail.content"]
        self.assertEqual([row["Who"] for row in looked], [ADMINISTRATOR])

    def again(self):
        self.browser.driver.refresh()
        self.browser.see("History")
        return True

    def all_tenants(self):
        """The mail of all tenants at once: each entry says whose it is."""
        browser = self.browser
        self.page("overview")
        browser.see("All tenants", "Sender refused: " + GRACE)
        browser.until(lambda: browser.find_all(".live.on"), "what happens now")
        browser.until(lambda: browser.has("a", f"Nowhere ({TENANT})"), "the failures by server")
        self.look("all-tenants-overview")
        browser.follow("Queue")
        browser.cell(QUEUE, GRACE, "Tenant", TENANT)
        self.look("all-tenants-queue")
        browser.type("Failed at (host:port)", f"localhost:{self.world.postfix.submission_port}")
        self.list_becomes([(GRACE, "reader@example.org")], "what failed at that server")
        browser.follow(GRACE)
        browser.see("History", f"Mail from {GRACE}")

    def overview(self):
        """Charts by server while mail goes out, and alerts with a way to what mends them."""
        browser, world = self.browser, self.world
        self.world.send(BILLING, "reader@example.org")
        self.tenant_page("overview")
        browser.see("Server down: Nowhere", "Sender refused: " + GRACE)
        self.assertRegex(browser.text(), r"(?s)Server down.*Sender refused")  # what is worse comes first
        browser.until(lambda: browser.find_all(".live.on"), "what happens now")
        world.send(TEAM, "inbox@example.org")
        browser.until(lambda: "1" in self.latest("Mails each second", "Highest: "), "the mail in the chart of what happens now")
        world.postfix.inbox.wait(1)
        self.tenant_page("overview")
        browser.see("Server down: Nowhere")
        sent = [time.monotonic()]

        def delivered():
            if time.monotonic() > sent[-1] + 20:  # the minute that it was counted in may be over
                world.send(TEAM, "inbox@example.org")
                sent.append(time.monotonic())
            return re.search(r"Company mail [1-9]", self.latest("Delivered each minute, by server", "Latest: "))
        browser.until(delivered, "the delivery by its server")
        self.assertIn("Company mail, mean", self.latest("Latency, by server", "Latest: "))
        bars = browser.run("return [...document.querySelectorAll('.bars a')].map((one) => one.textContent)")
        for name in ("Connection refused", "Sender not allowed", "Nowhere", "Company mail"):
            self.assertIn(name, bars)
        self.look("overview")
        # A bar leads to the mails that it counts.
        browser.follow("Connection refused")
        browser.until(lambda: {head for head, _ in self.listed()} == {BILLING}, "the mails behind the bar")
        self.assertEqual(browser.value("Cause"), "connection_refused")

        # The server that is down: its alert leads to its form, where the port is put right, and the mail goes out.
        self.tenant_page("overview")
        browser.follow("Look at Nowhere")
        browser.dialog("Edit Nowhere")
        world.silent.behave()
        browser.type("Port", str(world.silent.port))
        browser.press("Save")
        browser.no_dialog()
        world.silent.wait_for(lambda mails: any(mail.sender == BILLING for mail in mails), what="the mail that waited")
        self.tenant_page("overview")
        browser.see("Sender refused: " + GRACE)
        browser.until(lambda: "Server down" not in browser.text(), "the alert to be gone")

        # The account that was suspended: the same.
        world.fickle.accounts["relay"] = OTHER_PASSWORD
        world.fickle.die()  # and with it the connections that know the old one
        world.fickle.revive()
        world.send(HENRY, "friend@example.org")
        browser.see("Account suspended: Fickle")  # without being asked again
        self.look("alerts")
        browser.follow("Look at Fickle")
        browser.dialog("Edit Fickle")
        browser.type("Password", OTHER_PASSWORD)
        browser.press("Save")
        browser.no_dialog()
        world.fickle.wait_for(lambda mails: any("friend@example.org" in mail.recipients for mail in mails), what="the mail that waited")
        # The sender that the server does not let through: an override.
        self.tenant_page("overview")
        browser.follow(f"Look at {GRACE}")
        browser.dialog(f"Edit {GRACE}")
        browser.choose("Server", "internal")
        browser.press("Save")
        browser.no_dialog()
        world.internal.wait_for(lambda mails: any(mail.sender == GRACE for mail in mails), what="the mail that waited")
        self.tenant_page("overview")
        browser.see("Queue length")
        browser.until(lambda: not browser.find_all("section[aria-label=Alerts] .note"), "no alerts")

    def latest(self, chart, after):
        """What a chart says in words, from `after` on."""
        said = self.browser.run("""
            const figure = [...document.querySelectorAll('figure')].find((one) => one.querySelector('strong').textContent === arguments[0]);
            return figure.querySelector('svg').getAttribute('aria-label')""", chart)
        return said.partition(after)[2]
