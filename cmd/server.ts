/** ringwire-server: takes messages by every protocol, answers them or hands them on. */
import { registerEmbeddedLibrary } from "../ffi/library.ts";
import { runMain } from "./command_line/run_main.ts";
import { embeddedShim } from "./embedded/embedded_shim.ts";
import { server } from "./server/verbs.ts";

registerEmbeddedLibrary("ringwire-shm", embeddedShim());
void runMain(server);
