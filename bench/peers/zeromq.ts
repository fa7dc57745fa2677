/** ZeroMQ over ipc. A queue at both ends, and nothing is acknowledged. */
import { Pull, Push } from "zeromq";

/** Messages that may wait at each end, as many as in Ringwire's queue. */
const highWaterMark = 16_384;

/** The producing end. */
export function openPush(socket: string): Push {
  const push = new Push({ sendHighWaterMark: highWaterMark });
  push.connect(`ipc://${socket}`);
  return push;
}

/** Takes for ever. */
export async function pullMessages(
  socket: string,
  handle: (body: Uint8Array) => void,
): Promise<never> {
  const pull = new Pull({ receiveHighWaterMark: highWaterMark });
  await pull.bind(`ipc://${socket}`);
  for await (const [body] of pull) if (body !== undefined) handle(body);
  throw new Error("the socket was closed");
}
