/** ringwire-queue-worker: queues in shared memory, from the shell. */
import { registerEmbeddedLibrary } from "../ffi/library.ts";
import { runMain } from "./command_line/run_main.ts";
import { embeddedShim } from "./embedded/embedded_shim.ts";
import { queueWorker } from "./queue-worker/verbs.ts";

registerEmbeddedLibrary("ringwire-shm", embeddedShim());
void runMain(queueWorker);
