import type { WakeSource, WakeSourceRequest } from "./wake_source.ts";
import { bindMoreOfShim, shimPollSymbols } from "./shm/symbols.ts";

/** Libc's, found through the shim, which is linked to it. */
const socketSymbols = {
  // int getsockname(int socket, struct sockaddr *address, socklen_t *length);
  getsockname: { parameters: ["i32", "bytes", "bytes"], result: "i32" },
  // ssize_t sendto(int socket, const void *buffer, size_t length, int flags, const struct sockaddr *address, socklen_t address_length);
  sendto: {
    parameters: ["i32", "bytes", "usize", "i32", "bytes", "u32"],
    result: "isize",
  },
} as const;

const MSG_DONTWAIT = 0x40;

/**
 * Deno has no API for a foreign datagram socket, so a thread of its blocking pool polls the descriptor. The poll cannot
 * be cancelled and keeps the process alive: to end it early, the socket is sent a datagram by ourselves.
 */
export function openDenoWake(request: WakeSourceRequest): WakeSource {
  const { rwq_poll_wake_fd: poll } = bindMoreOfShim(shimPollSymbols);
  const libc = bindMoreOfShim(socketSymbols);
  const address = new Uint8Array(128);
  const addressLength = new Uint32Array([address.byteLength]);
  const hasAddress =
    libc.getsockname(request.descriptor, address, addressLength) === 0;
  const datagram = new Uint8Array(1);
  let watching = false;
  let polling = false;
  let closed = false;
  let dueMs = 0;

  const interrupt = (): void => {
    if (!polling || !hasAddress) return;
    libc.sendto(
      request.descriptor,
      datagram,
      1,
      MSG_DONTWAIT,
      address,
      addressLength[0] ?? 0,
    );
  };
  const start = (): void => {
    polling = true;
    const sliceMs = Math.max(
      0,
      Math.min(1000, Math.ceil(dueMs - performance.now())),
    );
    void poll(request.descriptor, sliceMs).then(finish, finish);
  };
  const finish = (): void => {
    polling = false;
    if (closed) {
      request.release();
      return;
    }
    request.drain();
    if (!watching) return;
    watching = false;
    request.onWake();
  };
  return {
    watch(timeoutMs: number): void {
      if (closed) return;
      const nextDueMs = performance.now() + timeoutMs;
      watching = true;
      if (polling) {
        // A poll for a longer time would be late.
        if (nextDueMs < dueMs) interrupt();
        return;
      }
      dueMs = nextDueMs;
      start();
    },
    rest(): void {
      if (!watching) return;
      watching = false;
      interrupt();
    },
    close(): void {
      if (closed) return;
      closed = true;
      watching = false;
      // A number that a poll is about to use must not be given to another file.
      if (polling) interrupt();
      else request.release();
    },
  };
}
