/** What the programs of the peers are given. */
import type { PeerAddress } from "../peers/client.ts";

/** As fast as it goes, `batch` a turn; at a fixed rate; or so many, which then wait. */
export type ProducerWork =
  | { readonly kind: "batches"; readonly batch: number }
  | { readonly kind: "rate"; readonly messagesPerSecond: number }
  | { readonly kind: "fill"; readonly messages: number };

/** For `peer_producer_program.ts`. */
export interface ProducerArgument {
  readonly address: PeerAddress;
  readonly work: ProducerWork;
}

/** For `peer_consumer_program.ts`: reports messages per second, or how long they took. */
export interface ConsumerArgument {
  readonly address: PeerAddress;
  /** Messages that it takes at a time. */
  readonly batch: number;
  readonly report: string;
  readonly measure: "throughput" | "latency";
}

/** For `peer_holder_program.ts` and `peer_survivor_program.ts`. */
export interface LeaseArgument {
  readonly address: PeerAddress;
  readonly leases: number;
}
