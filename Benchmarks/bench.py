#!/usr/bin/env python3
"""Runs all measurements in one go, prints a table with ratios, and writes .local/bench/results.json.

Everything runs on the same machine, against the same local mongod, and over the same generated file. A part that is not
available is listed as skipped, with its reason. Start it through Benchmarks/run, which finds a Python with pymongo.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pymongo
import ticket_desk
from compaction import Compaction
from daemon import Daemon
from pymongo.errors import PyMongoError
from scaling import Scaling

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".build" / "release"
OUT = ROOT / ".local" / "bench"
PEERS = ROOT / "Benchmarks"
SHARED_MARKET = ROOT.parent / "shared" / "data" / "market"
MAPPING = "symbol=product_id,price=price,size=size,time=time,sequence=sequence,id=trade_id,side=side"
INSTRUMENTS = 50
# 5 million trades at this rate are an hour of trading.
RATE = 1_400
CHILD_DEADLINE_S = 900.0
DATABASE = "tapedesk_bench"

GOAL_REPLAY = 2_000_000
GOAL_PYMONGO_RATIO = 24
GOAL_MEMORY_MB = 256


class Unavailable(Exception):
    """A part that cannot be measured here, and why."""


@dataclass
class Row:
    name: str
    value: float
    unit: str
    note: str = ""


@dataclass
class Finished:
    """What a child process did, and what it took."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass
class Bench:
    options: argparse.Namespace
    uri: str
    client: pymongo.MongoClient[dict[str, Any]]
    feed: Path = Path()
    rows: list[Row] = field(default_factory=list)
    compared: list[ticket_desk.Comparison] = field(default_factory=list)
    violated: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        self.rows.append(Row(name, value, unit, note))

    def value(self, name: str) -> float | None:
        return next((row.value for row in self.rows if row.name == name), None)


# Child processes


