/** The names of running servers, for completion. */
import type { Candidate } from "../command_line/candidates.ts";
import { listControls } from "../control/control_place.ts";

/** Names of servers with a control socket; some may be dead. */
export async function serverCandidates(): Promise<Candidate[]> {
  try {
    const names = listControls("servers").flatMap(({ name }) => name ?? []);
    return [...new Set(names)].map((value) => ({ value }));
  } catch {
    return [];
  }
}
