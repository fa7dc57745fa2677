/** The parts of `top` that need no terminal: numbers, keys, tables, frames, and what counters say over time. */
import { composeFrame } from "../../../cmd/queue-worker/top/frame.ts";
import { parseKeys } from "../../../cmd/queue-worker/top/keys.ts";
import {
  formatAge,
  formatCount,
  formatRate,
} from "../../../cmd/queue-worker/top/numbers.ts";
import { QueueHistory } from "../../../cmd/queue-worker/top/queue_history.ts";
import type {
  QueueRow,
  TopSample,
  WorkerRow,
} from "../../../cmd/queue-worker/top/rows.ts";
import { layOutTable } from "../../../cmd/queue-worker/top/table_layout.ts";
import type { View } from "../../../cmd/queue-worker/top/view.ts";
import {
  cutText,
  textWidth,
  visibleText,
} from "../../../cmd/queue-worker/top/visible_text.ts";
import type { QueueStatus } from "../../../src/queue/mod.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const fixture = queueFixture();

function queueRow(name: string, row: Partial<QueueRow> = {}): QueueRow {
  return {
    name,
    state: "open",
    counts: {
      waiting: 1,
      leased: 2,
      delayed: 3,
      dead: 4,
      oldestAgeMs: 65_000,
      usage: 0.5,
      participants: 6,
      consumers: 5,
    },
    rates: { in: 1.25, out: 1234.4 },
    newDead: 0,
    newRequeued: 0,
    outlook: null,
    problems: [],
    ...row,
  };
}

function workerRow(name: string, row: Partial<WorkerRow> = {}): WorkerRow {
  return {
    name,
    pid: 4711,
    kind: "work",
    queue: "q1",
    state: "working",
    running: 1,
    jobs: 2,
    handlers: [],
    longestMs: 3000,
    acked: 1,
    retried: 2,
    dead: 3,
    command: "./handle",
    problems: [],
    ...row,
  };
}

function sampleOf(queues: QueueRow[], workers: WorkerRow[] = []): TopSample {
  return { atMs: 0, queues, workers, problem: null };
}

const view: View = {
  selected: null,
  order: "name",
  help: false,
  detail: undefined,
  message: null,
  intervalText: "1s",
};

function many(count: number): QueueRow[] {
  return Array.from({ length: count }, (_, index) =>
    queueRow(`q${String(index + 1).padStart(2, "0")}`),
  );
}

describe("numbers", () => {
  test("counts, rates and ages are short, and never rounded up to what is not there", () => {
    expect(
      [0, 99_999, 100_000, 999_999, 1_999_999, 2_345_678_901].map(formatCount),
    ).toEqual(["0", "99999", "100k", "999k", "1.99M", "2.34G"]);
    expect([0, 0.01, 0.5, 9.94, 9.96, 1e6].map(formatRate)).toEqual([
      "0",
      "<0.1",
      "0.5",
      "9.9",
      "10",
      "1.00M",
    ]);
    expect(
      [0, 400, 9960, 59_400, 185_000, 7_800_000, 356_400_000].map(formatAge),
    ).toEqual(["0.0s", "0.4s", "10s", "59s", "3m05s", "2h10m", "4d03h"]);
  });
});

describe("keys", () => {
  test("letters within an unknown sequence are no keys", () => {
    expect(parseKeys("\x1b[A\x1b[1;5pq\x1bOB\x1b[200~\x03")).toEqual([
      "up",
      { character: "q" },
      "down",
      "interrupt",
    ]);
    expect(parseKeys("\x1b")).toEqual(["escape"]);
  });
});

describe("texts of others", () => {
  test("cannot move the cursor, and have the width that they are said to have", () => {
    expect(visibleText("a\x1b[2J\r\n\t\x9b\u202eb\u200bc")).toBe(
      "a\\x1b[2J\\x0d\\x0a\\x09\\x9b\\u202eb\\u200bc",
    );
    expect(cutText("日本語の名前", 6)).toBe("日本…");
    for (let width = 0; width < 14; width++)
      expect(textWidth(cutText("日本語の名前", width))).toBeLessThanOrEqual(
        width,
      );
  });
});

describe("tables", () => {
  const columns = [
    {
      title: "NAME",
      cell: ({ name }: { name: string }) => name,
      align: "left",
      shrinksTo: 4,
      rank: 9,
    },
    { title: "A", cell: () => "12345", rank: 2 },
    { title: "B", cell: () => "678", rank: 1 },
  ] as const;

  test("shrink what may shrink, then leave out what matters least", () => {
    const rows = [{ name: "wide-name" }, { name: "名" }];
    const at = (width: number) => {
      const { heading, rows: lines } = layOutTable(columns, rows, width);
      return [heading, ...lines];
    };
    expect(at(80)).toEqual([
      "NAME           A    B",
      "wide-name  12345  678",
      "名         12345  678",
    ]);
    expect(at(17)).toEqual([
      "NAME       A    B",
      "wide…  12345  678",
      "名     12345  678",
    ]);
    expect(at(14)).toEqual([
      "NAME         A",
      "wide-n…  12345",
      "名       12345",
    ]);
    expect(at(3)).toEqual(["NA…", "wi…", "名"]);
  });
});

