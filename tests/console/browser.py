"""A browser as a person uses it: things are found by what is written on them, and waited for.

    with Browser(folder) as browser:
        browser.open("http://127.0.0.1:8080/")
        browser.type("Name", "ada")
        browser.press("Sign in")
        browser.see("Overview")
"""
import pathlib
import shutil
import tempfile

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from mail_servers import wait_until

WIDE, NARROW = (1280, 900), (400, 860)

# What is on top: the last open dialog, or the page.
TOP = "const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;"

FIND = TOP + """
const [kind, name] = arguments;
const shown = (element) => element.checkVisibility();
const said = (element) => (element.getAttribute('aria-label') ?? element.textContent).replace(/\\s+/g, ' ').trim();
if (kind === 'field') {
  const label = [...top.querySelectorAll('label')].find((one) => shown(one) && said(one) === name);
  if (label) return document.getElementById(label.htmlFor);
  return [...top.querySelectorAll('input, select, textarea')].find((one) => shown(one) && one.getAttribute('aria-label') === name) ?? null;
}
if (kind === 'summary') return [...top.querySelectorAll('summary')].find((one) => shown(one) && said(one).startsWith(name)) ?? null;
return [...top.querySelectorAll(kind)].filter(shown).find((one) => said(one) === name) ?? null;
"""
ROWS = TOP + """
const table = [...top.querySelectorAll('table')].find((one) => one.caption?.textContent === arguments[0]);
if (!table) return null;
const said = (cell) => cell.textContent.replace(/\\s+/g, ' ').trim();
const titles = [...table.tHead.rows[0].cells].map(said);
return [...table.tBodies[0].rows].map((row) =>
  ({head: said(row.querySelector('th')), ...Object.fromEntries([...row.cells].map((cell, at) => [titles[at], said(cell)]))}));
"""


# What is there is marked, so that it is known when it is gone.
GO = """
const wanted = new URL(arguments[0]);
const main = document.querySelector('.frame main');
if (!main || wanted.origin !== location.origin || wanted.hash === location.hash) return false;
main.dataset.before = '';
location.hash = wanted.hash;
return true;
"""


# What the page says in passing is kept, so that it can be read however long the reader was away.
KEEP_SAID = """
window.said = [];
new MutationObserver((all) => {
  for (const {addedNodes} of all) for (const one of addedNodes) if (one.classList?.contains('toast')) window.said.push(one.textContent);
}).observe(document, {childList: true, subtree: true});
"""
SAID = """
const at = window.said.indexOf(arguments[0]);
return at >= 0 && window.said.splice(0, at + 1).length > 0;
"""


