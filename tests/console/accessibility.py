"""Whether a page can be used by everyone: names, landmarks, contrast as it is computed, the way of the Tab key, room.

Each check returns sentences about what is wrong; none means that it is right.
"""
from browser import TOP

CONTROLS = {"button", "link", "textbox", "combobox", "checkbox", "radio", "spinbutton", "searchbox", "listbox", "dialog",
            "table", "image", "img", "DisclosureTriangle", "columnheader", "group", "log", "region", "navigation", "figure"}
MAY_BE_NAMELESS = {"group", "region", "figure", "image"}  # details and plain fieldsets; drawings beside words

CONTRAST = TOP + """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const parse = (text) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (front, back) => front.slice(0, 3).map((c, i) => c * front[3] + back[i] * (1 - front[3]));
const background = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour[3] > 0) layers.unshift(colour);
    if (colour[3] === 1) break;
  }
  return layers.reduce((back, layer) => over(layer, back), [255, 255, 255]);
};
const light = (colour) => {
  const [r, g, b] = colour.map((c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (one, two) => { const [a, b] = [light(one), light(two)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
const wrong = [];
const name = (element) => `${element.tagName.toLowerCase()} "${(element.textContent || element.placeholder || element.name || '').trim().slice(0, 40)}"`;
const seen = (element) => element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && !element.closest('.unseen, [disabled], option');
const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || !seen(element)) continue;
  const style = getComputedStyle(element);
  const back = background(element);
  const colour = parse(element instanceof SVGElement ? style.fill : style.color);
  const big = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
  const found = ratio(over(colour, back), back);
  if (found < (big ? 3 : 4.5)) wrong.push(`${name(element)} has a contrast of ${found.toFixed(2)}`);
}
for (const control of top.querySelectorAll('input, select, textarea')) {
  if (!seen(control)) continue;
  const style = getComputedStyle(control);
  const own = background(control);
  const around = background(control.parentElement);
  for (const [what, colour] of [['text', style.color], ['placeholder', getComputedStyle(control, '::placeholder').color]]) {
    if (what === 'placeholder' && !control.placeholder) continue;
    const found = ratio(over(parse(colour), own), own);
    if (found < 4.5) wrong.push(`the ${what} of ${name(control)} has a contrast of ${found.toFixed(2)}`);
  }
  if (['checkbox', 'radio'].includes(control.type)) continue;
  const edge = ratio(over(parse(style.borderTopColor), around), around);
  if (edge < 3) wrong.push(`the edge of ${name(control)} has a contrast of ${edge.toFixed(2)}`);
}
return wrong;
"""

SHAPE = """
const wrong = [];
const heads = [...document.querySelectorAll('h1')].filter((one) => one.checkVisibility());
if (document.documentElement.lang !== 'en') wrong.push('the page does not name its language');
if (!document.title) wrong.push('the page has no title');
if (heads.length !== 1) wrong.push(`the page has ${heads.length} main headings`);
if (document.querySelectorAll('main').length !== 1) wrong.push('the page has no main part, or several');
for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) wrong.push('an image has no words for it');
const numbers = [...document.querySelectorAll('[id]')].map((one) => one.id);
const twice = numbers.filter((one, at) => numbers.indexOf(one) !== at);
if (twice.length) wrong.push(`two elements share the id ${twice[0]}`);
for (const one of document.querySelectorAll('[aria-describedby], [aria-labelledby], [aria-controls]'))
  for (const kind of ['aria-describedby', 'aria-labelledby', 'aria-controls'])
    for (const id of (one.getAttribute(kind) ?? '').split(' ').filter(Boolean))
      if (!document.getElementById(id)) wrong.push(`${kind} names ${id}, which is not there`);
return wrong;
"""

ROOM = TOP + """
const wrong = [];
const width = innerWidth;
if (document.documentElement.scrollWidth > width) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
for (const one of top.querySelectorAll('a, button, input, select, textarea, h1, h2, p')) {
  if (!one.checkVisibility() || one.closest('.unseen, .skip')) continue;
  const box = one.getBoundingClientRect();
  if (box.width && (box.left < -1 || box.right > width + 1)) wrong.push(`${one.tagName} "${(one.textContent || one.name).trim().slice(0, 40)}" lies outside of the window`);
}
return wrong;
"""

# Every stop of the Tab key in the order of the document, and a list that will tell where the focus went. Of radio buttons that
# belong together one is a stop. The focus is put on what is on top itself, so that the next Tab begins there.
STOPS = TOP + """
window.findStops = () => {
  const radios = new Set();
  return [...top.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter((one) => {
    if (one.disabled || one.tabIndex < 0 || !one.checkVisibility() || one.closest('[inert]')) return false;
    if (one.type !== 'radio') return true;
    if (!one.checked && [...top.querySelectorAll(`input[name="${one.name}"]`)].some((other) => other.checked)) return false;
    return !radios.has(one.name) && radios.add(one.name);
  });
};
const stops = window.stops = window.findStops();
window.way = [];
window.watch?.abort();
window.watch = new AbortController();
document.addEventListener('focusin', ({target}) => {
  const style = getComputedStyle(target);
  window.way.push([stops.indexOf(target), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1]);
}, {signal: window.watch.signal});
const had = top.getAttribute('tabindex');
top.tabIndex = -1;
top.focus({preventScroll: true});
window.way.length = 0;
if (had === null) top.removeAttribute('tabindex');
return stops.length;
"""
WAY = """
window.watch.abort();
const now = window.findStops();
const still = now.length === window.stops.length && now.every((one, at) => one === window.stops[at]);
return [window.way, window.stops.map((one) => one.outerHTML.slice(0, 120)), still];
"""


def names(browser):
    """Every control has a name, as the browser computes it for assistive technology."""
    wrong = []
    for node in browser.command("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if node.get("ignored") or role not in CONTROLS or role in MAY_BE_NAMELESS:
            continue
        if not node.get("name", {}).get("value", "").strip():
            wrong.append(f"a {role} has no name")
    return wrong


def walk(browser):
    """Goes once around with the Tab key: the stops that it made, those of the page, and whether the page stayed as it was."""
    for _ in range(browser.run(STOPS) + 2):
        browser.command("Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    return browser.run(WAY)


def focus(browser):
    """Tab goes through everything in the order of the document, each stop can be seen, and nothing holds it."""
    for _ in range(5):  # news may make a part of the page anew meanwhile
        way, stops, still = walk(browser)
        if still:
            break
    else:
        return ["the page is made anew faster than Tab goes through it"]
    count, wrong, order = len(stops), [], []
    for at, visible in way:
        if at < 0:
            continue
        if at in order:
            if len(order) < count:
                wrong.append(f"Tab comes back to {stops[at]} before it was everywhere")
            break
        if not visible:
            wrong.append(f"it cannot be seen that {stops[at]} has the focus")
        order.append(at)
    if order != sorted(order):
        wrong.append(f"Tab goes through the page in the order {order}")
    missed = sorted(set(range(count)) - set(order))
    if missed:
        wrong.append(f"Tab does not reach {[stops[at] for at in missed]}")
    return wrong


def contrast(browser):
    return browser.run(CONTRAST)


def shape(browser):
    return browser.run(SHAPE)


def room(browser):
    """Nothing lies outside of the window, which cannot be scrolled sideways."""
    return browser.run(ROOM)


__all__ = ["contrast", "focus", "names", "room", "shape"]
