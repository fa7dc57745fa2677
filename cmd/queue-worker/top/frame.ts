/** One picture of everything, as lines of a terminal. Pure: the same sample and view give the same lines. */
import {
  problemMark,
  queueColumns,
  sortQueues,
  workerColumns,
} from "./columns.ts";
import { detailLines } from "./detail_frame.ts";
import { formatCount, formatRate } from "./numbers.ts";
import type {
  Problem,
  QueueDetail,
  QueueRow,
  TopSample,
  WorkerRow,
} from "./rows.ts";
import { layOutTable } from "./table_layout.ts";
import type { FrameSize, Line, Tone, View } from "./view.ts";
import { cutText, visibleText } from "./visible_text.ts";

const keysLine =
  "q quit  j/k select  Enter details  p pause/resume  s sort  ? help";

const helpLines = [
  "q          quit (Ctrl-C too)",
  "j k ↑ ↓    select a queue; PgUp PgDn Home End go further",
  "Enter      all about the selected queue, and back (Esc too)",
  "p          pause the selected queue (asks first), or resume it",
  "s          sort by name, trouble, waiting, oldest, rate, dead",
  "Ctrl-L     draw everything anew",
  "Ctrl-Z     to the shell; fg comes back",
  "",
  "!          alarm: nobody takes what waits, nearly full, stuck, does not answer",
  "?          warning: paused while messages wait, new dead letters, lost leases",
  "DEAD 5 +2  dead letters, and how many are new since top was started",
  "OUT/s      acknowledged per second",
  "OLDEST     how long the oldest waiting message has been in the queue",
  "CONSUMERS  processes that have taken messages, or are workers of the queue",
  "OUTLOOK    when it is empty or full if all goes on as in the last samples",
];

