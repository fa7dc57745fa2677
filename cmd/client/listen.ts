import { roomSubjects } from "../../src/routes/room_subjects.ts";
import type { SessionEnd } from "../../src/transport/session.ts";
import { escapeControls } from "../records/records.ts";
import type { TransportClient } from "../../src/transport/client/client.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { duration, timerMsMax } from "../command_line/duration.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { listOption, valueOption } from "../command_line/options.ts";
import { integer, nonEmpty } from "../command_line/scalars.ts";
import { onceAborted, StopRequests } from "../processes/lifecycle.ts";
import { recordOptions, recordStyle } from "../records/record_options.ts";
import { requireStdout, say } from "../standard_streams/output.ts";
import { connectionOptions } from "./client_options.ts";
import { exitOfClose, failureOf } from "./failure.ts";
import { writeMessages } from "./message_record.ts";
import { openClient } from "./open_client.ts";

const options = {
  ...connectionOptions,
  room: listOption(
    "--room <room>",
    "what goes to this room, may be repeated (default: only what goes to everybody)",
    nonEmpty,
  ),
  count: valueOption(
    "-n, --count <count>",
    "how many",
    integer(1, 2 ** 48),
    undefined,
    "no limit",
  ),
  wait: valueOption(
    "--wait <duration>",
    "how long to wait for each next message",
    duration({ minMs: 1, maxMs: timerMsMax }),
    undefined,
    "no limit",
  ),
  ...recordOptions,
};

type ListenInvocation = Invocation<typeof options>;

async function joinRooms(
  client: TransportClient,
  rooms: readonly string[],
): Promise<void> {
  for (const room of rooms)
    await client.request(room, { subject: roomSubjects.join });
}

/** Rooms belong to a session: after one that was not resumed they are joined anew. */
function stayInRooms(client: TransportClient, rooms: readonly string[]): void {
  client.on("connect", ({ resumed }) => {
    if (resumed) return;
    joinRooms(client, rooms).catch((error: unknown) =>
      say(`the rooms could not be joined again: ${failureOf(error).message}`),
    );
  });
  client.on("gap", ({ direction, messages }) => {
    if (direction === "received")
      say(`${messages ?? "some"} messages were lost with the connection`);
  });
  client.on("disconnect", ({ reason, willReconnect }) => {
    if (willReconnect) say(`the connection is lost (${reason}): trying again`);
  });
}

/** Why it is over. */
type Ending = "count" | "closed" | "timeout" | "stopped";

async function print(
  client: TransportClient,
  given: ListenInvocation["options"],
  stop: AbortSignal,
): Promise<Ending> {
  const style = recordStyle(given);
  const messages = client.messages();
  await joinRooms(client, given.room);
  stayInRooms(client, given.room);
  const stopped = new Promise<"stopped">((resolve) =>
    onceAborted(stop, () => resolve("stopped")),
  );
  for (let left = given.count ?? Number.POSITIVE_INFINITY; left > 0; left--) {
    const late = Promise.withResolvers<"timeout">();
    const timer =
      given.wait === undefined
        ? undefined
        : setTimeout(() => late.resolve("timeout"), given.wait);
    const next = await Promise.race([messages.next(), stopped, late.promise]);
    clearTimeout(timer);
    if (typeof next === "string") return next;
    if (next.done === true) return "closed";
    await writeMessages([next.value], style);
  }
  return "count";
}

async function run({
  options: given,
  operands: [url = ""],
}: ListenInvocation): Promise<number> {
  requireStdout();
  using stop = new StopRequests();
  let client: TransportClient | undefined;
  try {
    client = await openClient(url, given, {
      stayConnected: true,
      signal: stop.stop,
    });
    let end: SessionEnd | undefined;
    client.on("close", (ended) => {
      end = ended;
    });
    const ending = await print(client, given, stop.stop);
    if (ending === "timeout") {
      say(`no message within ${given.wait} ms`);
      return ExitCode.timedOut;
    }
    if (ending === "closed") {
      say(
        `the session is over: ${escapeControls(end?.reason || "the server gave no reason")}`,
      );
      return exitOfClose(end?.code ?? 0);
    }
    return stop.exitCode ?? ExitCode.done;
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    throw error;
  } finally {
    await client?.close();
  }
}

/** `listen URL`: prints what arrives. */
export const listen = defineVerb({
  operands: ["<url>"],
  options,
  notes: `A lost connection is made again; what was lost with it is said. Exit code 0: --count messages came; 124: --wait has passed; 3: the server has no rooms;
4: the server has ended the session; 5: it cannot be reached; 141: the reader of stdout is gone.`,
  examples: [
    "ringwire-client listen ws://127.0.0.1:8081 -o jsonl --count 1000 | jq -c 'select(.data.t>80)' | ringwire-client send tcp://127.0.0.1:8080",
    "ringwire-client listen tcp://127.0.0.1:8080 --room prices -o raw",
  ],
  run,
});
