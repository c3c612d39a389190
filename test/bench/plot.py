"""Curves as SVG, all in one style: dark text, light grid, one colour a curve, the goal as a dashed line. No library."""

import math

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 56, 60       # what is around the field of the curves
COLOURS = ("#1f5fa8", "#c2541b", "#3b7d3a", "#7a4b9d")
TEXT, GRID, GOAL = "#222222", "#dddddd", "#999999"


def number(v):
    """Short, as it stands at an axis."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(v) >= unit:
            return f"{v / unit:g}{name}"
    return f"{v:g}"


def nice_step(most):
    """A step of 1, 2 or 5 times a power of ten, of which four to nine come to `most`."""
    power = 10 ** math.floor(math.log10(most))
    return next(power * k for k in (0.1, 0.2, 0.5, 1, 2) if most / (power * k) <= 9)


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Axis:
    """From values to places. With `log` the distance between a value and ten times it is the same everywhere, and 0 stands where
    the first value above it would have a neighbour."""

    def __init__(self, values, log, begin, end):
        self.log, self.begin, self.end = log, begin, end
        self.zero = min((v for v in values if v > 0), default=1) / 10
        if log:
            self.low, self.high = self.scaled(min(values)), self.scaled(max(values))
            self.ticks = sorted(set(values))
        else:
            step = nice_step(max(values) * 1.05)
            self.low, self.high = 0, math.ceil(max(values) * 1.05 / step) * step
            self.ticks = [step * i for i in range(round(self.high / step) + 1)]

    def scaled(self, v):
        return math.log10(v if v > 0 else self.zero) if self.log else v

    def at(self, v):
        return self.begin + (self.scaled(v) - self.low) / ((self.high - self.low) or 1) * (self.end - self.begin)


def plot(path, title, x_name, y_name, curves, goal=None, log=True):
    """`curves`: {name: [(x, y), ...]}; `goal`: a value of y that is to be kept below."""
    points = [p for curve in curves.values() for p in curve]
    x = Axis([p[0] for p in points], log, LEFT, WIDTH - RIGHT)
    y = Axis([p[1] for p in points] + ([goal] if goal else []), False, HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'font-family="sans-serif" font-size="12" fill="{TEXT}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>']
    for v in y.ticks:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(v):.1f}" y2="{y.at(v):.1f}" stroke="{GRID}"/>'
                   f'<text x="{LEFT - 8}" y="{y.at(v) + 4:.1f}" text-anchor="end">{number(v)}</text>')
    for v in x.ticks:
        out.append(f'<line x1="{x.at(v):.1f}" x2="{x.at(v):.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 5}" stroke="{TEXT}"/>'
                   f'<text x="{x.at(v):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{number(v)}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(x_name)}</text>'
               f'<text x="18" y="{(TOP + HEIGHT - BOTTOM) / 2:.0f}" text-anchor="middle" '
               f'transform="rotate(-90 18 {(TOP + HEIGHT - BOTTOM) / 2:.0f})">{escape(y_name)}</text>')
    if goal:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(goal):.1f}" y2="{y.at(goal):.1f}" stroke="{GOAL}" '
                   f'stroke-dasharray="6 4"/><text x="{WIDTH - RIGHT}" y="{y.at(goal) - 6:.1f}" text-anchor="end" fill="{GOAL}">goal</text>')
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(x.at(a), y.at(b)) for a, b in curve]
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in places]
        if len(curves) > 1:
            out.append(f'<rect x="{LEFT + 150 * i}" y="34" width="12" height="4" fill="{colour}"/>'
                       f'<text x="{LEFT + 150 * i + 18}" y="41">{escape(name)}</text>')
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n</svg>\n")