def run_child(command: list[str], stdin: Path | None = None, stdout: Path | None = None) -> Finished:
    """Runs a command to its end and takes its time, its processor time and its peak memory."""
    executable = Path(command[0])
    if executable.is_absolute() and not executable.exists():
        raise Unavailable(f"{executable.name} is not built")
    with (
        open(stdin or os.devnull, "rb") as source,
        open(stdout, "w+b") if stdout else tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        began = time.perf_counter()
        child = subprocess.Popen(command, stdin=source, stdout=output, stderr=errors, cwd=ROOT)
        code, usage = await_child(child, began)
        seconds = time.perf_counter() - began
        errors.seek(0)
        output.seek(0)
        text = "" if stdout else output.read().decode("utf-8", "replace")
        return Finished(
            code=code,
            stdout=text,
            stderr=errors.read().decode("utf-8", "replace"),
            seconds=seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss / 1024,
        )


def await_child(child: subprocess.Popen[bytes], began: float) -> tuple[int, Any]:
    try:
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid == child.pid:
                child.returncode = os.waitstatus_to_exitcode(status)
                return child.returncode, usage
            if time.perf_counter() - began > CHILD_DEADLINE_S:
                raise Unavailable(f"it took longer than {CHILD_DEADLINE_S:.0f} s")
            time.sleep(0.005)
    except BaseException:
        if child.returncode is None:
            child.kill()
            child.wait()
        raise


def require_success(finished: Finished, what: str, accepted: tuple[int, ...] = (0,)) -> Finished:
    if finished.code in accepted:
        return finished
    lines = (finished.stderr.strip() or finished.stdout.strip() or "no output").splitlines()
    raise Unavailable(f"{what} ended with code {finished.code}: {lines[-1][:160]}")


def json_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


# The product


def database_uri(bench: Bench, database: str) -> str:
    """The connection string with the database in its path."""
    base, _, query = bench.uri.partition("?")
    return f"{base.rstrip('/')}/{database}?{query}"


def tapedesk(bench: Bench, database: str, verb: str, *arguments: str, stdout: Path | None = None) -> Finished:
    command = [str(BIN / "tapedesk"), verb, *arguments, "--mongo", database_uri(bench, database)]
    return run_child(command, stdout=stdout)


def replay(bench: Bench, database: str, *arguments: str) -> tuple[dict[str, Any], Finished]:
    """Replays into a fresh database, and checks that the summary is whole and the data arrived where it should."""
    bench.client.drop_database(database)
    require_success(tapedesk(bench, database, "init"), "tapedesk init")
    return replay_into(bench, database, None, *arguments)


def replay_into(
    bench: Bench, database: str, source: str | None, *arguments: str
) -> tuple[dict[str, Any], Finished]:
    """Replays into a database as it is, under a source of its own where one is named."""
    named = ("--source", source) if source else ()
    finished = tapedesk(bench, database, "replay", *arguments, *named, "--json")
    require_success(finished, "tapedesk replay", accepted=(0, 1))
    try:
        summary: dict[str, Any] = json.loads(finished.stdout)
    except ValueError as error:
        raise Unavailable(f"the summary of the replay is not JSON: {error}") from error
    if not summary.get("complete"):
        raise Unavailable("the replay did not complete")
    if bench.client[database]["market_data"].estimated_document_count() == 0:
        raise Unavailable(f"the replay left nothing in database {database}")
    return summary, finished


# Parts


def generate(bench: Bench) -> None:
    count = bench.options.events
    bench.feed = OUT / f"trades-{count}.ndjson"
    if not bench.feed.exists():
        command = [str(BIN / "tapedesk-sample"), "--events", str(count), "--instruments", str(INSTRUMENTS)]
        command += ["--seed", "1", "--rate", str(RATE), "--out", str(bench.feed)]
        require_success(run_child(command), "tapedesk-sample")
    bench.add("bytes per line of the feed", bench.feed.stat().st_size / count, "B")


def measure_replay(bench: Bench) -> None:
    arguments = (str(bench.feed), "--format", "ndjson", "--map", MAPPING, "--venue", "BENCH")
    rates: list[float] = []
    peaks: list[float] = []
    cores: list[float] = []
    for number in range(bench.options.runs):
        summary, finished = replay(bench, DATABASE, *arguments)
        if summary["stored"] != bench.options.events:
            raise Unavailable(f"{summary['stored']:,} of {bench.options.events:,} events were stored")
        rates.append(summary["stored"] / finished.seconds)
        peaks.append(finished.peak_mb)
        cores.append(finished.cpu_seconds / finished.seconds)
        progress(f"  run {number + 1}: {rates[-1]:,.0f} ticks/s, {finished.seconds:.2f} s, {peaks[-1]:.0f} MB")
    spread = f"{min(rates):,.0f} to {max(rates):,.0f} in {len(rates)} runs; goal {GOAL_REPLAY:,}"
    bench.add("tapedesk replay", statistics.median(rates), "ticks/s", spread)
    bench.add("tapedesk replay, peak memory", max(peaks), "MB", f"goal {GOAL_MEMORY_MB}")
    bench.add("tapedesk replay, processors used", statistics.median(cores), "cores", "of the client alone")


def measure_pymongo(bench: Bench) -> None:
    command = [sys.executable, str(PEERS / "pymongo_loader.py"), str(bench.feed), bench.uri]
    finished = require_success(run_child(command), "pymongo_loader.py")
    result = next(json_lines(finished.stdout))
    note = "the whole file" if result["whole"] else f"the first {result['lines']:,} lines; all would take over 90 s"
    bench.add("pymongo insert_many", result["ticks_per_second"], "ticks/s", note)


def measure_own_bench(subcommand: str, needs_feed: bool, needs_mongo: bool) -> Callable[[Bench], None]:
    def measure(bench: Bench) -> None:
        command = [str(BIN / "tapedesk-bench"), subcommand]
        if needs_feed:
            command.append(str(bench.feed))
        if needs_mongo:
            command += ["--mongo", database_uri(bench, DATABASE if subcommand == "export" else DATABASE + "_parts")]
        finished = require_success(run_child(command), f"tapedesk-bench {subcommand}")
        results = list(json_lines(finished.stdout))
        if not results:
            raise Unavailable(f"tapedesk-bench {subcommand} printed no result")
        for result in results:
            bench.add(str(result["name"]), float(result["value"]), str(result["unit"]), str(result.get("note", "")))

    return measure


def measure_export(bench: Bench) -> None:
    """Exports the busiest instrument of the last replay through the command line."""
    if bench.value("tapedesk replay") is None:
        raise Unavailable("there is no replay to export from")
    target = OUT / "export.csv"
    arguments = ("--symbol", "BENCH:BTC-USD", "--kind", "trade", "--format", "csv")
    finished = tapedesk(bench, DATABASE, "export", *arguments, stdout=target)
    require_success(finished, "tapedesk export")
    with open(target, "rb") as lines:
        count = sum(1 for _ in lines) - 1
    target.unlink()
    bench.add("tapedesk export to CSV", count / finished.seconds, "events/s", f"{count:,} events of one instrument")


def measure_compaction(bench: Bench) -> None:
    """Compacts the last replay; reads the newest of twice as much; commits beside a compaction."""
    if bench.value("tapedesk replay") is None:
        raise Unavailable("there is no replay to compact")
    arguments = (str(bench.feed), "--format", "ndjson", "--map", MAPPING, "--venue", "BENCH")
    compaction = Compaction(BIN, bench.uri, bench.client, DATABASE)
    compaction.speed(bench.add)
    again, _ = replay_into(bench, DATABASE, "second", *arguments)
    if again["stored"] != bench.options.events:
        raise Unavailable("the second source was not stored whole")
    compaction.newest(bench.add)
    compaction.compact()
    compaction.commit_latency(bench.add, lambda: refill(bench, *arguments))


def measure_daemon(bench: Bench) -> None:
    """How long messages take until they are stored, and until the rules of alerts have seen them."""
    try:
        Daemon(BIN, bench.uri, bench.client, DATABASE + "_daemon").measure(bench.add)
    except (RuntimeError, OSError) as error:
        raise Unavailable(str(error)) from error


def measure_scaling(bench: Bench) -> None:
    """What it costs that instruments, data, shards and daemons become more."""
    try:
        Scaling(BIN, bench.uri, DATABASE + "_scaling").measure(bench.add)
    except (RuntimeError, OSError, subprocess.SubprocessError, PyMongoError) as error:
        raise Unavailable(str(error)) from error


def refill(bench: Bench, *arguments: str) -> None:
    bench.client.drop_database(DATABASE)
    replay_into(bench, DATABASE, "first", *arguments)


def drop_databases(bench: Bench) -> None:
    for suffix in ("", "_parts", "_size", "_load", "_desk", "_daemon"):
        bench.client.drop_database(DATABASE + suffix)


# The desk


def desk_bench(bench: Bench, subcommand: str, database: str, *arguments: str) -> dict[str, Any]:
    """Runs a subcommand of tapedesk-bench that prints one JSON document, and notes what it found wrong."""
    command = [str(BIN / "tapedesk-bench"), subcommand, "--mongo", bench.uri, "--database", database, "--json"]
    finished = require_success(run_child([*command, *arguments]), f"tapedesk-bench {subcommand}", accepted=(0, 1))
    result: dict[str, Any] = next(json_lines(finished.stdout))
    if result["problems"]:
        problem = f"{result['problems']:,} problems; the first: {result['findings'][0]}"
        bench.violated.append((f"tapedesk-bench {' '.join([subcommand, *arguments])}", problem))
    return result


def measure_ticket_load(bench: Bench) -> None:
    """1,000 agents on 200 tickets, with versions and without."""
    arguments = ("--seconds", str(bench.options.seconds))
    versioned = desk_bench(bench, "tickets", DATABASE + "_load", *arguments)
    replaced = desk_bench(bench, "tickets", DATABASE + "_load", *arguments, "--naive")
    bench.compared += ticket_desk.compare(versioned, replaced)


def measure_ticket_commands(bench: Bench) -> None:
    """Commands on a database with many tickets, from the start of a process to its end."""
    count, database = bench.options.tickets, DATABASE + "_desk"
    ticket = BIN / "ticket"
    if not ticket.exists():
        raise Unavailable("ticket is not built")
    for figure in desk_bench(bench, "fill-tickets", database, "--count", str(count))["figures"]:
        bench.add(f"{count:,} tickets: {figure['name']}", float(figure["value"]), str(figure["unit"]))
    connection = ["--mongo", bench.uri, "--database", database]
    try:
        alone = ticket_desk.time_commands(ticket_desk.repeated([str(ticket), "--version"]))
        bench.add("ticket --version, the process alone", alone.median, "ms", alone.note)
        tickets = bench.client[database]["support_requests"]
        for name, arguments in ticket_desk.list_filters(tickets).items():
            command = [str(ticket), "list", *arguments, "--limit", "30", *connection]
            timing = ticket_desk.time_commands(ticket_desk.repeated(command), ticket_desk.GOAL_LIST_MS)
            bench.add(f"ticket list, {name}", timing.median, "ms", timing.note)
        changes = ticket_desk.priority_changes(str(ticket), tickets, connection)
        timing = ticket_desk.time_commands(changes, ticket_desk.GOAL_SET_MS)
        bench.add("ticket set", timing.median, "ms", timing.note)
    except (ticket_desk.CommandFailed, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error


# Size of what is stored


@dataclass(frozen=True)
class Recording:
    title: str
    path: Path
    kind: str
    arguments: tuple[str, ...]


RECORDINGS = (
    Recording(
        "SPY trades",
        SHARED_MARKET / "equity" / "lean-spy-20131008-trade.zip",
        "trade",
        ("--format", "lean-trade", "--symbol", "SPY", "--date", "20131008", "--venue", "BENCH"),
    ),
    Recording(
        "BTCUSDT trades",
        SHARED_MARKET / "binance" / "usdm_btcusdt_20240808.gz",
        "trade",
        ("--format", "binance-recorder", "--venue", "BENCH"),
    ),
    Recording(
        "BTCUSDT quotes",
        SHARED_MARKET / "binance" / "usdm_btcusdt_20240808.gz",
        "quote",
        ("--format", "binance-recorder", "--venue", "BENCH"),
    ),
)


def measure_size(recording: Recording) -> Callable[[Bench], None]:
    def measure(bench: Bench) -> None:
        if not recording.path.exists():
            raise Unavailable("the recording is not here")
        database = DATABASE + "_size"
        summary, _ = replay(bench, database, str(recording.path), *recording.arguments)
        events = int(summary["events"][recording.kind])
        stored = stored_bytes(bench, database, recording.kind)
        bench.add(f"{recording.title}, stored", stored / events, "B/event", f"{events:,} events, not sealed yet")
        Compaction(BIN, bench.uri, bench.client, database).compact()
        stored = stored_bytes(bench, database, recording.kind)
        bench.add(f"{recording.title}, sealed", stored / events, "B/event", "rolled up, with all columns")
        measure_native(bench, database, recording)

    return measure


def stored_bytes(bench: Bench, database: str, kind: str) -> int:
    """Bytes on disk of the buckets of one kind, after a checkpoint: they are copied into a collection of their own."""
    source = bench.client[database]["market_data"]
    if source.count_documents({"kind": kind}, limit=1) == 0:
        raise Unavailable(f"there is no bucket of kind {kind}")
    source.aggregate([{"$match": {"kind": kind}}, {"$out": "size_of_one_kind"}])
    bench.client.admin.command("fsync")
    stats = bench.client[database].command("collStats", "size_of_one_kind")
    return int(stats["storageSize"] - stats.get("freeStorageSize", 0))


def measure_native(bench: Bench, database: str, recording: Recording) -> None:
    """Stores the same events in a native time-series collection."""
    symbols = bench.client[database]["market_data"].distinct("instrument_symbol", {"kind": recording.kind})
    if len(symbols) != 1:
        raise Unavailable(f"expected one instrument, found {len(symbols)}")
    table = OUT / "native.ndjson"
    arguments = ("--symbol", str(symbols[0]), "--kind", recording.kind, "--format", "ndjson")
    exported = require_success(tapedesk(bench, database, "export", *arguments, stdout=table), "tapedesk export")
    with open(table, "rb") as lines:
        count = sum(1 for _ in lines)
    bench.add(f"{recording.title}, export", count / exported.seconds, "events/s", "all of it, sealed, as NDJSON")
    for numbers in ("decimal", "double"):
        command = [sys.executable, str(PEERS / "native_timeseries.py"), bench.uri, str(table), "--numbers", numbers]
        command += ["--symbol", str(symbols[0])]
        result = next(json_lines(require_success(run_child(command), "native_timeseries.py").stdout))
        note = "exact decimals" if numbers == "decimal" else "floating-point numbers, not exact"
        name = f"{recording.title}, native time series, {numbers}"
        bench.add(name, result["bytes_per_event_without_free"], "B/event", note)
        rate = result["find_events_per_second"]
        bench.add(f"{name}, find()", rate, "events/s", "all of it in order of time, as BSON, not decoded")
    table.unlink()


# Report


def ratios(bench: Bench) -> list[Row]:
    pairs = [
        ("replay to pymongo", "tapedesk replay", "pymongo insert_many", f"goal {GOAL_PYMONGO_RATIO}"),
        ("replay to ceiling", "tapedesk replay", "ceiling", "libmongoc inserting ready-made blocks"),
        ("replay to decode", "tapedesk replay", "decode", ""),
    ]
    for recording in RECORDINGS:
        native = f"{recording.title}, native time series, decimal"
        pairs.append((f"{recording.title}: native to ours", native, f"{recording.title}, stored", ""))
        pairs.append((f"{recording.title}: native to sealed", native, f"{recording.title}, sealed", ""))
        pairs.append((f"{recording.title}: export to find()", f"{recording.title}, export", f"{native}, find()", ""))
    rows: list[Row] = []
    for name, above, below, note in pairs:
        top, bottom = bench.value(above), bench.value(below)
        if top is not None and bottom:
            rows.append(Row(name, top / bottom, "times", note))
    return rows


def number(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def print_table(title: str, rows: list[Row]) -> None:
    if not rows:
        return
    names = max(len(row.name) for row in rows)
    values = max(len(number(row.value)) for row in rows)
    units = max(len(row.unit) for row in rows)
    print(f"\n{title}")
    for row in rows:
        line = f"  {row.name:<{names}}  {number(row.value):>{values}} {row.unit:<{units}}"
        print(f"{line}  {row.note}".rstrip())


def count_or_number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value.is_integer() else number(value)


def print_comparison(rows: list[ticket_desk.Comparison]) -> None:
    if not rows:
        return
    shown = [(row.name, count_or_number(row.versioned), count_or_number(row.replaced), row.unit) for row in rows]
    titles = ("Many agents on few tickets", "with versions", "documents replaced", "")
    widths = [max(len(line[column]) for line in [titles, *shown]) + 2 * (column == 0) for column in range(4)]
    print()
    for indent, line in [("", titles), *(("  ", line) for line in shown)]:
        name = f"{indent + line[0]:<{widths[0]}}"
        print(f"{name}  {line[1]:>{widths[1]}}  {line[2]:>{widths[2]}}  {line[3]}".rstrip())


def report(bench: Bench) -> None:
    compared = ratios(bench)
    print_table("Measured", bench.rows)
    print_comparison(bench.compared)
    print_table("Ratios", compared)
    for name, problem in bench.violated:
        print(f"\nBROKEN: {name}: {problem}")
    if bench.skipped:
        print("\nSkipped")
        for name, reason in bench.skipped:
            print(f"  {name}: {reason}")
    results = {
        "events": bench.options.events,
        "cores": os.cpu_count(),
        "server": bench.client.server_info()["version"],
        "measured": [asdict(row) for row in bench.rows],
        "tickets": [asdict(row) for row in bench.compared],
        "ratios": [asdict(row) for row in compared],
        "violated": [{"name": name, "problem": problem} for name, problem in bench.violated],
        "skipped": [{"name": name, "reason": reason} for name, reason in bench.skipped],
    }
    target = OUT / "results.json"
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    partial.rename(target)
    print(f"\nWritten to {target.relative_to(ROOT)}")


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parts() -> list[tuple[str, Callable[[Bench], None]]]:
    return [
        ("replay", measure_replay),
        ("export", measure_export),
        ("pymongo", measure_pymongo),
        ("tapedesk-bench decode", measure_own_bench("decode", needs_feed=True, needs_mongo=False)),
        ("tapedesk-bench encode", measure_own_bench("encode", needs_feed=True, needs_mongo=False)),
        ("tapedesk-bench ceiling", measure_own_bench("ceiling", needs_feed=True, needs_mongo=True)),
        ("tapedesk-bench find-and-modify", measure_own_bench("find-and-modify", needs_feed=False, needs_mongo=True)),
        ("tapedesk-bench export", measure_own_bench("export", needs_feed=False, needs_mongo=True)),
        ("compaction", measure_compaction),
        ("daemon", measure_daemon),
        ("scaling", measure_scaling),
        ("ticket load", measure_ticket_load),
        ("ticket commands", measure_ticket_commands),
    ] + [(f"size of {recording.title}", measure_size(recording)) for recording in RECORDINGS]


def run_parts(bench: Bench) -> None:
    for name, part in [("feed", generate), *parts()]:
        if name != "feed" and bench.options.only and not any(only in name for only in bench.options.only):
            continue
        progress(f"{name} …")
        try:
            part(bench)
        except (Unavailable, PyMongoError, OSError, KeyError, StopIteration) as error:
            reason = str(error) if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
            bench.skipped.append((name, reason))
            if name == "feed":
                return


def local_mongo(verb: str) -> str:
    command = [str(ROOT / "scripts" / "local-mongo"), verb]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return result.stdout.strip()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000, help="trades in the generated file")
    parser.add_argument("--runs", type=int, default=3, help="replays to take the median of")
    parser.add_argument("--seconds", type=int, default=20, help="seconds of each load of agents on tickets")
    parser.add_argument("--tickets", type=int, default=200_000, help="tickets that commands are timed with")
    parser.add_argument("--only", action="append", help="only parts whose name contains this; may be repeated")
    return parser.parse_args()


def main() -> int:
    options = parse_options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        local_mongo("up")
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    uri = local_mongo("uri")
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri, serverSelectionTimeoutMS=10_000)
    with client:
        bench = Bench(options, uri, client)
        try:
            run_parts(bench)
            report(bench)
        finally:
            drop_databases(bench)
    return 1 if bench.violated else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        progress("interrupted")
        sys.exit(130)