describe("frames", () => {
  test("fit any terminal, and show the selected queue", () => {
    const sample = sampleOf(
      [...many(40), queueRow("日本語".repeat(30))],
      [workerRow("w\x1b[31m"), workerRow("v", { pid: 1 })],
    );
    for (const columns of [1, 7, 20, 40, 79, 132, 500])
      for (const lines of [1, 2, 3, 4, 6, 10, 24, 100])
        for (const selected of ["q01", "q20", "q40"]) {
          const frame = composeFrame(
            sample,
            { ...view, selected },
            { columns, lines },
          );
          expect(frame).toHaveLength(lines);
          for (const { text } of frame) {
            expect(textWidth(text)).toBeLessThanOrEqual(columns);
            expect(text).toBe(visibleText(text));
          }
          const marked = frame.filter((line) => line.selected === true);
          expect(marked).toHaveLength(lines < 5 ? marked.length : 1);
          if (columns >= 20 && lines >= 5)
            expect(marked[0]?.text).toContain(selected);
        }
  });

  test("name what is wrong first, alarms before warnings", () => {
    const frame = composeFrame(
      sampleOf(
        [
          queueRow("a", {
            problems: [{ severity: "warning", text: "3 new dead letters" }],
          }),
          queueRow("b", {
            problems: [{ severity: "alarm", text: "96 % full" }],
          }),
        ],
        [
          workerRow("w", {
            state: "silent",
            problems: [{ severity: "alarm", text: "no answer" }],
          }),
        ],
      ),
      view,
      { columns: 100, lines: 20 },
    );
    expect(frame[1]).toEqual({
      text: "b: 96 % full; w (4711): no answer; a: 3 new dead letters",
      tone: "alarm",
    });
    const tones = frame.map(({ text, tone }) => `${text.slice(0, 5)}|${tone}`);
    for (const row of ["?  a |warning", "!  b |alarm", "!  w |alarm"])
      expect(tones).toContain(row);
  });

  test("a worker that needs attention is never the one that does not fit", () => {
    const workers = Array.from({ length: 30 }, (_, index) =>
      workerRow(`w${index}`),
    );
    const silent = workerRow("silent-one", {
      problems: [{ severity: "alarm", text: "no answer" }],
    });
    const frame = composeFrame(sampleOf(many(30), [...workers, silent]), view, {
      columns: 100,
      lines: 24,
    });
    const texts = frame.map(({ text }) => text);
    expect(texts.some((text) => text.startsWith("!  silent-one"))).toBe(true);
    expect(texts.some((text) => /^and \d+ more$/.test(text))).toBe(true);
    expect(texts.some((text) => /^ {3}QUEUE 1-\d+\/30 /.test(text))).toBe(true);
  });
});

describe("the history of a queue", () => {
  /** Real status of a queue of 100 messages, with other numbers. */
  function statusWith(
    numbers: Partial<QueueStatus>,
    counters: Partial<QueueStatus["counters"]> = {},
  ): QueueStatus {
    const status = fixture.create({ maxMessages: 100 }).status();
    return {
      ...status,
      ...numbers,
      counters: { ...status.counters, ...counters },
    };
  }

  function after(...steps: [atMs: number, status: QueueStatus][]) {
    const [first] = steps;
    if (first === undefined) throw new Error("no steps");
    const history = new QueueHistory(first[1]);
    for (const [atMs, status] of steps) history.add(status, atMs);
    return history;
  }

  test("rates are those between the last two samples", () => {
    const history = after(
      [0, statusWith({}, { sent: 0, acked: 0 })],
      [1000, statusWith({}, { sent: 5, acked: 1 })],
      [3000, statusWith({}, { sent: 25, acked: 2 })],
    );
    expect(history.rates()).toEqual({ in: 10, out: 0.5 });
    expect(after([0, statusWith({})]).rates()).toBeNull();
  });

  test("the outlook is the time until empty or full, or that nothing moves", () => {
    const waiting = (count: number, taken: number, buried = 0) =>
      statusWith(
        { messageCount: count, buried, usage: (count + buried) / 100 },
        { taken },
      );
    expect(
      after([0, waiting(50, 0, 10)], [1000, waiting(40, 10, 10)]).outlook(),
    ).toEqual({ kind: "empty", ms: 4000 });
    expect(
      after([0, waiting(40, 0, 10)], [1000, waiting(50, 10, 10)]).outlook(),
    ).toEqual({ kind: "full", ms: 4000 });
    expect(
      after([0, waiting(40, 7)], [4000, waiting(40, 7)]).outlook(),
    ).toEqual({ kind: "stuck", ms: 4000 });
    const busy = { ...waiting(40, 7), leased: 2 };
    expect(after([0, busy], [4000, busy]).outlook()).toBeNull();
    expect(
      after([0, waiting(0, 7)], [4000, waiting(0, 7)]).outlook(),
    ).toBeNull();
  });

  test("new dead letters are counted from the first sample on, dropped ones too", () => {
    const first = statusWith({}, { buried: 5, requeued: 1 });
    const later = statusWith({ buried: 0 }, { buried: 8, requeued: 2 });
    const history = after([0, first], [1000, later]);
    expect([history.newDead(later), history.newRequeued(later)]).toEqual([
      3, 1,
    ]);
  });
});
