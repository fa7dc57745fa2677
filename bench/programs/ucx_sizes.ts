/** What both ends of the UCX benches agree on. */

/** The transports that are compared, as keys of UCX. */
export const transports = {
  shm: { TLS: "posix,cma,tcp", NET_DEVICES: "lo" },
  tcp: { TLS: "tcp", NET_DEVICES: "lo" },
} as const;

/** A name of `transports`. */
export type Transport = keyof typeof transports;

/** Argument of `ucx_program.ts` and `ucx_async_program.ts`. */
export interface UcxArgument {
  readonly role: "server" | "client";
  readonly transport: Transport;
  /** Of the server; for the client. */
  readonly address?: string;
  /** What the names of the client's samples begin with. */
  readonly report: string;
  /** Connections that the messages go over in turn. */
  readonly endpoints: number;
}

/** How many of each. TCP takes a good ten times as long. */
export function countsOf(transport: Transport): {
  /** Turns that are not counted, before those that are: the runtimes compile what is called often, in half a second. */
  readonly warmUp: number;
  readonly trips: number;
  /** The same of messages one way. */
  readonly warmUpMessages: number;
  readonly messages: number;
  readonly megabytes: number;
} {
  return transport === "shm"
    ? {
        warmUp: 400_000,
        trips: 200_000,
        warmUpMessages: 1_000_000,
        messages: 2_000_000,
        megabytes: 1000,
      }
    : {
        warmUp: 40_000,
        trips: 20_000,
        warmUpMessages: 50_000,
        messages: 150_000,
        megabytes: 500,
      };
}

/** Spins as long as it waits, as `ucx_perftest` does. */
export const busyUs = 60_000_000;

/** Tags of the parts of a run. */
export const tags = {
  short: 1,
  long: 2,
  rate: 3,
  bulk: 4,
  done: 5,
} as const;

export const shortBytes = 8;
export const longBytes = 1024;
export const bulkBytes = 2 ** 20;
/** Long messages that are on their way at a time. */
export const bulkWindow = 8;
