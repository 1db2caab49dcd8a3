"""labels.py: names beside the marks of a scatter plot, so that none lies on a mark or on another
name.

Lengths are points of the drawing. A name takes the cheapest of many places around its mark; one
that stands further off than its own mark's edge is led there by a thin line.
"""

from math import cos, hypot, pi, sin

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

SIZE = 9.5
NEAR = 9  # from the middle of a mark to a name that needs no line
DISTANCES = (NEAR, 14, 20, 27, 35, 44, 54, 66, 80)
# In steps of 15 degrees: beside the mark first, then above and below, then between.
STEPS_ROUND = (0, 12, 6, 18, 3, 21, 9, 15, 1, 23, 11, 13, 2, 22, 10, 14, 4, 20, 8, 16, 5, 19, 7, 17)
ANGLES = [step * pi / 12 for step in STEPS_ROUND]
HALF = 5.5  # a mark is a square of twice this
BESIDE = 12  # to its sides a mark keeps off other names, which would seem to be its own
STEPS = 20  # points of a line that are looked at


def label_points(axes, points, looks, ink, muted):
    """points: {allocator: (memory, time)}, after the figure was drawn once."""
    scale = 72 / axes.figure.dpi
    box = axes.get_window_extent()
    frame = tuple(end * scale + inset for end, inset in zip(box.extents, (3, 3, 0, -3)))
    marks = {name: tuple(axes.transData.transform(point) * scale) for name, point in points.items()}
    corner = (frame[0], frame[1], frame[0] + 75, frame[1] + 18)  # where "fast and lean" stands
    taken = [around(point) for point in marks.values()] + [corner]
    for name in sorted(marks, key=lambda one: (not looks[one].ours, -neighbours(one, marks))):
        mark = marks[name]
        others = [one for one in taken if one != around(mark)]
        kept_off = [around(marks[one], BESIDE) for one in marks if one != name]
        place = min(places(*mark, *extent(looks[name])), key=lambda one: cost(one, mark, others, kept_off, frame))
        taken += [place, *(around(point, 2 - HALF, 2) for point in line(mark, place)[1:])]
        write(axes, looks[name], points[name], place, mark, ink, muted)


def around(point, more=0, half=HALF):
    """A square about a point, and so much more to either side."""
    x, y = point
    return (x - HALF - more, y - half, x + HALF + more, y + half)


def neighbours(name, marks):
    x, y = marks[name]
    return sum(hypot(x - other_x, y - other_y) < 60 for other_x, other_y in marks.values())


def line(mark, place):
    end = nearest(place, mark)
    return [
        (mark[0] + (end[0] - mark[0]) * step / STEPS, mark[1] + (end[1] - mark[1]) * step / STEPS)
        for step in range(STEPS + 1)
    ]


def extent(look):
    font = FontProperties(weight="bold" if look.ours else "normal")
    return TextPath((0, 0), look.label, size=SIZE, prop=font).get_extents().width + 2, SIZE + 2


def places(x, y, width, height):
    """Boxes (left, bottom, right, top) on circles around a mark: the name begins, ends or is
    centred there."""
    for distance in DISTANCES:
        for angle in ANGLES:
            at_x, at_y = x + distance * cos(angle), y + distance * sin(angle)
            left = at_x - width / 2 * (1 - max(-1.0, min(1.0, 1.5 * cos(angle))))
            bottom = at_y - height / 2 * (1 - sin(angle))
            yield (left, bottom, left + width, bottom + height)


def cost(place, mark, taken, kept_off, frame):
    """Distance, and far more for each overlap: of boxes, of the frame's edge, of the line with a
    box."""
    end = nearest(place, mark)
    led = [point for point in line(mark, place) if not inside(point, around(mark))]
    bad = sum(overlap(place, one) + 20 * any(inside(point, one) for point in led) for one in taken)
    bad += sum(overlap(place, one) for one in kept_off)
    outside = max(0, frame[0] - place[0]) + max(0, place[2] - frame[2])
    outside += max(0, frame[1] - place[1]) + max(0, place[3] - frame[3])
    return hypot(end[0] - mark[0], end[1] - mark[1]) + 10 * bad + 30 * outside


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0


def inside(point, box):
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def nearest(box, point):
    return (min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3]))


def write(axes, look, point, place, mark, ink, muted):
    end = nearest(place, mark)
    if hypot(end[0] - mark[0], end[1] - mark[1]) > NEAR + 3:
        led = {"arrowstyle": "-", "color": muted, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4}
        offset = (end[0] - mark[0], end[1] - mark[1])
        axes.annotate("", point, xytext=offset, textcoords="offset points", arrowprops=led, zorder=4)
    axes.annotate(
        look.label, point, xytext=(place[0] - mark[0] + 1, place[1] - mark[1] + 2), textcoords="offset points",
        color=ink, fontsize=SIZE, fontweight="bold" if look.ours else "normal", zorder=6,
    )
