/** The exchange of `trading_client.ts`: fills orders. Argument: where its socket is to be. */
import process from "node:process";
import { type IncomingRequest, RemoteError, TransportServer } from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";

/** What a client sends. */
interface Order {
  readonly number: number;
  readonly quantity: number;
}

const givenUp = Promise.withResolvers<string>();

function fill(request: IncomingRequest): { filled: number; of: number } {
  const { number, quantity } = request.json() as Order;
  if (!(quantity > 0))
    throw new RemoteError("BadOrder", `the quantity is ${quantity}`);
  return { filled: quantity, of: number };
}

const [path = ""] = process.argv.slice(2);
await using server = await TransportServer.builder()
  .withProtocol(`unix://${path}`)
  .build();
server.onRequest((request) => {
  switch (request.headers.subject) {
    case "order":
      return fill(request);
    case "slow order":
      // Fires at the deadline, or when the client has given up or gone.
      return new Promise<string>((resolve) => {
        request.signal.addEventListener("abort", () => {
          givenUp.resolve("yes");
          resolve("too late");
        });
      });
    default:
      return givenUp.promise;
  }
});
const stop = stopSignal();
const stopped = new Promise((resolve) => {
  stop.addEventListener("abort", resolve);
});
console.log(server.addresses[0]);
await stopped;