function toneOf(problems: readonly Problem[]): Tone {
  const mark = problemMark(problems);
  return mark === "!" ? "alarm" : mark === "?" ? "warning" : "plain";
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

function summary({ atMs, queues, workers }: TopSample, view: View): string {
  const at = new Date(atMs);
  const sum = (pick: (row: QueueRow) => number): number =>
    queues.reduce((total, row) => total + pick(row), 0);
  return [
    "ringwire top",
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`,
    `every ${view.intervalText}`,
    `${plural(queues.length, "queue")} by ${view.order}`,
    plural(workers.length, "worker"),
    `waiting ${formatCount(sum(({ counts }) => counts?.waiting ?? 0))}`,
    `in ${formatRate(sum(({ rates }) => rates?.in ?? 0))}/s`,
    `out ${formatRate(sum(({ rates }) => rates?.out ?? 0))}/s`,
    `dead ${formatCount(sum(({ counts }) => counts?.dead ?? 0))}`,
  ].join("  ");
}

/** All that is wrong, alarms first, as one line. */
function troubleLine({ queues, workers, problem: general }: TopSample): Line {
  const all: { readonly who: string; readonly problem: Problem }[] = [
    ...(general === null
      ? []
      : [
          {
            who: "workers",
            problem: { severity: "alarm", text: general } as const,
          },
        ]),
    ...queues.flatMap(({ name, problems }) =>
      problems.map((problem) => ({ who: name, problem })),
    ),
    ...workers.flatMap(({ name, pid, problems }) =>
      problems.map((problem) => ({ who: `${name} (${pid})`, problem })),
    ),
  ];
  if (all.length === 0) return { text: "nothing stands out", tone: "faint" };
  const alarms = all.filter(({ problem }) => problem.severity === "alarm");
  const warnings = all.filter(({ problem }) => problem.severity !== "alarm");
  return {
    text: [...alarms, ...warnings]
      .map(({ who, problem }) => visibleText(`${who}: ${problem.text}`))
      .join("; "),
    tone: alarms.length > 0 ? "alarm" : "warning",
  };
}

/** The part of a list that is shown: `room` of `count`, with `focus` among them. */
function windowOf(
  count: number,
  room: number,
  focus: number,
): { readonly from: number; readonly to: number } {
  const from = Math.max(
    0,
    Math.min(focus - Math.floor(room / 2), count - room),
  );
  return { from, to: Math.min(count, from + room) };
}

function queueLines(
  queues: readonly QueueRow[],
  view: View,
  room: number,
  width: number,
): Line[] {
  const focus = Math.max(
    0,
    queues.findIndex(({ name }) => name === view.selected),
  );
  const { from, to } = windowOf(queues.length, Math.max(1, room - 1), focus);
  const title = `QUEUE ${from + 1}-${to}/${queues.length}`;
  const columns =
    to - from === queues.length
      ? queueColumns
      : queueColumns.map((column) =>
          column.title === "QUEUE"
            ? { ...column, title, shrinksTo: title.length }
            : column,
        );
  // Widths are those of all rows, so that columns do not jump while one scrolls.
  const { heading, rows } = layOutTable(columns, queues, width);
  const lines: Line[] = [{ text: heading, tone: "heading" }];
  for (const [index, row] of queues.slice(from, to).entries())
    lines.push({
      text: rows[from + index] ?? "",
      tone: toneOf(row.problems),
      selected: row.name === view.selected,
    });
  return lines;
}

function workerLines(
  workers: readonly WorkerRow[],
  room: number,
  width: number,
): Line[] {
  // Whoever needs attention must not be the one that does not fit.
  const sorted = [...workers].sort(
    (a, b) => b.problems.length - a.problems.length,
  );
  const fits = workers.length <= room - 1;
  const shown = sorted.slice(0, fits ? workers.length : Math.max(0, room - 2));
  const { heading, rows } = layOutTable(workerColumns, shown, width);
  const lines: Line[] = [{ text: heading, tone: "heading" }];
  for (const [index, row] of shown.entries())
    lines.push({ text: rows[index] ?? "", tone: toneOf(row.problems) });
  if (!fits)
    lines.push({
      text: `and ${workers.length - shown.length} more`,
      tone: "faint",
    });
  return lines;
}

/** The selected queue with one beside it on each side, and all about it below. */
function detailBody(
  queues: readonly QueueRow[],
  workers: readonly WorkerRow[],
  view: View,
  detail: QueueDetail | null,
  room: number,
  width: number,
): Line[] {
  const own = workers.filter(
    ({ queue, pid }) =>
      queue === view.selected ||
      detail?.status.participants.some((each) => each.pid === pid) === true,
  );
  const lines = queueLines(queues, view, Math.min(4, queues.length + 1), width);
  lines.push({ text: "", tone: "plain" });
  const below: Line[] =
    detail === null
      ? [{ text: "it cannot be read", tone: "faint" }]
      : detailLines(detail, own, width);
  const left = Math.max(0, room - lines.length);
  if (below.length <= left) return [...lines, ...below];
  const hidden = below.length - left + 1;
  return [
    ...lines,
    ...below.slice(0, Math.max(0, left - 1)),
    { text: `and ${hidden} lines more`, tone: "faint" },
  ];
}

/** Lines between the first two and the last one. */
function body(
  sample: TopSample,
  view: View,
  room: number,
  width: number,
): Line[] {
  if (view.help)
    return helpLines.map((text): Line => ({ text, tone: "plain" }));
  const queues = sortQueues(sample.queues, view.order);
  const { workers } = sample;
  if (queues.length === 0 && workers.length === 0)
    return [{ text: "no queues, and no workers", tone: "faint" }];
  if (view.detail !== undefined)
    return detailBody(queues, workers, view, view.detail, room, width);
  // A line between the tables, and a heading for each.
  const needed =
    queues.length + 1 + (workers.length === 0 ? 0 : workers.length + 2);
  const workersRoom =
    workers.length === 0 || room < 6
      ? 0
      : needed <= room
        ? workers.length + 1
        : Math.min(
            workers.length + 1,
            Math.max(Math.floor(room * 0.4), room - queues.length - 2),
          );
  const queuesRoom = workersRoom === 0 ? room : room - workersRoom - 1;
  const lines = queueLines(queues, view, queuesRoom, width);
  if (workersRoom > 0)
    lines.push(
      { text: "", tone: "plain" },
      ...workerLines(workers, workersRoom, width),
    );
  return lines;
}

/** The whole picture: exactly `size.lines` lines. */
export function composeFrame(
  sample: TopSample,
  view: View,
  size: FrameSize,
): Line[] {
  const { columns, lines: height } = size;
  const lines: Line[] = [
    { text: summary(sample, view), tone: "title" },
    troubleLine(sample),
  ];
  const room = Math.max(0, height - lines.length - 1);
  const middle = body(sample, view, room, columns).slice(0, room);
  lines.push(...middle);
  while (lines.length < height - 1) lines.push({ text: "", tone: "plain" });
  lines.push(
    view.message === null
      ? { text: keysLine, tone: "faint" }
      : { text: visibleText(view.message), tone: "title" },
  );
  return lines
    .slice(0, Math.max(1, height))
    .map((line) => ({ ...line, text: cutText(line.text, columns) }));
}
