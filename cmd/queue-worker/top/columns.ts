/** The columns of queues and workers, and the orders in which queues can be shown. */
import { formatAge, formatCount, formatRate } from "./numbers.ts";
import type { Problem, QueueRow, WorkerRow } from "./rows.ts";
import type { Column } from "./table_layout.ts";

const unknown = "-";

function age(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? unknown : formatAge(ms);
}

/** `!` for an alarm, `?` for a warning: also seen without colours. */
export function problemMark(problems: readonly Problem[]): string {
  if (problems.some(({ severity }) => severity === "alarm")) return "!";
  return problems.length > 0 ? "?" : " ";
}

function counted(
  pick: (counts: NonNullable<QueueRow["counts"]>) => number,
): (row: QueueRow) => string {
  return ({ counts }) =>
    counts === null ? unknown : formatCount(pick(counts));
}

function deadCell({ counts, newDead }: QueueRow): string {
  if (counts === null) return unknown;
  const dead = formatCount(counts.dead);
  return newDead > 0 ? `${dead} +${formatCount(newDead)}` : dead;
}

function outlookCell({ outlook }: QueueRow): string {
  if (outlook === null) return "";
  return outlook.kind === "stuck"
    ? `stuck ${formatAge(outlook.ms)}`
    : `${outlook.kind} in ${formatAge(outlook.ms)}`;
}

/** Of queues; a narrow terminal loses those with the lowest rank. */
export const queueColumns: readonly Column<QueueRow>[] = [
  {
    title: " ",
    cell: ({ problems }) => problemMark(problems),
    align: "left",
    rank: 20,
  },
  {
    title: "QUEUE",
    cell: ({ name }) => name,
    align: "left",
    shrinksTo: 10,
    rank: 30,
  },
  {
    title: "STATE",
    cell: ({ state }) => state,
    align: "left",
    usual: 7,
    rank: 13,
  },
  { title: "WAITING", cell: counted(({ waiting }) => waiting), rank: 19 },
  { title: "LEASED", cell: counted(({ leased }) => leased), rank: 14 },
  { title: "DELAYED", cell: counted(({ delayed }) => delayed), rank: 9 },
  { title: "DEAD", cell: deadCell, usual: 7, rank: 16 },
  {
    title: "IN/s",
    usual: 6,
    cell: ({ rates }) => (rates === null ? unknown : formatRate(rates.in)),
    rank: 15,
  },
  {
    title: "OUT/s",
    usual: 6,
    cell: ({ rates }) => (rates === null ? unknown : formatRate(rates.out)),
    rank: 17,
  },
  {
    title: "OLDEST",
    usual: 6,
    cell: ({ counts }) => age(counts?.oldestAgeMs),
    rank: 18,
  },
  {
    title: "USED",
    usual: 4,
    cell: ({ counts }) =>
      counts === null ? unknown : `${Math.floor(counts.usage * 100)}%`,
    rank: 11,
  },
  {
    title: "CONSUMERS",
    cell: counted(({ consumers }) => consumers),
    rank: 10,
  },
  { title: "OUTLOOK", cell: outlookCell, align: "left", rank: 12 },
];

/** Of workers. */
export const workerColumns: readonly Column<WorkerRow>[] = [
  {
    title: " ",
    cell: ({ problems }) => problemMark(problems),
    align: "left",
    rank: 20,
  },
  {
    title: "WORKER",
    cell: ({ name }) => name,
    align: "left",
    shrinksTo: 10,
    rank: 30,
  },
  { title: "PID", cell: ({ pid }) => `${pid}`, rank: 19 },
  {
    title: "QUEUE",
    cell: ({ queue }) => queue ?? unknown,
    align: "left",
    shrinksTo: 10,
    rank: 17,
  },
  {
    title: "STATE",
    cell: ({ state }) => state,
    align: "left",
    usual: 8,
    rank: 18,
  },
  {
    title: "RUNNING",
    cell: ({ running, jobs, kind }) =>
      kind === "none" ? unknown : `${running}/${jobs}`,
    rank: 16,
  },
  { title: "LONGEST", cell: ({ longestMs }) => age(longestMs), rank: 15 },
  { title: "ACKED", cell: ({ acked }) => formatCount(acked), rank: 14 },
  { title: "RETRIED", cell: ({ retried }) => formatCount(retried), rank: 12 },
  { title: "DEAD", cell: ({ dead }) => formatCount(dead), rank: 13 },
  {
    title: "COMMAND",
    cell: ({ command }) => command,
    align: "left",
    shrinksTo: 12,
    rank: 5,
  },
];

function severity({ problems }: QueueRow): number {
  return problems.reduce(
    (sum, problem) => sum + (problem.severity === "alarm" ? 100 : 1),
    0,
  );
}

/** What `s` goes through; largest first, except names. */
export const queueOrders = {
  name: () => 0,
  trouble: severity,
  waiting: ({ counts }) => counts?.waiting ?? -1,
  oldest: ({ counts }) => counts?.oldestAgeMs ?? -1,
  rate: ({ rates }) => (rates === null ? -1 : rates.in + rates.out),
  dead: ({ counts }) => counts?.dead ?? -1,
} as const satisfies Readonly<Record<string, (row: QueueRow) => number>>;

/** The name of an order. */
export type QueueOrder = keyof typeof queueOrders;

/** A copy in that order; equal ones by name. */
export function sortQueues(
  queues: readonly QueueRow[],
  order: QueueOrder,
): QueueRow[] {
  const keyOf = queueOrders[order];
  return [...queues].sort(
    (a, b) => keyOf(b) - keyOf(a) || (a.name < b.name ? -1 : 1),
  );
}
