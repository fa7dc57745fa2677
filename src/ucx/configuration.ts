/** The keys of UCX: what we choose, what the environment says, and what the caller gives, in rising order. */
import process from "node:process";
import type { Handle } from "../../ffi/host.ts";
import type { UcpLibrary } from "../../ffi/ucp/library.ts";
import { cString } from "../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../ffi/ucp/native_struct.ts";
import { checkStatus } from "./status_errors.ts";
import type { ResolvedWorkerConfig } from "./worker_config.ts";

/** `ucp_config_t`; `release` it when the context is made. */
export interface UcxConfiguration {
  readonly handle: Handle;
  release(): void;
}

/**
 * What we set unless the environment says otherwise.
 *
 * - Shared memory does not report a peer's death by itself; without MM_ERROR_HANDLING UCX quietly takes TCP instead.
 * - KEEPALIVE_INTERVAL is what notices a killed peer over shared memory.
 * - With several lanes UCX does not choose cross-memory attach for long messages over such endpoints.
 */
function ourKeys(config: ResolvedWorkerConfig): Record<string, string> {
  return {
    MM_ERROR_HANDLING: "y",
    KEEPALIVE_INTERVAL: `${config.keepAliveMs}ms`,
    MAX_RNDV_LANES: "1",
    RNDV_SCHEME: "get_zcopy",
  };
}

function inEnvironment(key: string): boolean {
  try {
    return process.env[`UCX_${key}`] !== undefined;
  } catch {
    // Deno without --allow-env: as if it were not set.
    return false;
  }
}

/**
 * Reads UCX's configuration, the environment included, and applies ours and the caller's keys.
 *
 * @throws {TypeError} when a key is unknown to this UCX
 * @throws {RangeError} when UCX refuses a value
 */
export function createConfig(
  library: UcpLibrary,
  config: ResolvedWorkerConfig,
): UcxConfiguration {
  const { functions } = library;
  const cell = new NativeCell();
  checkStatus(
    functions.ucp_config_read(null, null, cell.bytes),
    "ucp_config_read",
  );
  const handle = cell.object;
  const release = (): void => functions.ucp_config_release(handle);
  const keys = Object.entries(ourKeys(config))
    .filter(([key]) => !inEnvironment(key))
    .concat(Object.entries(config.ucx));
  for (const [key, value] of keys) {
    const status = functions.ucp_config_modify(
      handle,
      cString(key),
      cString(value),
    );
    if (status === 0) continue;
    release();
    throw new RangeError(
      `WorkerConfig: ucx.${key}: UCX refuses ${JSON.stringify(value)}`,
    );
  }
  return { handle, release };
}
