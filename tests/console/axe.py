"""axe-core's opinion of a page, where it is to be had: prepare.sh installs it into the build folder, else npm may have it for everyone."""
import json
import os
import pathlib
import shutil
import subprocess

from browser import TOP

BUILD = pathlib.Path(os.environ.get("POSTRIDER_BIN", "build/examples")).parent

RUN = TOP + """
const done = arguments[arguments.length - 1];
// What axe-core cannot decide is wrong too, but for the contrast of what is scrolled out of sight: accessibility.py computes that.
const undecided = ({id}) => id !== 'color-contrast';
const said = ({id, help, nodes}) => nodes.map((one) => `axe-core, ${id}: ${help}: ${one.html.slice(0, 160)}`);
axe.run(top === document.body ? document : top, {resultTypes: ['violations', 'incomplete']}).then(
  ({violations, incomplete}) => done([...violations, ...incomplete.filter(undecided)].flatMap(said)),
  (error) => done([String(error)]));
"""


class Axe:
    def __init__(self, folder):
        self.version = json.loads((folder / "package.json").read_text())["version"]
        self._source = (folder / "axe.min.js").read_text()

    def __call__(self, browser):
        """Sentences about what is wrong with what is on top; none means that nothing is."""
        if not browser.run("return window.axe !== undefined"):
            browser.run(self._source + "; window.axe = axe")
        return browser.run_async(RUN)


def find_axe():
    """None where there is none."""
    folders = (modules / "axe-core" for modules in _module_folders())
    return next((Axe(folder) for folder in folders if (folder / "axe.min.js").exists()), None)


def _module_folders():
    yield BUILD / "axe/node_modules"
    if npm := shutil.which("npm"):
        yield pathlib.Path(subprocess.run([npm, "root", "--global"], capture_output=True, text=True, timeout=60).stdout.strip())
    yield pathlib.Path("/usr/share/nodejs")


__all__ = ["find_axe"]
