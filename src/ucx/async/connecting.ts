/** How a client gets its connection: the name, a permit, each address in turn, within one time limit. */
import type { EndpointTarget } from "../../../ffi/ucp/endpoint_structs.ts";
import { splitAddress, type UcxAddress } from "../address.ts";
import { checkBuffer } from "../core/buffers.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { addressText } from "../core/native_worker.ts";
import {
  UcxClosedError,
  UcxNotConnectedError,
  UcxRedirectedError,
  UcxTimeoutError,
  UcxUnsupportedError,
} from "../errors.ts";
import { isWorthAnotherAddress, resolveHostAsync } from "../resolve.ts";
import type { Background } from "./background.ts";
import { checkWait, limitsOf, type WaitOptions } from "./wait_limits.ts";

/** A wait of which a part is over. */
class Remaining {
  readonly #timeoutMs: number;
  readonly #deadlineMs: number;
  readonly #signal: AbortSignal | undefined;

  constructor(timeoutMs: number, signal: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    this.#deadlineMs = performance.now() + timeoutMs;
    this.#signal = signal;
  }

  get timeoutMs(): number {
    return Math.max(0, this.#deadlineMs - performance.now());
  }

  get options(): WaitOptions {
    return { timeoutMs: this.timeoutMs, signal: this.#signal };
  }

  error(what: string): UcxTimeoutError {
    return new UcxTimeoutError(
      `no connection with ${what} within ${this.#timeoutMs} ms`,
    );
  }

  /** Waits for something that cannot be given up. */
  limit<Value>(promise: Promise<Value>, what: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      const limits = limitsOf(this.options, reject, () => this.error(what));
      promise.then(resolve, reject).finally(() => limits?.clear());
    });
  }
}

/** See {@linkcode AsyncUcxClient.connect}. */
export async function connectTo(
  background: Background,
  address: UcxAddress,
  options: WaitOptions | undefined,
): Promise<Endpoint> {
  background.checkOpen();
  checkWait(options);
  const remaining = new Remaining(
    options?.timeoutMs ?? background.config.worker.connectTimeoutMs,
    options?.signal,
  );
  const target = splitAddress(address, 1);
  const found = await background.hold(
    remaining.limit(resolveHostAsync(target), target.address),
  );
  let failure: unknown;
  for (const [index, socketAddress] of found.entries()) {
    const share = remaining.timeoutMs / (found.length - index);
    try {
      return await connectOnce(
        background,
        { socketAddress },
        addressText(socketAddress),
        new Remaining(share, options?.signal),
        options?.signal,
      );
    } catch (error) {
      if (error instanceof UcxRedirectedError)
        return await connectOnce(
          background,
          { workerAddress: error.workerAddress },
          addressText(socketAddress),
          remaining,
          options?.signal,
        );
      if (!isWorthAnotherAddress(error)) throw error;
      if (failure === undefined || failure instanceof UcxUnsupportedError)
        failure = error;
    }
  }
  throw failure;
}

/** See {@linkcode AsyncUcxClient.connectToWorker}. */
export async function connectByWorkerAddress(
  background: Background,
  workerAddress: Uint8Array,
  options: WaitOptions | undefined,
): Promise<Endpoint> {
  background.checkOpen();
  checkBuffer(workerAddress, "workerAddress");
  checkWait(options);
  return await connectOnce(
    background,
    { workerAddress },
    "",
    new Remaining(
      options?.timeoutMs ?? background.config.worker.connectTimeoutMs,
      options?.signal,
    ),
    options?.signal,
  );
}

/** By the bytes of a worker's address: the connect to it that came last, of each manager. */
const lastConnects = new WeakMap<Background, Map<string, Promise<unknown>>>();

/**
 * Connects to one worker come about one after the other. UCX pairs the endpoints of two workers by the order in which
 * each side makes them; when the hellos of several overtake each other, the other side makes its endpoints in another
 * order, and they are pairs of the wrong ones.
 */
async function connectOnce(
  background: Background,
  target: EndpointTarget,
  remoteAddress: string,
  remaining: Remaining,
  signal: AbortSignal | undefined,
): Promise<Endpoint> {
  const connect = () =>
    connectNow(background, target, remoteAddress, remaining, signal);
  if (!("workerAddress" in target)) return await connect();
  const key = target.workerAddress.join();
  const last =
    lastConnects.get(background) ?? new Map<string, Promise<unknown>>();
  lastConnects.set(background, last);
  const before = last.get(key) ?? Promise.resolve();
  // However the one before ended, and also when this one has given up waiting for it.
  const turn = before.then(connect, connect);
  const settled = turn.catch(() => {});
  last.set(key, settled);
  try {
    return await turn;
  } finally {
    if (last.get(key) === settled) last.delete(key);
  }
}

async function connectNow(
  background: Background,
  target: EndpointTarget,
  remoteAddress: string,
  remaining: Remaining,
  signal: AbortSignal | undefined,
): Promise<Endpoint> {
  const { connecting, core, driver } = background;
  driver.hold();
  try {
    await connecting.acquire(remaining.options);
    try {
      background.checkOpen();
      const endpoint = core.connections.connect(
        target,
        remoteAddress,
        Math.max(1, remaining.timeoutMs),
      );
      driver.notify();
      await opened(background, endpoint, remaining, signal);
      return endpoint;
    } finally {
      connecting.release();
    }
  } finally {
    driver.release();
  }
}

function opened(
  background: Background,
  endpoint: Endpoint,
  remaining: Remaining,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { core } = background;
  return new Promise((resolve, reject) => {
    const onState = (): void => {
      if (endpoint.state === "connecting") return;
      endpoint.stateListeners.delete(onState);
      limits?.clear();
      if (endpoint.state === "open" || endpoint.state === "left") resolve();
      else if (background.isClosing)
        reject(new UcxClosedError("the manager was closed"));
      else
        reject(
          endpoint.failure ??
            new UcxNotConnectedError(
              `the connection to ${endpoint.remoteAddress} was closed`,
            ),
        );
    };
    const limits = limitsOf(
      { timeoutMs: remaining.timeoutMs, signal },
      (error) => {
        endpoint.stateListeners.delete(onState);
        core.connections.closing.close(endpoint, 0);
        reject(error);
      },
      () => remaining.error(endpoint.remoteAddress || "the worker address"),
    );
    endpoint.stateListeners.add(onState);
    onState();
  });
}
