/** From the URL on the command line to a connected client. */
import { TransportClient } from "../../src/transport/client/client.ts";
import type { MessageOptions } from "../../src/transport/message.ts";
import { RingwireError } from "../../src/base/errors.ts";
import { PathNotFoundError } from "../../src/transport/errors.ts";
import type { OptionValues } from "../command_line/options.ts";
import { UsageError } from "../command_line/exit_codes.ts";
import { say } from "../standard_streams/output.ts";
import type { connectionOptions, messageOptions } from "./client_options.ts";
import { failureOf } from "./failure.ts";

/** How to come to the server. */
export type ConnectionValues = OptionValues<typeof connectionOptions>;

/** Between two tries, in milliseconds: the first, and the longest. */
const retryMs = { first: 100, longest: 5000 };

/** What else decides how it is connected. */
export interface OpenRequest {
  /** Whether a lost connection is made again, however often that takes. @default only as often as `--retry` says */
  readonly stayConnected?: boolean;
  /** Ends the tries. */
  readonly signal?: AbortSignal | undefined;
}

function builderFor(
  url: string,
  given: ConnectionValues,
  { stayConnected = false }: OpenRequest,
): ReturnType<typeof TransportClient.builder> {
  const { tlsCa: ca, tlsCert: cert, tlsKey: key, tlsName: serverName } = given;
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError(
      `--tls-${cert === undefined ? "key" : "cert"} is given alone; needed are --tls-cert and --tls-key`,
    );
  const builder = TransportClient.builder()
    .withProtocol(url)
    .withConnectTimeout(given.timeout)
    .withRequestTimeout(given.timeout)
    .withReconnect(
      stayConnected ? true : given.retry > 0 && { maxAttempts: given.retry },
    );
  if (ca !== undefined || cert !== undefined || serverName !== undefined)
    builder.withTls({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(serverName === undefined ? {} : { serverName }),
    });
  if (given.compression !== "none")
    builder.withDataCompression({ algorithms: [given.compression] });
  return builder;
}

/** A server that has not begun yet has no file either. */
function mayTryAgain(error: unknown): boolean {
  return (
    error instanceof RingwireError &&
    (error.retryable || error instanceof PathNotFoundError)
  );
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Connects, with the tries that `--retry` allows.
 *
 * @throws {CommandFailure} why the last try failed
 * @throws the signal's reason when it fires first
 */
export async function openClient(
  url: string,
  given: ConnectionValues,
  request: OpenRequest = {},
): Promise<TransportClient> {
  const { signal } = request;
  for (let attempt = 0; ; attempt++) {
    try {
      return await untilAborted(
        builderFor(url, given, request).build(),
        signal,
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= given.retry || !mayTryAgain(error)) throw failureOf(error);
      if (attempt === 0)
        say(`${failureOf(error).message}; trying ${given.retry} times more`);
      const longest = Math.min(
        retryMs.longest,
        retryMs.first * 2 ** Math.min(attempt, 10),
      );
      await pause(Math.random() * longest, signal);
    }
  }
}

/** A client that comes too late is closed. */
async function untilAborted(
  opening: Promise<TransportClient>,
  signal: AbortSignal | undefined,
): Promise<TransportClient> {
  if (signal === undefined) return await opening;
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => stopped.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([opening, stopped.promise]);
  } catch (error) {
    opening.then(
      (client) => client.close(),
      () => undefined,
    );
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What the options say about each message. */
export function messageValues(
  given: OptionValues<typeof messageOptions>,
): MessageOptions {
  // Without a prototype `__proto__` is a key like any other.
  const headers: Record<string, string> = Object.create(null);
  for (const [key, value] of given.header) headers[key] = value;
  return {
    tag: given.tag,
    subject: given.subject,
    priority: given.priority,
    headers: given.header.length > 0 ? headers : undefined,
  };
}
