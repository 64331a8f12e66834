"""The console as an administrator uses it, in a browser, from the link of the first start on.

One story in chapters, each in the file that it belongs to. On each page and dialog a chapter stops to look at it for everyone's
sake (accessibility.py). Pictures of it all lie in the build folder. Chapters can be told alone, what they need is then made through
the API:

    POSTRIDER_BIN=build/examples PYTHONPATH=tests/support python3 tests/console/browser_story.py queue overview
"""
import sys
import unittest
import urllib.parse

import accessibility
from people_chapters import PeopleChapters
from queue_chapters import QueueChapters
from server_chapters import ServerChapters

# In the order of the story, with what each needs.
CHAPTERS = {
    "checks": (),
    "first_start": (),
    "internal_server": ("signed_in",),
    "form": ("signed_in",),
    "refusals_at_fields": ("signed_in", "company"),
    "unsaved_server_is_tested": ("signed_in",),
    "failing_test": ("signed_in",),
    "cancelled_test": ("signed_in",),
    "users_and_channels": ("signed_in", "company"),
    "default_server": ("signed_in", "senders"),
    "as_a_channel": ("signed_in", "senders"),
    "two_editors": ("signed_in", "servers"),
    "queue": ("signed_in", "trouble"),
    "all_tenants": ("signed_in", "trouble"),
    "one_mail": ("signed_in", "trouble"),
    "overview": ("signed_in", "trouble"),
    "removal": ("signed_in", "senders", "company_default"),
    "tenants": ("signed_in",),
    "tokens": ("signed_in",),
    "audit": ("signed_in", "history"),
    "no_password_anywhere": (),
}

BAD_PAGE = """<!doctype html><html lang=en><title>bad</title><body style="background:#fff"><a class=skip href="#x">skip</a><main>
<h1>One</h1><h1>Two</h1><p style="color:#999">pale</p><button id=same></button><button id=same tabindex=2>second</button>
<a href="#y" style="outline:none" onfocus="this.style.outline='none'">unseen</a>
<input aria-label=held onkeydown="if (event.key === 'Tab') event.preventDefault()"><div style="width:2000px"><p>wide</p></div></main>"""


class ConsoleTest(ServerChapters, QueueChapters, PeopleChapters):
    chosen = tuple(CHAPTERS)

    def test_story(self):
        for name in self.chosen:
            with self.subTest(name):
                self.chapter(name, CHAPTERS[name])
            if self._outcome.result.failures or self._outcome.result.errors:
                break  # the next ones stand on it

    def checks(self):
        """The looks at pages find what is wrong with one that is bad for everyone."""
        self.browser.open("data:text/html;charset=utf-8," + urllib.parse.quote(BAD_PAGE))
        for check, words in ((accessibility.contrast, "pale"), (accessibility.names, "a button has no name"),
                             (accessibility.shape, "2 main headings"), (accessibility.shape, "the id same"),
                             (accessibility.room, "lies outside"), (accessibility.focus, "does not reach"),
                             (accessibility.focus, "cannot be seen"), (accessibility.focus, "Tab ")):
            self.assertIn(words, str(check(self.browser)), check.__name__)
        if self.axe:
            self.assertIn("axe-core, button-name", str(self.axe(self.browser)))


if __name__ == "__main__":
    wanted = sys.argv[1:]
    unknown = [name for name in wanted if name not in CHAPTERS]
    if unknown:
        sys.exit(f"there is no chapter {', '.join(unknown)}; there are {', '.join(CHAPTERS)}")
    ConsoleTest.chosen = tuple(name for name in CHAPTERS if not wanted or name in wanted)
    unittest.main(argv=sys.argv[:1], verbosity=2)
