import { z } from "zod";
import { callControl } from "../control/control_client.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { formatDuration } from "../command_line/duration.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { oneOf } from "../command_line/scalars.ts";
import { formatSizeShort } from "../command_line/size.ts";
import { escapeControls } from "../records/records.ts";
import { printOut, say } from "../standard_streams/output.ts";
import { formatTable } from "../standard_streams/table.ts";
import {
  describeServer,
  findServers,
  type FoundServer,
  serverTargetOptions,
} from "./server_targets.ts";
import { sessionRow, type SessionRow } from "./session_rows.ts";

const answerMsMax = 5000;

/** What comes first: the largest, or the oldest. */
const orders = {
  age: (row: SessionRow) => -row.opened_ms,
  idle: (row: SessionRow) => -row.last_activity_ms,
  pending: (row: SessionRow) => row.pending,
  queued: (row: SessionRow) => row.queued_bytes,
  bytes: (row: SessionRow) => row.bytes_received + row.bytes_sent,
  messages: (row: SessionRow) =>
    row.messages_received + row.messages_sent + row.requests_received,
} as const;
type Order = keyof typeof orders;
const orderNames = Object.keys(orders) as Order[];

interface Row extends SessionRow {
  readonly server: string;
}

/** Sessions of one server; undefined when it does not tell, which is said. */
async function askSessions(server: FoundServer): Promise<Row[] | undefined> {
  try {
    const { body } = await callControl(
      server.path,
      "GET",
      "/conns",
      undefined,
      {
        timeoutMs: answerMsMax,
      },
    );
    return z
      .array(sessionRow)
      .parse(body)
      .map((row) => ({ server: server.name, ...row }));
  } catch (error) {
    say(
      `${describeServer(server)}: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
}

function ageText(sinceMs: number): string {
  return formatDuration(
    Math.max(0, Math.floor((Date.now() - sinceMs) / 1000)) * 1000,
  );
}

function cells(row: Row): string[] {
  return [
    row.server,
    row.id,
    row.peer ?? "-",
    row.state,
    ageText(row.opened_ms),
    `${row.messages_received + row.requests_received}`,
    `${row.messages_sent}`,
    `${row.pending}`,
    formatSizeShort(row.queued_bytes),
    row.round_trip_ms === null ? "-" : `${row.round_trip_ms.toFixed(1)} ms`,
    row.rooms.join(" ") || "-",
  ].map(escapeControls);
}

/** `conns [NAME…]`: who is connected. */
export const conns = defineVerb({
  operands: ["[name...]"],
  operandShapes: [{ kind: "server" }],
  options: {
    ...serverTargetOptions,
    sort: valueOption(
      "--sort <by>",
      `${orderNames.join(", ")}: what comes first`,
      oneOf(...orderNames),
      "age",
      "age",
    ),
  },
  notes:
    "NAME is a server's name or process number; without one, all of this user's. Exit code 1: a server does not answer; 3: there is none.",
  examples: [
    "ringwire-server conns --sort pending",
    "ringwire-server conns -o json | jq -r '.[] | select(.queued_bytes > 1e6).id'",
  ],
  run: async ({ options: given, operands }) => {
    const { chosen, missing } = await findServers(
      operands,
      given.control,
      answerMsMax,
    );
    const answers = await Promise.all(chosen.map(askSessions));
    const measure = orders[given.sort];
    const rows = answers
      .flatMap((answer) => answer ?? [])
      .sort((a, b) => measure(b) - measure(a));
    await printOut(
      given.output === "json"
        ? `${JSON.stringify(rows)}\n`
        : formatTable(
            [
              "SERVER",
              "SESSION",
              "PEER",
              "STATE",
              "AGE",
              "IN",
              "OUT",
              "PENDING",
              "QUEUED",
              "RTT",
              "ROOMS",
            ],
            rows.map(cells),
          ),
    );
    if (missing.length > 0) return ExitCode.nothingThere;
    return answers.includes(undefined) ? ExitCode.failed : ExitCode.done;
  },
});
