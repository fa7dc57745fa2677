/** Opens libucp for this room. */
import { FfiError } from "../../ffi/errors.ts";
import { openUcp, type UcpLibrary } from "../../ffi/ucp/library.ts";
import { UcxUnavailableError } from "./errors.ts";
import type { ResolvedWorkerConfig } from "./worker_config.ts";

/** @throws {UcxUnavailableError} when there is none that fits */
export function openLibrary(config: ResolvedWorkerConfig): UcpLibrary {
  try {
    return openUcp({
      path: config.libraryPath,
      memoryEvents: config.memoryEvents,
    });
  } catch (error) {
    if (error instanceof FfiError)
      throw new UcxUnavailableError(error.message, { cause: error });
    throw error;
  }
}
