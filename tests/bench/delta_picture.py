# SPDX-License-Identifier: Apache-2.0
"""Lines `figure delta-bytes-PAIR N bytes peer PEER N ratio R` on standard
input, or without a peer, become a picture of sizes by pair and peer, as SVG."""
import math
import sys

OURS = "Pawl, complete package"
COLOURS = {OURS: "#1a6b4a", "bsdiff": "#8c9bb0", "xdelta3": "#b8a27a",
           "zstd-22-patch-from": "#a58ab5", "full-package": "#cfcfcf"}
LEFT, BAR, GAP, WIDTH, TOP = 270, 16, 22, 460, 56


def read(lines):
    pairs = {}
    for line in lines:
        w = line.split()
        if len(w) < 4 or not w[1].startswith("delta-bytes-"):
            continue
        sizes = pairs.setdefault(w[1][len("delta-bytes-"):], {})
        sizes[OURS] = int(w[2])
        if len(w) > 6:
            sizes[w[5]] = int(w[6])
    return pairs


def shown(n):
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return "%.3g %s" % (n / size, unit)
    return "%d B" % n


def picture(pairs):
    largest = max(max(s.values()) for s in pairs.values())
    least = min(min(s.values()) for s in pairs.values()) / 2
    scale = WIDTH / math.log10(largest / least)
    out, y = [], TOP
    for pair, sizes in pairs.items():
        out.append('<text x="10" y="%d" font-weight="bold">%s</text>' %
                   (y + 12, pair))
        for peer, n in sorted(sizes.items(), key=lambda item: item[1]):
            width = max(1, scale * math.log10(n / least))
            out.append('<text x="%d" y="%d" text-anchor="end">%s</text>'
                       '<rect x="%d" y="%d" width="%.0f" height="%d" '
                       'fill="%s"/><text x="%.0f" y="%d">%s</text>' %
                       (LEFT - 8, y + 12, peer, LEFT, y, width, BAR - 3,
                        COLOURS.get(peer, "#888"), LEFT + width + 6, y + 12,
                        shown(n)))
            y += BAR
        y += GAP
    head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="12">'
            '<rect width="100%%" height="100%%" fill="white"/>'
            '<text x="10" y="20" font-size="15">Bytes of a delta, by pair and '
            'tool (logarithmic scale)</text>'
            '<text x="10" y="38" fill="#555">Pairs are made of Debian 12 as '
            'released and with its fixes; made by make bench-delta</text>' %
            (LEFT + WIDTH + 90, y))
    return head + "\n" + "\n".join(out) + "\n</svg>\n"


sys.stdout.write(picture(read(sys.stdin)))
