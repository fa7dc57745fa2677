/** Making load: open-loop (by the clock) or closed-loop (one after the other). */
import type { TransportClient } from "../../../src/transport/client/client.ts";
import type {
  MessageOptions,
  RequestOptions,
} from "../../../src/transport/message.ts";
import type { Tally } from "./tally.ts";

/** What is sent, and how. */
export interface Load {
  readonly clients: readonly TransportClient[];
  readonly body: Uint8Array;
  readonly message: MessageOptions;
  readonly timeoutMs: number;
  readonly oneWay: boolean;
  /** On the clock of `performance.now()`: nothing begins from then on. */
  readonly untilMs: number;
  readonly stop: AbortSignal;
  readonly tally: Tally;
}

/** Closed-loop: how long one worker goes on before timers and signals have their turn. */
const sliceMs = 5;
/** Timers come up to so much late; what is due sooner is waited for by turns of the event loop. */
const timerSlackMs = 2;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function exchange(
  load: Load,
  client: TransportClient,
  options: RequestOptions,
  intendedMs: number,
): Promise<void> {
  const { tally, oneWay, body } = load;
  const startedMs = performance.now();
  if (tally.counts(intendedMs)) tally.begun++;
  try {
    if (!oneWay) await client.request(body, options);
    else if (!client.trySend(body, load.message))
      await client.send(body, options);
    tally.done(intendedMs, startedMs, performance.now());
  } catch (error) {
    tally.failed(intendedMs, error);
    // Whoever cannot send at all must not keep the event loop for itself.
    await nextTurn();
  }
}

/** Without the signal, which would have a listener for each that is under way: whoever stops closes the clients. */
function optionsOf({ message, timeoutMs }: Load): RequestOptions {
  return { ...message, timeoutMs };
}

async function worker(load: Load, client: TransportClient): Promise<void> {
  const options = optionsOf(load);
  let sliceEndMs = performance.now() + sliceMs;
  for (;;) {
    const nowMs = performance.now();
    if (nowMs >= load.untilMs || load.stop.aborted) return;
    if (client.state === "closed") return;
    if (load.oneWay && nowMs > sliceEndMs) {
      await nextTurn();
      sliceEndMs = performance.now() + sliceMs;
      continue;
    }
    await exchange(load, client, options, nowMs);
  }
}

/** As many as `concurrency` on each connection, each begun when the one before is over. */
export async function closedLoop(
  load: Load,
  concurrency: number,
): Promise<void> {
  await Promise.all(
    load.clients.flatMap((client) =>
      Array.from({ length: concurrency }, () => worker(load, client)),
    ),
  );
}

/** So many a second, by the clock: one that is late still counts from when it should have begun. */
export async function openLoop(
  load: Load,
  perSecond: number,
  underWayMax: number,
): Promise<void> {
  const { clients, tally, untilMs, stop } = load;
  const options = optionsOf(load);
  const startMs = performance.now();
  const gapMs = 1000 / perSecond;
  const pending = new Set<Promise<void>>();
  let turn = 0;
  for (;;) {
    const nowMs = performance.now();
    if (stop.aborted) break;
    let intendedMs = startMs + turn * gapMs;
    // The clock may stand still within this loop, but what is due grows only with it.
    for (; intendedMs <= nowMs && intendedMs < untilMs; turn++) {
      const client = clients[turn % clients.length] as TransportClient;
      if (pending.size >= underWayMax) {
        if (tally.counts(intendedMs)) tally.skipped++;
      } else {
        const one = exchange(load, client, options, intendedMs).finally(() =>
          pending.delete(one),
        );
        pending.add(one);
      }
      intendedMs = startMs + (turn + 1) * gapMs;
    }
    if (intendedMs >= untilMs) break;
    const waitMs = intendedMs - performance.now();
    if (waitMs > timerSlackMs) await Bun.sleep(waitMs - timerSlackMs);
    else await nextTurn();
  }
  await Promise.all(pending);
}