class Browser:
    def __init__(self, pictures):
        self.pictures = pathlib.Path(pictures)
        self.pictures.mkdir(parents=True, exist_ok=True)
        self._profile = tempfile.mkdtemp(prefix="postrider-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
                         "--disable-background-networking", "--disable-component-update", "--disable-sync",
                         "--disable-dev-shm-usage", f"--user-data-dir={self._profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_script_timeout(120)
        self.command("Page.addScriptToEvaluateOnNewDocument", source=KEEP_SAID)
        self.size(WIDE)
        self.scheme("light")

    def close(self):
        try:
            self.driver.quit()
        finally:
            shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- the window ---

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def size(self, of):
        self.command("Emulation.setDeviceMetricsOverride", width=of[0], height=of[1], deviceScaleFactor=1, mobile=False)

    def scheme(self, name):
        """light or dark, and no motion."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name},
                                                             {"name": "prefers-reduced-motion", "value": "reduce"}])

    def picture(self, name):
        self.driver.save_screenshot(str(self.pictures / f"{name}.png"))

    def open(self, address):
        """A page by its address, as from outside: nothing of the one before is kept."""
        self.driver.get("about:blank")
        self.driver.get(address)

    def go(self, address):
        """Another page of the one that is open, which makes it anew; False if that is none of the kind."""
        if not self.run(GO, address):
            return False
        self.until(lambda: self.run("return !document.querySelector('[data-before]') && !document.querySelector('main > .row .spin')"),
                   f"the page {address}")
        return True

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script, *arguments):
        """The same for a script that tells its end: to its last argument."""
        return self.driver.execute_async_script(script, *arguments)

    def complaints(self):
        """What the browser's console was told since the last call, but for refusals, which are part of the tests."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if "Failed to load resource" not in entry["message"]]

    # --- what is there ---

    def until(self, condition, what):
        """Waits for condition(), which may stumble over a page that is being made anew."""
        def settled():
            try:
                return condition()
            except WebDriverException:
                return None
        try:
            return wait_until(settled, what=what)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; the page says:\n{self.text()}") from None

    def text(self):
        return self.run(TOP + "return top.innerText")

    def see(self, *texts):
        """Waits until all of these are written on top."""
        for text in texts:
            self.until(lambda text=text: text in self.text(), f'"{text}" on the page')

    def told(self, text):
        """Waits until the page said this in passing: since it was opened, and after what was told before."""
        self.until(lambda: self.run(SAID, text), f'"{text}" to be said')

    def find(self, kind, name):
        """An element by what is written on it: of a tag, or kind "field" by its label."""
        return self.until(lambda: self.run(FIND, kind, name), f'{kind} "{name}"')

    def find_all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def has(self, kind, name):
        return self.run(FIND, kind, name) is not None

    def rows(self, caption):
        """A table's rows as [{column's title: text}], and what names each row as "head"; none where there is no such table."""
        return self.run(ROWS, caption) or []

    def row(self, caption, name):
        """The row that begins with this name, as soon as it is there."""
        return self.until(lambda: next((one for one in self.rows(caption) if one["head"].startswith(name)), None),
                          f'row "{name}" of "{caption}"')

    def cell(self, caption, name, title, text):
        """Waits until a cell of a table says text."""
        self.until(lambda: text in self.row(caption, name)[title], f'"{text}" as {title} of "{name}"')

    # --- what a person does ---

    def press(self, name):
        """A button."""
        self._click("button", name)

    def follow(self, name):
        """A link."""
        self._click("a", name)

    def _click(self, kind, name):
        def clicked():
            found = self.run(FIND, kind, name)
            if found is None or not found.is_enabled():
                return False
            found.click()
            return True
        self.until(clicked, f'{kind} "{name}" to be clicked on')

    def unfold(self, name):
        """Opens a part that can be folded, if it is not open."""
        summary = self.find("summary", name)
        if not self.run("return arguments[0].parentElement.open", summary):
            summary.click()

    def type(self, label, text):
        """Writes into a field what it is to hold."""
        field = self.find("field", label)
        field.send_keys(Keys.CONTROL, "a")  # clear() would leave the field in between, which nobody does
        field.send_keys(text or Keys.DELETE)
        return field

    def choose(self, label, text):
        Select(self.find("field", label)).select_by_visible_text(text)

    def tick(self, label, on=True):
        box = self.find("field", label)
        if box.is_selected() != on:
            box.click()

    def focused(self, name):
        """Waits until the control of this name has the focus."""
        self.until(lambda: self.run("return document.activeElement.ariaLabel ?? document.activeElement.textContent") == name, f'the focus on "{name}"')

    def value(self, label):
        return self.run("return arguments[0].value", self.find("field", label))

    def error(self, label):
        """What is written beside a field as its error; empty if it is marked as right."""
        field = self.find("field", label)
        if field.get_attribute("aria-invalid") != "true":
            return ""
        return self.run("return document.getElementById(arguments[0].id + '-error').textContent", field)

    def escape(self):
        """Closes what is on top."""
        open_before = self.run("return document.querySelectorAll('dialog[open]').length")
        self.run("return document.activeElement").send_keys(Keys.ESCAPE)
        self.until(lambda: self.run("return document.querySelectorAll('dialog[open]').length") < open_before, "a dialog to close")

    def dialog(self, title):
        """Waits until a dialog of this title is on top."""
        self.until(lambda: self.run(TOP + "return top.querySelector(':scope > header h2')?.textContent") == title, f'the dialog "{title}"')

    def no_dialog(self):
        """Waits until dialogs are closed, and lists show what came of them."""
        self.until(lambda: not self.find_all("dialog[open], [aria-busy=true]"), "dialogs to be closed")


__all__ = ["Browser", "Keys", "NARROW", "WIDE"]
