"""What the chapters of the console's story share: the ways about, what a chapter needs to be there, and the look at each page
for everyone's sake."""
import os
import pathlib
import time
import unittest

import accessibility
from axe import find_axe
from browser import NARROW, WIDE, Browser
from console_client import Console
from world import POSTFIX_ACCOUNTS, SINK_ACCOUNT, TENANT, World

ADMINISTRATOR, PASSWORD = "ada", "a rather long sentence"
SERVERS = f"SMTP servers of {TENANT}"
SENDERS = f"Users and channels of {TENANT}"
QUEUE = "Mail in the queue"
RELAY, RELAY_PASSWORD = next(iter(POSTFIX_ACCOUNTS.items()))
TEAM, TEAM_PASSWORD = list(POSTFIX_ACCOUNTS.items())[1]
GRACE, BILLING, HENRY = "grace@example.org", "billing@example.org", "henry@example.org"
PICTURES = pathlib.Path(os.environ.get("POSTRIDER_TEST_BIN", "build/tests")).parent / "screenshots"


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.end)
        cls.browser = Browser(PICTURES)
        cls.addClassCleanup(cls.browser.close)
        cls.sources = []  # everything that the pages were made of
        cls._api, cls._troubled = None, False
        cls.axe = find_axe()
        print(f"axe-core {cls.axe.version} looks at each page" if cls.axe else "axe-core is not to be had, only our own looks are taken", flush=True)

    def setUp(self):
        self.maxDiff = None
        self.problems = []

    def chapter(self, name, needs):
        """Tells a chapter, once what it needs is there."""
        try:
            for need in needs:
                getattr(self, f"need_{need}")()
            began = time.monotonic()
            getattr(self, name)()
            print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
            self.keep_source()
            self.browser.picture(f"story-{name}")
        except BaseException:
            self.browser.picture("story-failed")
            print(f"--- the page\n{self.browser.text()}\n--- the browser\n{self.browser.complaints()}\n--- the relay's log\n{self.world.relay.log()}", flush=True)
            raise
        self.assertEqual(self.browser.complaints(), [], "the browser complained")
        self.assertEqual(self.problems, [], "not for everyone")

    # --- going about ---

    def page(self, *parts):
        """A page by its address: as by a link if a page of the console is open, else from outside."""
        address = self.world.console + "#/" + "/".join(parts)
        if not self.browser.go(address):
            self.browser.open(address)

    def tenant_page(self, *parts):
        self.page("tenants", TENANT, *parts)

    def keep_source(self):
        self.sources.append(self.browser.driver.page_source)

    def sign_in(self, password=PASSWORD, expected=f"Signed in as {ADMINISTRATOR}", name=ADMINISTRATOR):
        self.page("sign-in")
        self.browser.type("Name", name)
        self.browser.type("Password", password)
        self.browser.press("Sign in")
        self.browser.see(expected)

    def sign_out(self):
        self.browser.press("Sign out")
        self.browser.see("Sign in")

    def close_dialog(self, button="Cancel"):
        self.browser.press(button)
        self.browser.no_dialog()

    # --- what a chapter needs: made through the API, unless an earlier chapter made it with the mouse ---

    @property
    def api(self):
        """The administrator, by the API."""
        if self._api is None:
            console = Console(self.world.relay)
            new = console.nobody.ok("GET", "/session")["setup_needed"]
            type(self)._api = (console.first_administrator if new else console.log_in)(ADMINISTRATOR, PASSWORD)
        return self._api

    def _names(self, what, key):
        return {one[key] for one in self.api.ok("GET", f"/tenants/{TENANT}/{what}")[what]}

    def need_signed_in(self):
        self.api  # there is an administrator
        if f"Signed in as {ADMINISTRATOR}" not in self.browser.text():
            self.sign_in()

    def need_company(self):
        self.need_servers("Company mail")

    def need_servers(self, *names):
        """Some of them, or all if none is named."""
        known = self._names("servers", "name")
        for name, port, user, password in (("Company mail", self.world.postfix.submission_port, RELAY, RELAY_PASSWORD),
                                           ("Nowhere", self.world.dead_port, "relay", SINK_ACCOUNT["relay"]),
                                           ("Fickle", self.world.fickle.port, "relay", SINK_ACCOUNT["relay"])):
            if name not in known and (not names or name in names):
                self.api.ok("POST", f"/tenants/{TENANT}/servers", {"name": name, "host": "localhost", "port": port, "security": "starttls",
                                                                   "user": user, "password": password})

    def need_senders(self):
        self.need_servers()
        known = self._names("senders", "address")
        account = {"user": TEAM, "password": TEAM_PASSWORD}
        for kind, name, address, more in (("user", "Grace", GRACE, {}), ("channel", "Team", TEAM, {"server": "Company mail", **account}),
                                          ("channel", "Billing", BILLING, {"server": "Nowhere"}), ("user", "Henry", HENRY, {"server": "Fickle"})):
            if address not in known:
                self.api.ok("POST", f"/tenants/{TENANT}/senders", {"kind": kind, "name": name, "address": address, **more})

    def need_company_default(self):
        self.need_servers()
        self.api.ok("PUT", f"/tenants/{TENANT}/default-server", {"name": "Company mail"})

    # --- for everyone ---

    def look(self, name):
        """Whether everyone can use what is on top: wide and narrow, light and dark, with the keyboard alone, by its names."""
        browser, found = self.browser, []
        for size, width in ((NARROW, "narrow"), (WIDE, "wide")):
            browser.size(size)
            for scheme in ("dark", "light"):
                browser.scheme(scheme)
                found += [f"{width}, {scheme}: {wrong}" for wrong in accessibility.contrast(browser)]
                if (width, scheme) in (("narrow", "dark"), ("wide", "light")):
                    browser.picture(f"{name}-{width}-{scheme}")
                    found += [f"{width}, {scheme}: {wrong}" for wrong in (self.axe(browser) if self.axe else [])]
            found += [f"{width}: {wrong}" for wrong in accessibility.room(browser)]
        for check in (accessibility.names, accessibility.shape, accessibility.focus):
            found += check(browser)
        self.problems += [f"{name}: {wrong}" for wrong in found]


__all__ = ["ADMINISTRATOR", "BILLING", "GRACE", "HENRY", "PASSWORD", "PICTURES", "QUEUE", "RELAY", "RELAY_PASSWORD", "SENDERS", "SERVERS",
           "TEAM", "TEAM_PASSWORD", "Story"]
