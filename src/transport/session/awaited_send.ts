/** A message whose sender waits until it was taken under the peer's credit. */
import { TimedOutError } from "../errors.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Sender } from "./sender.ts";
import type { SessionClock } from "./clock.ts";
import type { TimerWheel } from "./timer_wheel.ts";

/**
 * Resolves when all of a message that was offered, and not taken at once, has been taken.
 *
 * @param givenUp called when it will not be sent
 * @throws {TimedOutError} when there was no room in time, or the signal's reason
 */
export function whenTaken(
  outgoing: Outgoing,
  sender: Sender,
  wheel: TimerWheel,
  clock: SessionClock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  givenUp: () => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = (error: unknown) => {
    // What has begun goes on: a message cannot be taken back.
    if (outgoing.sequence > 0 || !sender.withdraw(outgoing)) return;
    sender.dropped += 1;
    outgoing.settle?.(error);
    givenUp();
  };
  const onAbort = () => giveUp(signal?.reason);
  outgoing.settle = (error) => {
    wheel.remove(outgoing);
    signal?.removeEventListener("abort", onAbort);
    if (error === undefined) resolve();
    else reject(error);
  };
  outgoing.onExpired = () =>
    giveUp(new TimedOutError(`the peer had no room for ${timeoutMs} ms`));
  signal?.addEventListener("abort", onAbort);
  if (outgoing.sequence === 0) wheel.add(outgoing, clock.nowMs() + timeoutMs);
  return promise;
}
