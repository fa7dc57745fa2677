/** Everything about the selected queue, as lines of a terminal. */
import type { ParticipantStatus } from "../../../src/queue/mod.ts";
import { formatDuration } from "../../command_line/duration.ts";
import { formatSizeShort } from "../../command_line/size.ts";
import type { DeadReason } from "./dead_reasons.ts";
import type { Line } from "./view.ts";
import { formatAge, formatCount } from "./numbers.ts";
import type { HandlerRow, QueueDetail, WorkerRow } from "./rows.ts";
import { type Column, layOutTable } from "./table_layout.ts";
import { visibleText } from "./visible_text.ts";

const reasonColumns: readonly Column<DeadReason>[] = [
  { title: "DEAD", cell: ({ count }) => formatCount(count), rank: 3 },
  {
    title: "WHY",
    cell: ({ reason }) => reason,
    align: "left",
    shrinksTo: 16,
    rank: 4,
  },
  {
    title: "FOR INSTANCE",
    cell: ({ example }) => example,
    align: "left",
    shrinksTo: 12,
    rank: 2,
  },
];

type Running = HandlerRow & { readonly worker: string };

const runningColumns: readonly Column<Running>[] = [
  {
    title: "HANDLER OF",
    cell: ({ worker }) => worker,
    align: "left",
    shrinksTo: 10,
    rank: 5,
  },
  { title: "PID", cell: ({ pid }) => (pid === null ? "-" : `${pid}`), rank: 3 },
  { title: "FOR", cell: ({ forMs }) => formatAge(forMs), usual: 6, rank: 4 },
  { title: "ATTEMPT", cell: ({ attempt }) => `${attempt}`, rank: 2 },
  {
    title: "MESSAGES",
    cell: ({ ids }) => ids.join(" "),
    align: "left",
    shrinksTo: 8,
    rank: 1,
  },
];

const participantColumns: readonly Column<ParticipantStatus>[] = [
  {
    title: "PARTICIPANT",
    cell: ({ name }) => name,
    align: "left",
    shrinksTo: 11,
    rank: 6,
  },
  { title: "PID", cell: ({ pid }) => `${pid}`, rank: 5 },
  { title: "HOLDS", cell: ({ leased }) => formatCount(leased), rank: 4 },
  { title: "TAKEN", cell: (row) => formatCount(row.counters.taken), rank: 3 },
  { title: "ACKED", cell: (row) => formatCount(row.counters.acked), rank: 2 },
  { title: "SENT", cell: (row) => formatCount(row.counters.sent), rank: 1 },
];

function facts({ info, status }: QueueDetail): string[] {
  const { byPriority, counters, drops } = status;
  const due =
    status.nextDueMs === null
      ? ""
      : `, the next due in ${formatAge(status.nextDueMs)}`;
  return [
    `${status.messageCount} wait (high ${byPriority.high}, normal ${byPriority.normal}, low ${byPriority.low}), ${status.leased} leased, ${status.delayed} delayed${due}, ${status.buried} dead of at most ${info.maxDead}`,
    `since it was made: sent ${counters.sent}, taken ${counters.taken}, acked ${counters.acked}, given back ${counters.nacked}, requeued ${counters.requeued}, leases lost ${counters.leasesLost}, dead ${counters.buried}, corrupt ${counters.corrupt}`,
    `dropped: oldest ${drops.oldest}, expired ${drops.expired}, dead letters ${drops.dead}`,
    `${info.maxDeliver} deliveries, lease ${formatDuration(info.leaseMs)}, room for ${info.maxMessages}, memory ${formatSizeShort(status.memoryBytes)}, journal ${info.journal?.sync ?? "none"}`,
  ];
}

function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): Line[] {
  if (rows.length === 0) return [];
  const { heading, rows: lines } = layOutTable(columns, rows, width);
  return [
    { text: "", tone: "plain" },
    { text: heading, tone: "heading" },
    ...lines.map((text): Line => ({ text, tone: "plain" })),
  ];
}

/** Of a queue that can be read; the longest running handler and who holds most come first. */
export function detailLines(
  detail: QueueDetail,
  workers: readonly WorkerRow[],
  width: number,
): Line[] {
  const running = workers
    .flatMap(({ name, pid, handlers }) =>
      handlers.map((handler) => ({ ...handler, worker: `${name} (${pid})` })),
    )
    .sort((a, b) => b.forMs - a.forMs);
  const participants = [...detail.status.participants].sort(
    (a, b) => b.leased - a.leased || b.counters.taken - a.counters.taken,
  );
  return [
    ...facts(detail).map((text): Line => ({
      text: visibleText(text),
      tone: "plain",
    })),
    ...table(reasonColumns, detail.deadReasons, width),
    ...table(runningColumns, running, width),
    ...table(participantColumns, participants, width),
  ];
}
