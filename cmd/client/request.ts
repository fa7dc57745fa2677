import { randomUUID } from "node:crypto";
import { RingwireError } from "../../src/base/errors.ts";
import type { TransportClient } from "../../src/transport/client/client.ts";
import type { IncomingMessage } from "../../src/transport/message.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { integer } from "../command_line/scalars.ts";
import { onceAborted, StopRequests } from "../processes/lifecycle.ts";
import { recordOptions, recordStyle } from "../records/record_options.ts";
import { requireStdout, say } from "../standard_streams/output.ts";
import {
  connectionOptions,
  inputOptions,
  messageOptions,
} from "./client_options.ts";
import { failureOf } from "./failure.ts";
import { writeMessages } from "./message_record.ts";
import { messageSource, type SourceMessage } from "./message_source.ts";
import { messageValues, openClient } from "./open_client.ts";

const options = {
  ...connectionOptions,
  ...messageOptions,
  ...inputOptions,
  concurrency: valueOption(
    "-j, --concurrency <count>",
    "requests under way at a time",
    integer(1, 65_536),
    1,
    "1",
  ),
  ...recordOptions,
};

type RequestInvocation = Invocation<typeof options>;

/** An answer, or why there is none. */
type Outcome =
  { readonly answer: IncomingMessage } | { readonly error: unknown };

/** Sends requests, so many at a time, and writes the answers in the order of the requests. */
class Requester {
  readonly #client: TransportClient;
  readonly #given: RequestInvocation["options"];
  readonly #giveUp: AbortSignal;
  readonly #style: ReturnType<typeof recordStyle>;
  answered = 0;
  readonly failures: number[] = [];

  constructor(
    client: TransportClient,
    given: RequestInvocation["options"],
    giveUp: AbortSignal,
  ) {
    this.#client = client;
    this.#given = given;
    this.#giveUp = giveUp;
    this.#style = recordStyle(given);
  }

  async run(source: AsyncIterable<SourceMessage>): Promise<void> {
    const underWay: Promise<Outcome>[] = [];
    try {
      for await (const message of source) {
        underWay.push(this.#ask(message));
        if (underWay.length >= this.#given.concurrency)
          await this.#settle(underWay.shift());
      }
    } finally {
      // What was asked before a bad record, or before Ctrl-C, still has its answer.
      while (underWay.length > 0) await this.#settle(underWay.shift());
    }
  }

  async #ask({ body, contentType }: SourceMessage): Promise<Outcome> {
    const { retry, timeout } = this.#given;
    const options = {
      ...messageValues(this.#given),
      contentType,
      timeoutMs: timeout,
      signal: this.#giveUp,
      // Who asks for tries says that doing it twice does no harm.
      idempotencyKey: retry > 0 ? randomUUID() : undefined,
    };
    for (let attempt = 0; ; attempt++) {
      try {
        return { answer: await this.#client.request(body, options) };
      } catch (error) {
        const again =
          attempt < retry &&
          !this.#giveUp.aborted &&
          this.#client.state !== "closed" &&
          error instanceof RingwireError &&
          error.retryable;
        if (!again) return { error };
      }
    }
  }

  async #settle(outcome: Promise<Outcome> | undefined): Promise<void> {
    const result = await outcome;
    if (result === undefined) return;
    if ("answer" in result) {
      await writeMessages([result.answer], this.#style);
      this.answered++;
      return;
    }
    if (this.#giveUp.aborted) {
      this.failures.push(ExitCode.timedOut);
      return;
    }
    const failure = failureOf(result.error);
    this.failures.push(failure.exitCode);
    say(failure.message);
    // Nothing that follows could come through either.
    if (this.#client.state === "closed") throw failure;
  }
}

function exitCodeFor({ answered, failures }: Requester): number {
  const [first] = failures;
  if (first === undefined) return ExitCode.done;
  if (answered > 0) return ExitCode.someFailed;
  return failures.every((code) => code === first) ? first : ExitCode.failed;
}

async function run({
  options: given,
  operands: [url = "", body],
}: RequestInvocation): Promise<number> {
  requireStdout();
  using stop = new StopRequests();
  const giveUp = new AbortController();
  let lingering: Timer | undefined;
  onceAborted(stop.stop, () => giveUp.abort());
  try {
    await using client = await openClient(url, given, { signal: stop.stop });
    const requester = new Requester(client, given, giveUp.signal);
    async function* source(): AsyncGenerator<SourceMessage> {
      yield* messageSource(body, given, stop.stop);
      // With BODY there is no end of stdin that could be waited at: --timeout bounds each.
      if (body === undefined)
        lingering = setTimeout(() => giveUp.abort(), given.linger);
    }
    await requester.run(source());
    if (stop.exitCode === undefined && giveUp.signal.aborted)
      say(
        `${requester.failures.length} requests had no answer within --linger after the end of stdin`,
      );
    return stop.exitCode ?? exitCodeFor(requester);
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    throw error;
  } finally {
    clearTimeout(lingering);
  }
}

/** `request URL [BODY]`: sends and waits for the answer. */
export const request = defineVerb({
  operands: ["<url>", "[body]"],
  options,
  notes: `Without BODY, each record of stdin is a request; answers come in the order of the requests. Exit code 0: all are answered; 1: the server says that it failed;
3: nobody there answers; 4: not allowed; 5: it cannot be reached, or was lost; 6: too large, or the protocol was broken; 7: some of several failed; 124: no answer within --timeout.`,
  examples: [
    "ringwire-client request tcp://127.0.0.1:8080 PING",
    "ringwire-client request ws://127.0.0.1:8081 --timeout 1s -o raw '{\"q\":1}' | jq -r .bid || case $? in 3) echo none;; 124) echo late;; esac",
    "seq 1 1000 | ringwire-client request unix:///run/rw.sock --subject jobs.square -j 64",
  ],
  run,
});
