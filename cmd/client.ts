/** ringwire-client: sends, asks and listens, from the shell. */
import { client } from "./client/verbs.ts";
import { runMain } from "./command_line/run_main.ts";

void runMain(client);
