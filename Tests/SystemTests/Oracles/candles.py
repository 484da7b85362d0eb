#!/usr/bin/env python3
"""Bars from trades, by exact fractions: shares no code with Tapedesk.

Reads what `tapedesk export --kind trade --format csv` prints, from a file or the standard input, and prints what
`tapedesk export --kind candle --interval NAME` must print, without the column `final`.

    candles.py 1m trades.csv
"""

import csv
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Iterator, TextIO

SECONDS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3600, "1d": 86400}
HEADER = "start,open,high,low,close,volume,count,vwap,buy_volume,sell_volume"
PLACES = 10


class Bar:
    """The trades of one stretch of time, in the order of the export."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.prices: list[Fraction] = []
        self.turnover = Fraction(0)
        self.volume = Fraction(0)
        self.by_side = {"buy": Fraction(0), "sell": Fraction(0), "": Fraction(0)}

    def add(self, price: Fraction, size: Fraction, side: str) -> None:
        self.prices.append(price)
        self.turnover += price * size
        self.volume += size
        self.by_side[side] += size

    def row(self) -> str:
        prices = [self.prices[0], max(self.prices), min(self.prices), self.prices[-1]]
        fields = [str(self.start)] + [text(price) for price in prices]
        fields += [text(self.volume), str(len(self.prices)), self.vwap()]
        fields += [text(self.by_side["buy"]), text(self.by_side["sell"])]
        return ",".join(fields)

    def vwap(self) -> str:
        if self.volume == 0:
            return ""
        # round() of a Fraction rounds half to even.
        return text(Fraction(round(self.turnover / self.volume * 10**PLACES), 10**PLACES))


def text(number: Fraction) -> str:
    """A number that has a finite decimal form, in plain notation without trailing zeros."""
    with localcontext() as context:
        context.prec = 200
        plain = format(Decimal(number.numerator) / Decimal(number.denominator), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def bars(lines: TextIO, seconds: int) -> Iterator[Bar]:
    """The bars of trades that come in order of event time."""
    length = seconds * 1_000_000_000
    bar: Bar | None = None
    for trade in csv.DictReader(lines):
        start = int(trade["event_time"]) // length * length
        if bar is None or bar.start != start:
            if bar is not None:
                if start < bar.start:
                    raise SystemExit("the trades are not in order")
                yield bar
            bar = Bar(start)
        bar.add(Fraction(trade["price"]), Fraction(trade["size"] or 0), trade["side"])
    if bar is not None:
        yield bar


def main() -> None:
    interval = sys.argv[1]
    source = open(sys.argv[2], encoding="utf-8", newline="") if len(sys.argv) > 2 else sys.stdin
    with source:
        print(HEADER)
        for bar in bars(source, SECONDS[interval]):
            print(bar.row())


if __name__ == "__main__":
    main()
