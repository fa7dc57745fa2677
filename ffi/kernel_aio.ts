/** Polling by the kernel's asynchronous I/O (Linux 4.19): without a thread, and told through an eventfd. */
import {
  addressOf,
  type NativeFunctions,
  openLibrary,
  pointerOf,
  type SymbolTable,
} from "./host.ts";

const libcSymbols = {
  // long syscall(long number, ...);
  syscall: {
    parameters: ["isize", "isize", "isize", "isize", "isize", "isize"],
    result: "isize",
  },
} as const satisfies SymbolTable;

/** The same, on a thread of Deno's pool. */
const waitingSymbols = {
  syscall: { ...libcSymbols.syscall, nonblocking: true },
} as const satisfies SymbolTable;

/** io_setup, io_destroy, io_submit and io_getevents have no functions in libc. Bigints, which are faster in Deno. */
const systemCalls = {
  x64: { setup: 206n, destroy: 207n, getEvents: 208n, submit: 209n },
  arm64: { setup: 0n, destroy: 1n, getEvents: 4n, submit: 2n },
} as const;

const IOCB_CMD_POLL = 5;
const IOCB_FLAG_RESFD = 1;
const POLLIN = 1n;
/** One request at a time; the kernel wants a little more. */
const eventCount = 4;

function addressOfView(view: ArrayBufferView): bigint {
  return addressOf(pointerOf(view));
}

/** Waits for one descriptor to become readable, once per request. For Deno. */
export class KernelPoll {
  readonly #libc: NativeFunctions<typeof libcSymbols>;
  readonly #numbers: (typeof systemCalls)[keyof typeof systemCalls];
  readonly #context: bigint;
  // The kernel reads and writes these by address: they must live as long as this object.
  readonly #control = new DataView(new ArrayBuffer(64));
  readonly #list = new BigUint64Array(1);
  readonly #events = new Uint8Array(32 * eventCount);
  readonly #listAddress: bigint;
  readonly #eventsAddress: bigint;

  private constructor(
    libc: NativeFunctions<typeof libcSymbols>,
    numbers: (typeof systemCalls)[keyof typeof systemCalls],
    context: bigint,
    descriptor: number,
    eventDescriptor: number,
  ) {
    this.#libc = libc;
    this.#numbers = numbers;
    this.#context = context;
    // struct iocb: u16 aio_lio_opcode @16, u32 aio_fildes @20, u64 aio_buf @24, u32 aio_flags @56, u32 aio_resfd @60
    this.#control.setUint16(16, IOCB_CMD_POLL, true);
    this.#control.setUint32(20, descriptor, true);
    this.#control.setBigUint64(24, POLLIN, true);
    this.#control.setUint32(56, IOCB_FLAG_RESFD, true);
    this.#control.setUint32(60, eventDescriptor, true);
    this.#list[0] = addressOfView(this.#control);
    this.#listAddress = addressOfView(this.#list);
    this.#eventsAddress = addressOfView(this.#events);
  }

  /**
   * @param eventDescriptor an eventfd that is counted up when a request is done
   * @returns undefined where the kernel, a filter of system calls or a sandbox does not allow it
   */
  static open(
    descriptor: number,
    eventDescriptor: number,
  ): KernelPoll | undefined {
    const { arch } = process;
    if (arch !== "x64" && arch !== "arm64") return undefined;
    const numbers = systemCalls[arch];
    const libc = openLibrary("libc.so.6", libcSymbols);
    const context = new BigUint64Array(1);
    const place = addressOfView(context);
    const { setup } = numbers;
    if (Number(libc.syscall(setup, BigInt(eventCount), place, 0n, 0n, 0n)))
      return undefined;
    return new KernelPoll(
      libc,
      numbers,
      context[0] ?? 0n,
      descriptor,
      eventDescriptor,
    );
  }

  /** Only when there is no request already. @returns whether the kernel took it */
  submit(): boolean {
    const { submit } = this.#numbers;
    const list = this.#listAddress;
    const taken = this.#libc.syscall(submit, this.#context, 1n, list, 0n, 0n);
    return Number(taken) === 1;
  }

  /** Takes what is done out of the kernel's list, which is short. */
  reap(): void {
    this.#libc.syscall(
      this.#numbers.getEvents,
      this.#context,
      0n,
      BigInt(eventCount),
      this.#eventsAddress,
      0n,
    );
  }

  /** Ends a request that is under way too. On another thread, since the kernel takes some 30 ms. */
  async close(): Promise<void> {
    const { syscall } = openLibrary("libc.so.6", waitingSymbols);
    await syscall(this.#numbers.destroy, this.#context, 0n, 0n, 0n, 0n);
  }
}
