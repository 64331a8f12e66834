"""Chapters about servers and senders: the form, the Test, who uses what, the default, two editors, removal."""
from mail_servers import wait_until
from story import BILLING, RELAY, RELAY_PASSWORD, SENDERS, SERVERS, TEAM, TEAM_PASSWORD, Story
from world import SINK_ACCOUNT, TENANT


class ServerChapters(Story):
    def fill_server(self, port, user, password, host="localhost", security="STARTTLS"):
        browser = self.browser
        browser.type("Server name", host)
        browser.choose("Connection security", security)
        browser.type("Port", str(port))
        browser.type("User name", user)
        browser.type("Password", password)

    def add_server(self, name, port, user, password, **more):
        self.tenant_page("servers")
        self.browser.press("Add a server")
        self.browser.type("Name", name)
        self.fill_server(port, user, password, **more)
        self.browser.press("Save")
        self.browser.no_dialog()
        return self.browser.row(SERVERS, name)

    def press_test(self, to):
        """Presses Test and waits for its end."""
        self.browser.type("Send a test mail to", to)
        self.browser.press("Test")
        self.browser.until(lambda: self.browser.run(
            "return document.querySelector('dialog[open] .outcome')?.childElementCount > 0"), "the end of the test")

    def stages(self):
        """[(stage, passed, time)] of the test on top."""
        return self.browser.run("""
            return [...document.querySelectorAll('dialog[open] .stages li[data-stage]')]
              .map((one) => [one.dataset.stage, one.classList.contains('good'), one.querySelector('.took').textContent])""")

    def fails_at(self, label, *words):
        """The test failed, says so, and marks this field."""
        browser = self.browser
        browser.see("Next step:", *words)
        self.assertNotEqual(browser.error(label), "", f"{label} is not marked:\n{browser.text()}")
        marked = browser.run("return [...document.querySelectorAll('dialog[open] [aria-invalid=true]')].map((one) => one.name)")
        self.assertEqual(len(marked), 1, marked)
        self.assertFalse(self.stages()[-1][1])

    def internal_server(self):
        browser = self.browser
        self.tenant_page("servers")
        row = browser.row(SERVERS, "internal")
        self.assertIn("Built in", row["Name"])
        self.assertEqual(row["Default"], "Default")
        self.assertEqual((row["Used by users"], row["Used by channels"]), ("0", "0"))
        browser.press("Edit internal")
        browser.see("The internal server is the relay's own.")
        self.look("internal-server-form")
        self.close_dialog()

    def form(self):
        browser = self.browser
        self.tenant_page("servers")
        browser.press("Add a server")
        # The port follows the security until it is edited.
        self.assertEqual(browser.value("Port"), "587")
        browser.choose("Connection security", "SSL/TLS")
        self.assertEqual(browser.value("Port"), "465")
        browser.type("Port", "2465")
        browser.choose("Connection security", "STARTTLS")
        self.assertEqual(browser.value("Port"), "2465")
        self.look("new-server")
        # Each method says what it protects.
        said = set()
        for method in ("PLAIN", "LOGIN", "CRAM-MD5"):
            browser.choose("Authentication method", method)
            said.add(browser.run("return document.getElementById(arguments[0].id + '-hint').textContent",
                                 browser.find("field", "Authentication method")))
        self.assertEqual(len(said), 3, said)
        self.assertTrue(all(len(sentence) > 20 for sentence in said), said)
        # A provider fills in what is known of it.
        browser.choose("Provider", "Fastmail")
        self.assertEqual((browser.value("Server name"), browser.value("Port")), ("smtp.fastmail.com", "465"))
        browser.see("app password")
        self.close_dialog()

        row = self.add_server("Company mail", self.world.postfix.submission_port, RELAY, RELAY_PASSWORD)
        self.assertEqual((row["Server name"], row["Port"], row["Connection security"]),
                         ("localhost", str(self.world.postfix.submission_port), "STARTTLS"))
        # The password does not come back; an edit that leaves it empty keeps it.
        browser.press("Edit Company mail")
        self.assertEqual(browser.value("Password"), "")
        self.assertEqual(browser.find("field", "Password").get_attribute("placeholder"), "Unchanged")
        browser.unfold("Limits")
        browser.type("Connections at once", "3")
        browser.unfold("Quirks")
        browser.tick("Send one command at a time")
        browser.unfold("Fallback servers")
        browser.choose("Add a fallback", "internal")
        browser.press("Save")
        browser.no_dialog()
        browser.focused("Edit Company mail")  # where this began, although the list was made anew
        browser.press("Edit Company mail")
        browser.unfold("Limits")
        self.assertEqual(browser.value("Connections at once"), "3")
        browser.unfold("Fallback servers")
        browser.see("1. internal")
        browser.press("Do not fall back to internal")
        browser.unfold("Quirks")
        browser.tick("Send one command at a time", on=False)
        for part in ("Certificates", "Care", "Another sender"):
            browser.unfold(part)
        self.look("server-form")
        browser.press("Save")
        browser.no_dialog()
        self.look("servers")

    def refusals_at_fields(self):
        browser = self.browser
        self.tenant_page("servers")
        browser.press("Add a server")
        browser.type("Name", "Company mail")
        self.fill_server(587, "somebody", "something", host="not a host!")
        browser.press("Save")
        browser.until(lambda: "exists" in browser.error("Name"), "the registry's words at the name")
        browser.type("Name", "Another")
        browser.press("Save")
        browser.until(lambda: "is no host" in browser.error("Server name"), "the registry's words at the server name")
        self.close_dialog()

    def unsaved_server_is_tested(self):
        browser = self.browser
        self.tenant_page("servers")
        browser.press("Add a server")
        browser.type("Name", "Not saved")
        self.fill_server(self.world.postfix.tls_port, RELAY, RELAY_PASSWORD, security="SSL/TLS")
        self.press_test("inbox@example.org")
        browser.see("accepted the mail", "inbox@example.org", "spam folder")
        stages = self.stages()
        self.assertTrue(all(passed for _, passed, _ in stages), stages)
        self.assertTrue(all(took[-1] == "s" for _, _, took in stages), stages)
        named = [stage for stage, _, _ in stages]
        for stage in ("resolve", "connect", "tls", "greeting", "ehlo", "auth", "mail", "rcpt", "final"):
            self.assertIn(stage, named)
        browser.see("TLSv1.", "localhost")  # version, cipher and whose certificate
        browser.unfold("Transcript")
        browser.see("C: EHLO")
        browser.press("Copy the transcript")
        self.keep_source()
        self.look("test-passed")
        inbox = self.world.postfix.inbox.wait(1)
        self.assertIn(b"Subject: Test mail through", inbox[0])
        self.world.postfix.inbox.clear()
        self.close_dialog()
        self.assertIsNone(browser.run("return [...document.querySelectorAll('tbody th')].find((one) => one.textContent.includes('Not saved')) ?? null"))

    def failing_test(self):
        browser, world = self.browser, self.world
        self.tenant_page("servers")
        browser.press("Add a server")
        browser.type("Name", "Not saved")

        self.fill_server(world.dead_port, RELAY, RELAY_PASSWORD)
        self.press_test("inbox@example.org")
        self.fails_at("Port", "nothing takes connections at that port")

        self.fill_server(world.postfix.submission_port, RELAY, "not-the-password")
        self.press_test("inbox@example.org")
        self.fails_at("Password", "does not accept this user name and password")
        browser.picture("test-failed")
        self.look("failed-test")
        browser.press("Go to the password")
        self.assertEqual(browser.run("return document.activeElement.name"), "password")
        browser.unfold("Transcript")
        self.keep_source()

        self.fill_server(world.postfix.submission_port, RELAY, RELAY_PASSWORD, security="SSL/TLS")
        self.press_test("inbox@example.org")
        self.fails_at("Connection security", "STARTTLS")

        self.fill_server(world.impostor.port, "relay", SINK_ACCOUNT["relay"])
        self.press_test("inbox@example.org")
        self.fails_at("Server name", "was issued for another name", "mail.example.net")

        self.fill_server(world.fickle.port, "relay", SINK_ACCOUNT["relay"])
        self.press_test("nobody@example.org")
        self.fails_at("Send a test mail to", "no mailbox of that name")
        self.assertEqual(world.internal.mails, [])
        self.close_dialog()

    def cancelled_test(self):
        browser = self.browser
        self.tenant_page("servers")
        browser.press("Add a server")
        browser.type("Name", "Silent")
        self.fill_server(self.world.silent.port, "relay", SINK_ACCOUNT["relay"])
        browser.type("Send a test mail to", "inbox@example.org")
        browser.press("Test")
        browser.until(lambda: "connect" in [stage for stage, _, _ in self.stages()], "the stage connect, before the end")
        browser.press("Cancel the test")
        browser.see("The test was cancelled.")
        self.close_dialog()
        self.world.silent.behave()

    def add_sender(self, kind, name, address, server="", user="", password=""):
        browser = self.browser
        self.tenant_page("senders")
        browser.press("Add a user or channel")
        browser.dialog("Add a user or channel")
        browser.choose("Kind", {"user": "User: a person", "channel": "Channel: an address of a team"}[kind])
        browser.type("Name", name)
        browser.type("Address", address)
        if server:
            browser.choose("Server", server)
        if user:
            browser.type("User name of an own account", user)
            browser.type("Password of that account", password)
        browser.press("Save")
        browser.no_dialog()
        return browser.row(SENDERS, address)

    def users_and_channels(self):
        browser = self.browser
        self.add_server("Nowhere", self.world.dead_port, "relay", SINK_ACCOUNT["relay"])
        self.add_server("Fickle", self.world.fickle.port, "relay", SINK_ACCOUNT["relay"])
        row = self.add_sender("user", "Grace", "grace@example.org")
        self.assertIn("internal", row["Server"])
        self.assertIn("Default", row["Server"])
        row = self.add_sender("channel", "Team", TEAM, "Company mail", TEAM, TEAM_PASSWORD)
        self.assertIn("Company mail", row["Server"])
        self.assertIn("Override", row["Server"])
        self.assertEqual((row["Kind"], row["Account"]), ("Channel", TEAM))
        self.add_sender("channel", "Billing", "billing@example.org", "Nowhere")
        self.add_sender("user", "Henry", "henry@example.org", "Fickle")
        self.add_sender("user", "Nobody", "gone@example.org")

        # Edit: from one override to another and back. Remove.
        browser.press("Edit henry@example.org")
        browser.dialog("Edit henry@example.org")
        self.look("sender-form")
        browser.type("Name", "Henry the patient")
        browser.press("Save")
        browser.no_dialog()
        browser.cell(SENDERS, "henry@example.org", "Name", "Henry the patient")
        browser.press("Remove gone@example.org")
        browser.dialog("Remove gone@example.org?")
        self.look("remove-sender")
        browser.press("Remove")
        browser.no_dialog()
        browser.until(lambda: "gone@example.org" not in [row["head"] for row in browser.rows(SENDERS)], "the sender to be gone")

        self.look("senders")
        browser.press(f"Explain route of {TEAM}")
        browser.see("Company mail", "Server")
        self.look("explain-route")
        browser.escape()
        browser.no_dialog()
        browser.type("Any address", "stranger@example.org")
        browser.press("Explain route")
        browser.see("internal")
        browser.escape()
        browser.no_dialog()

    def default_server(self):
        browser = self.browser
        self.tenant_page("servers")
        self.assertEqual(browser.row(SERVERS, "internal")["Used by users"], "1")
        browser.press("Set as default: Company mail")
        browser.cell(SERVERS, "Company mail", "Default", "Default")
        self.assertEqual(browser.row(SERVERS, "internal")["Default"], "Set as default")
        self.assertEqual(browser.row(SERVERS, "internal")["Used by users"], "0")
        row = browser.row(SERVERS, "Company mail")
        self.assertEqual((row["Used by users"], row["Used by channels"]), ("1", "1"))
        # Who they are, told apart.
        browser.press("1 user of Company mail: list them")
        browser.see("By default: 1", "grace@example.org", "By override: 0")
        browser.escape()
        browser.press("1 channel of Company mail: list them")
        browser.see("By default: 0", "By override: 1", TEAM)
        self.look("used-by")
        browser.escape()
        browser.no_dialog()

    def as_a_channel(self):
        browser = self.browser
        self.tenant_page("servers")
        browser.press("Test Company mail")
        browser.type("As user or channel", TEAM)
        self.press_test("inbox@example.org")
        browser.see("accepted the mail", f"Tested with the account of {TEAM}.")
        self.world.postfix.inbox.wait(1)
        self.world.postfix.inbox.clear()
        wait_until(lambda: TEAM in [account for _, account in self.world.postfix.authentications()], what="the channel's own account")
        self.close_dialog()
        # The same from the channel's own row: who sends is filled in.
        self.tenant_page("senders")
        browser.press(f"Test the way of mail from {TEAM}")
        browser.dialog(f"Test Company mail as {TEAM}")
        self.assertEqual(browser.value("As user or channel"), TEAM)
        self.look("sender-test")
        self.press_test("inbox@example.org")
        browser.see("accepted the mail", f"Tested with the account of {TEAM}.")
        self.world.postfix.inbox.wait(1)
        self.world.postfix.inbox.clear()
        self.close_dialog("Close")

    def two_editors(self):
        """What another one changed meanwhile is told, and nothing is lost."""
        browser = self.browser
        self.tenant_page("servers")
        browser.press("Edit Fickle")
        browser.find("field", "Server name")
        self.world.relay.command("server", "set", TENANT, "--name", "Fickle", "--host", "127.0.0.1")
        browser.type("User name", "somebody")
        browser.press("Save")
        browser.see("was changed by somebody else meanwhile", "127.0.0.1")
        self.assertEqual(browser.value("User name"), "somebody")
        self.look("two-editors")
        browser.press("Take theirs")
        browser.until(lambda: browser.value("Server name") == "127.0.0.1", "the other one's host")
        self.assertEqual(browser.value("User name"), "relay")
        self.close_dialog()
        # Nor is what somebody changed meanwhile removed: the second one is told, and sees it as it is.
        browser.press("Remove Fickle")
        browser.dialog("Remove Fickle?")
        self.world.relay.command("server", "set", TENANT, "--name", "Fickle", "--host", "localhost")
        browser.press("Remove")
        browser.see("was changed by somebody else meanwhile")
        self.look("removed-too-late")
        self.close_dialog()
        self.assertEqual(browser.row(SERVERS, "Fickle")["Server name"], "localhost")

    def removal(self):
        """The default stays, and the way out is said; a server in use asks what is to become of its users."""
        browser = self.browser
        self.tenant_page("servers")
        browser.press("Remove Company mail")
        browser.dialog("Company mail stays")
        browser.see("is the default: make another one the default first", "Make another server the default first")
        self.look("default-stays")
        browser.press("Make internal the default")
        browser.no_dialog()
        browser.cell(SERVERS, "internal", "Default", "Default")
        for keep in (True, False):
            browser.press("Remove Nowhere")
            browser.dialog("Remove Nowhere?")
            browser.press("Remove")
            browser.dialog("Nowhere is in use")
            browser.see(BILLING)
            if keep:
                self.look("in-use")
                browser.tick("Keep Nowhere")
            browser.press("Continue")
            browser.no_dialog()
            if keep:
                browser.row(SERVERS, "Nowhere")
        browser.until(lambda: "Nowhere" not in [row["head"][:7] for row in browser.rows(SERVERS)], "the server to be gone")
        self.tenant_page("senders")
        row = browser.row(SENDERS, BILLING)
        self.assertIn("internal", row["Server"])
        self.assertIn("Default", row["Server"])
        # The internal one cannot be removed at all.
        self.tenant_page("servers")
        browser.press("Remove internal")
        browser.dialog("internal stays")
        browser.see("is the internal one and cannot be removed")
        browser.escape()
        browser.no_dialog()
