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

/** How many of each. TCP takes a hundred times as long. */
export function countsOf(transport: Transport): {
  /** Turns that are not counted, before those that are: the runtimes compile what is called often. */
  readonly warmUp: number;
  readonly trips: number;
  readonly messages: number;
  readonly megabytes: number;
} {
  return transport === "shm"
    ? {
        warmUp: 30_000,
        trips: 50_000,
        messages: 1_000_000,
        megabytes: 1000,
      }
    : { warmUp: 3000, trips: 10_000, messages: 100_000, megabytes: 500 };
}

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
