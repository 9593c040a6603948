"""A few lines over time as an SVG picture."""

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, BOTTOM = 720, 300, 60, 40
COLOURS = ("#c1121f", "#1d4ed8", "#047857", "#b45309", "#6d28d9")


def drawn(lines: Mapping[str, Sequence[float]], *, x: str, y: str) -> str:
    """The picture; each line's points lie one step of `x` apart, and begin at one."""
    top = max(max(line) for line in lines.values()) * 1.1
    steps = max(len(line) for line in lines.values())
    body = [_line(name, line, colour, top, steps) for (name, line), colour in zip(lines.items(), COLOURS, strict=False)]
    body += [_axis(top, steps, x, y)]
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    inside = f'<rect width="100%" height="100%" fill="#fff"/>{"".join(body)}'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">{inside}</svg>\n'


def _at(step: float, value: float, top: float, steps: int) -> tuple[float, float]:
    across = LEFT + (WIDTH - LEFT - 90) * step / max(1, steps - 1)
    return round(across, 1), round((HEIGHT - BOTTOM) * (1 - value / top), 1)


def _line(name: str, line: Sequence[float], colour: str, top: float, steps: int) -> str:
    points = [_at(step, value, top, steps) for step, value in enumerate(line)]
    across, down = points[-1]
    path = " ".join(f"{px},{py}" for px, py in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{across + 6}" y="{down + 4}" fill="{colour}">{name} {line[-1]:,.0f}</text>'
    )


def _axis(top: float, steps: int, x: str, y: str) -> str:
    floor = HEIGHT - BOTTOM
    marks = [(_at(0, top * share, top, steps)[1], top * share) for share in (0.25, 0.5, 0.75)]
    grid = "".join(
        f'<path d="M{LEFT} {down}H{WIDTH - 90}" stroke="#ddd"/><text x="8" y="{down + 4}">{value:,.0f}</text>'
        for down, value in marks
    )
    return (
        f'{grid}<path d="M{LEFT} 10V{floor}H{WIDTH - 90}" fill="none" stroke="#333"/>'
        f'<text x="{LEFT}" y="{HEIGHT - 12}">1 … {steps} {x}</text><text x="8" y="16">{y}</text>'
    )
