import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { StopRequests } from "../processes/lifecycle.ts";
import { say } from "../standard_streams/output.ts";
import type { TransportClient } from "../../src/transport/client/client.ts";
import {
  connectionOptions,
  inputOptions,
  messageOptions,
} from "./client_options.ts";
import { failureOf } from "./failure.ts";
import { messageSource } from "./message_source.ts";
import { messageValues, openClient } from "./open_client.ts";

const options = { ...connectionOptions, ...messageOptions, ...inputOptions };

type SendInvocation = Invocation<typeof options>;

/** Sends all there is. @returns how many were taken over */
async function sendAll(
  client: TransportClient,
  { options: given, operands: [, body] }: SendInvocation,
  stop: AbortSignal,
  onSent: () => void,
): Promise<void> {
  const common = messageValues(given);
  for await (const { body: data, contentType } of messageSource(
    body,
    given,
    stop,
  )) {
    const message = { ...common, contentType };
    if (!client.trySend(data, message))
      await client.send(data, {
        ...message,
        timeoutMs: given.timeout,
        signal: stop,
      });
    onSent();
  }
}

async function run(invocation: SendInvocation): Promise<number> {
  const { options: given, operands } = invocation;
  const [url = ""] = operands;
  using stop = new StopRequests();
  let sent = 0;
  try {
    const client = await openClient(url, given, { signal: stop.stop });
    let failure: unknown;
    try {
      await sendAll(client, invocation, stop.stop, () => sent++);
    } catch (error) {
      failure = error;
    }
    // Also after a failure: what came before it is good.
    const end = await client.drain({ timeoutMs: given.linger });
    if (end.unconfirmed > 0)
      say(
        `${end.unconfirmed} of ${sent} messages were sent, but the server has not said that it took them`,
      );
    if (failure !== undefined) throw failure;
    if (end.unconfirmed > 0)
      return end.unconfirmed < sent
        ? ExitCode.someFailed
        : ExitCode.unreachable;
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    const failed = failureOf(error);
    if (sent === 0) throw failed;
    throw new CommandFailure(
      failed.exitCode,
      `${failed.message}; ${sent} messages were sent before`,
      { cause: error },
    );
  }
  return stop.exitCode ?? ExitCode.done;
}

/** `send URL [BODY]`: one-way messages. */
export const send = defineVerb({
  operands: ["<url>", "[body]"],
  options,
  notes: `Without BODY, each record of stdin is a message. Exit code 0: the server has taken all of them; 7: it has not said so of some; 5: it cannot be reached, or was
lost; 6: a message is too large, or the protocol was broken; 4: not allowed; 124: there was no room for a message within --timeout.`,
  examples: [
    "ringwire-client send tcp://127.0.0.1:8080 'one message' --subject jobs.new",
    "tail -F app.log | ringwire-client send ws://127.0.0.1:8081 --retry 100",
    "jq -c '.[]' all.json | ringwire-client send tcp://127.0.0.1:8080 --in-framing jsonl --tag 7",
  ],
  run,
});
