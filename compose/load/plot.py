#!/usr/bin/env python3
"""Draws what `sluice load --output json` has measured: latency by percentile, one line for each run, as an SVG.

    plot.py FOLDER          reads the runs of ./dev load and writes FOLDER/latency.svg
    plot.py --say FILE      says one run in a line
    plot.py --median FILE ROUND...
                            writes into FILE what the rounds of a run come to: of each percentile the median
"""

import json
import math
import pathlib
import statistics
import sys

RUNS = [
    ("with-topologies", "beside all topologies", "#2563eb"),
    ("with-crowd", "beside idle streams and slow clients too", "#d97706"),
    ("without-topologies", "every topology stopped", "#16a34a"),
]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 400, 60, 40, 20, 50
TICKS = [0, 50, 90, 99, 99.9]


def say(run):
    post = run["post_ms"]
    print(
        f"             {run['accepted']} of {run['orders']} accepted in {run['seconds']:.1f} s, {run['retries']} sent again,"
        f" {run['idle_streams']} streams open; POST p50 {post['p50']:.1f} p99 {post['p99']:.1f}"
        f" p99.9 {post['p999']:.1f} max {post['max']:.1f} ms"
    )


def across(percentile):
    """The farther to the right, the rarer: each nine has the same width."""
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(100 / (100 - min(percentile, 99.95))) / math.log10(100 / 0.05)


def draw(runs):
    top = max(ms for _, _, run in runs for percentile, ms in run["post_ms_by_percentile"] if percentile <= 99.9)
    top = max(10, math.ceil(top / 10) * 10)

    def up(ms):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(ms, top) / top

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        "<title>Time from a POST /orders being due until its 202, by percentile</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">POST /orders: milliseconds until the 202, by percentile</text>',
    ]
    for step in range(6):
        ms = top * step / 5
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(ms):.1f}" y2="{up(ms):.1f}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{LEFT - 8}" y="{up(ms) + 4:.1f}" text-anchor="end">{ms:g}</text>')
    for percentile in TICKS:
        out.append(f'<text x="{across(percentile):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{percentile:g}</text>')
    for number, (words, colour, run) in enumerate(runs):
        points = [(across(p), up(ms)) for p, ms in run["post_ms_by_percentile"] if p <= 99.9]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 18 * (number + 1)
        out.append(f'<rect x="{LEFT + 12}" y="{y - 9}" width="18" height="3" fill="{colour}"/>')
        out.append(f'<text x="{LEFT + 36}" y="{y - 3}">{words}: p99 {run["post_ms"]["p99"]:.1f} ms</text>')
    return "\n".join([*out, "</svg>", ""])


def median(rounds):
    out = dict(rounds[0], rounds=len(rounds))
    for count in ["orders", "accepted", "failed", "retries", "seconds"]:
        out[count] = sum(run[count] for run in rounds)
    out["post_ms"] = {name: statistics.median(run["post_ms"][name] for run in rounds) for name in out["post_ms"]}
    columns = zip(*(run["post_ms_by_percentile"] for run in rounds))
    out["post_ms_by_percentile"] = [[column[0][0], statistics.median(ms for _, ms in column)] for column in columns]
    return out


def main():
    if sys.argv[1:2] == ["--median"]:
        rounds = [json.loads(pathlib.Path(path).read_text()) for path in sys.argv[3:]]
        pathlib.Path(sys.argv[2]).write_text(json.dumps(median(rounds), indent=2) + "\n")
        return
    if sys.argv[1:2] == ["--say"]:
        say(json.loads(pathlib.Path(sys.argv[2]).read_text()))
        return
    folder = pathlib.Path(sys.argv[1])
    runs = [
        (words, colour, json.loads((folder / f"{name}.json").read_text()))
        for name, words, colour in RUNS
        if (folder / f"{name}.json").exists()
    ]
    (folder / "latency.svg").write_text(draw(runs))


if __name__ == "__main__":
    main()
