/** Many messages at once, with a bound on how many are on their way. */
import type { OutgoingMessage, SendData } from "./message.ts";
import { checkWait, type WaitOptions } from "./wait_limits.ts";

/** How many messages are sent at a time. */
export interface BurstOptions extends WaitOptions {
  /** Messages whose data UCX has, or that wait for credit. @default 64 */
  readonly maxInFlight?: number | undefined;
}

/** Sends one message; a client does. */
export interface MessageSender {
  sendMessage(
    tag: number | bigint,
    data: SendData,
    options?: WaitOptions,
  ): Promise<void>;
}

const maxInFlightDefault = 64;

function limitOf(options: BurstOptions): number {
  const { maxInFlight = maxInFlightDefault } = options;
  if (!Number.isInteger(maxInFlight) || maxInFlight < 1)
    throw new RangeError(
      `maxInFlight: given ${maxInFlight}, allowed an integer from 1 (messages)`,
    );
  return maxInFlight;
}

/**
 * Sends messages until one fails.
 *
 * @returns how many were sent
 * @throws the first failure, after those that were on their way are settled
 */
export async function sendAll(
  sender: MessageSender,
  messages: Iterable<OutgoingMessage>,
  options: BurstOptions = {},
): Promise<number> {
  let failure: { readonly error: unknown } | undefined;
  const count = await send(sender, messages, options, (_index, error) => {
    failure ??= { error };
    return false;
  });
  if (failure !== undefined) throw failure.error;
  return count;
}

/** Sends all messages. Gives for each what went wrong, or undefined. */
export async function sendEach(
  sender: MessageSender,
  messages: Iterable<OutgoingMessage>,
  options: BurstOptions = {},
): Promise<(Error | undefined)[]> {
  const results: (Error | undefined)[] = [];
  const count = await send(sender, messages, options, (index, error) => {
    results[index] = error instanceof Error ? error : new Error(String(error));
    return true;
  });
  return Array.from({ length: count }, (_, index) => results[index]);
}

async function send(
  sender: MessageSender,
  messages: Iterable<OutgoingMessage>,
  options: BurstOptions,
  onFailed: (index: number, error: unknown) => boolean,
): Promise<number> {
  checkWait(options);
  const limit = limitOf(options);
  const { timeoutMs, signal } = options;
  const endMs =
    timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  let count = 0;
  let inFlight = 0;
  let goesOn = true;
  let wake: (() => void) | undefined;
  const oneLess = (): void => {
    inFlight -= 1;
    wake?.();
  };
  for (const { tag, data } of messages) {
    const index = count++;
    inFlight += 1;
    sender
      .sendMessage(tag, data, {
        signal,
        ...(endMs === undefined
          ? {}
          : { timeoutMs: Math.max(0, endMs - performance.now()) }),
      })
      .then(oneLess, (error: unknown) => {
        goesOn = onFailed(index, error) && goesOn;
        oneLess();
      });
    while (inFlight >= limit)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    if (!goesOn) break;
  }
  while (inFlight > 0)
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  return count;
}
