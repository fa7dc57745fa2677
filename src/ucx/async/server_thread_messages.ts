/** What a server and its threads say to each other. */
import type { AsyncManagerConfig } from "./manager_config.ts";

/** To the thread. */
export type ToThread =
  | {
      readonly kind: "start";
      readonly config: AsyncManagerConfig;
      /** URL of a module whose default export is the handler. */
      readonly handlerModule: string;
      readonly maxConnections: number;
      readonly maxHandlers: number | undefined;
    }
  | { readonly kind: "close"; readonly timeoutMs: number }
  | { readonly kind: "drain"; readonly timeoutMs: number };

/** From the thread. */
export type FromThread =
  | { readonly kind: "ready"; readonly workerAddress: Uint8Array }
  | { readonly kind: "failed"; readonly message: string }
  /** After each connection that is open or has ended. */
  | { readonly kind: "connections"; readonly connections: number }
  | { readonly kind: "handlerError"; readonly message: string }
  | { readonly kind: "closed" };
