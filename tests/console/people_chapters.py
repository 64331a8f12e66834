"""Chapters about those who use the console: the first start, tenants and their administrators, tokens, the audit log."""
from browser import NARROW, WIDE
from story import ADMINISTRATOR, PASSWORD, SERVERS, Story
from world import TENANT


class PeopleChapters(Story):
    def first_start(self):
        browser, link = self.browser, self.world.one_time_link()
        browser.open(link)
        browser.see("Welcome")
        self.look("set-up")
        browser.type("Your name", ADMINISTRATOR)
        browser.type("Password", PASSWORD)
        browser.type("The same again", PASSWORD + "!")
        browser.press("Set the password and sign in")
        browser.see("The two passwords differ.")
        browser.type("The same again", PASSWORD)
        browser.press("Set the password and sign in")
        browser.see("Signed in as", ADMINISTRATOR, "Queue length")

        self.sign_out()
        browser.open(link)  # it works once
        browser.see("Welcome")
        browser.type("Your name", "mallory")
        browser.type("Password", PASSWORD)
        browser.type("The same again", PASSWORD)
        browser.press("Set the password and sign in")
        browser.see("This link was used already")
        self.sign_in("not the password", expected="wrong")
        self.look("sign-in")
        self.sign_in()
        browser.press("Password")
        browser.dialog("Change your password")
        self.look("password")
        self.close_dialog()

    def tenants(self):
        browser = self.browser
        self.page("tenants")
        browser.row("Tenants", TENANT)
        browser.press("Add a tenant")
        browser.dialog("Add a tenant")
        self.look("tenant-form")
        browser.type("Name", "globex")
        browser.press("Save")
        browser.no_dialog()
        browser.row("Tenants", "globex")
        self.look("tenants")
        browser.size(NARROW)  # where the pages are behind a button
        browser.press("Menu")
        self.look("menu")
        browser.size(WIDE)
        browser.choose("Tenant", "globex")
        browser.see("Through which globex sends its mail")
        self.page("tenants", "globex", "logins")
        browser.press("Add a login")
        browser.dialog("Add a login")
        self.look("login-form")
        browser.type("Name", "globex-app")
        browser.type("Password", "globex-password-1")
        browser.type("Sender addresses", "shop@globex.test")
        browser.press("Save")
        browser.no_dialog()
        browser.cell("Logins of globex", "globex-app", "May send as", "shop@globex.test")
        self.look("logins")

        # An administrator for one tenant.
        self.page("administrators")
        browser.press("Add an administrator")
        browser.dialog("Add an administrator")
        self.look("administrator-form")
        browser.type("Name", "hank")
        browser.choose("Responsible for", "globex")
        browser.press("Make a one-time link")
        browser.see("One-time link for hank")
        self.look("one-time-link")
        link = browser.value("Link")
        self.close_dialog("Done")
        browser.cell("Administrators", "hank", "Password", "Link not used yet")
        self.look("administrators")
        self.sign_out()
        browser.open(link)
        browser.type("Password", PASSWORD)
        browser.type("The same again", PASSWORD)
        browser.press("Set the password and sign in")
        browser.see("Signed in as hank", "The mail of globex", "Tenant globex")

        # He sees that tenant only: neither pages nor entries of others, and what is not his looks like what is not there.
        shown = browser.run("return [...document.querySelectorAll('nav a')].map((one) => one.textContent)")
        self.assertEqual(shown, ["Overview", "SMTP servers", "Users and channels", "Queue", "Logins", "Audit log"])
        browser.follow("SMTP servers")
        browser.row("SMTP servers of globex", "internal")
        browser.follow("Queue")
        browser.see("No mail is like that.")
        browser.follow("Audit log")
        browser.row("Audit log", "")
        self.assertEqual({row["Tenant"] for row in browser.rows("Audit log")}, {"globex"})
        for page in ("servers", "senders", "queue", "overview", "logins"):
            self.tenant_page(page)
            browser.see(f'Tenant "{TENANT}" does not exist')
        self.page("tenants", "nowhere", "servers")
        browser.see('Tenant "nowhere" does not exist')
        for page in ("tenants", "administrators", "tokens"):
            self.page(page)
            browser.see("administrators of all tenants" if page != "tenants" else "globex")
            self.assertNotIn(TENANT, browser.text())
        browser.picture("one-tenant")
        self.sign_out()
        self.sign_in()
        self.page("administrators")
        browser.cell("Administrators", "hank", "Password", "Set")
        browser.press("New link for hank")
        browser.dialog("A new link for hank?")
        self.look("new-link")
        browser.press("Make a new link")
        browser.see("One-time link for hank")
        self.close_dialog("Done")
        browser.cell("Administrators", "hank", "Password", "Link not used yet")
        browser.press("Remove hank")
        browser.dialog("Remove hank?")
        self.look("remove-administrator")
        browser.press("Remove")
        browser.no_dialog()
        browser.until(lambda: len(browser.rows("Administrators")) == 1, "the administrator to be gone")
        browser.press(f"Remove {ADMINISTRATOR}")
        browser.press("Remove")
        browser.see("is the last administrator of all tenants")
        self.close_dialog()

    def tokens(self):
        browser = self.browser
        self.page("tokens")
        browser.press("Make a token")
        browser.dialog("Make a token")
        self.look("token-form")
        browser.type("Name", "nightly report")
        browser.tick("See everything but contents and passwords", on=False)
        browser.press("Make it")
        browser.see("A token needs a scope")
        browser.tick("See everything but contents and passwords")
        browser.press("Make it")
        browser.see("Token nightly report")
        token = browser.value("Token")
        self.look("token")
        self.close_dialog("Done")
        browser.cell("API tokens", "nightly report", "Made by", ADMINISTRATOR)
        self.look("tokens")
        # It works until it is revoked.
        script = self.api.console.with_token(token)
        self.assertEqual(script.ask("GET", "/tenants").status, 200)
        browser.press("Revoke nightly report")
        browser.dialog("Revoke nightly report?")
        self.look("revoke-token")
        browser.press("Revoke")
        browser.no_dialog()
        browser.see("No tokens.")
        self.assertEqual(script.ask("GET", "/tenants").status, 401)

    def need_history(self):
        """Something that the shell did, and something of the administrator."""
        self.world.relay.command("tenant", "add", "initech")
        self.world.relay.command("sender", "add", "initech", "--kind", "user", "--name", "Peter", "--address", "peter@initech.test")
        made = self.api.ok("POST", "/tokens", {"name": "passing", "scopes": ["read"]})
        self.api.ok("DELETE", f"/tokens/{made['id']}")

    def audit(self):
        """Every change, by whom; for one person or tenant if that is asked for."""
        browser = self.browser
        browser.open(self.world.console + "#/audit")  # from outside: with the tenants as they are now
        browser.row("Audit log", "")
        self.look("audit")
        done = [(row["Who"], row["What"], row["Tenant"], row["Object"]) for row in browser.rows("Audit log")]
        self.assertIn((ADMINISTRATOR, "token.add", "-", "passing"), done)
        self.assertIn((ADMINISTRATOR, "token.revoke"), [one[:2] for one in done])
        browser.type("Who", "shell")
        browser.until(lambda: {row["Who"] for row in browser.rows("Audit log")} == {"shell"}, "what the shell changed")
        browser.type("Who", "")
        browser.choose("About tenant", "initech")
        browser.until(lambda: [(row["Who"], row["What"], row["Object"]) for row in browser.rows("Audit log")] ==
                      [("shell", "sender.add", "Peter")], "what was done to initech")

    def no_password_anywhere(self):
        """Neither in a page, nor in the relay's log, nor in its files."""
        for password in (*self.world.passwords(), PASSWORD, "not-the-password", "globex-password-1"):
            for source in self.sources:
                self.assertNotIn(password, source)
            self.assertNotIn(password, self.world.relay.log())
            for file in self.world.relay.data.rglob("*"):
                if file.is_file():
                    self.assertNotIn(password.encode(), file.read_bytes(), file)
