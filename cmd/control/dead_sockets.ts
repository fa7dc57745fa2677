/** Sockets whose owner is gone: nobody removes them when it was killed. */
import { lstatSync, rmSync } from "node:fs";
import { type ControlRoom, listControls } from "./control_place.ts";

function inodeOf(path: string): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSocket() === true ? found.ino : undefined;
}

/** The kernel refuses a connection exactly when nobody has the socket open, in whatever namespace its owner was. */
export async function isRefused(path: string): Promise<boolean> {
  try {
    // Not node:net, whose import costs a starting worker 4 ms.
    const socket = await Bun.connect({
      unix: path,
      socket: { data: () => undefined },
    });
    socket.terminate();
    return false;
  } catch (error) {
    return (
      error instanceof Error && "code" in error && error.code === "ECONNREFUSED"
    );
  }
}

/** Removes the socket at `path` unless somebody listens on it. @returns whether it is gone */
export async function removeIfDead(path: string): Promise<boolean> {
  const inode = inodeOf(path);
  if (inode === undefined) return true;
  if (!(await isRefused(path))) return false;
  // A newer one has its name only once somebody listens on it.
  if (inodeOf(path) === inode) rmSync(path, { force: true });
  return true;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (
      !(error instanceof Error && "code" in error) || error.code !== "ESRCH"
    );
  }
}

/** Removes the sockets that processes left behind. What cannot be removed is left. */
export async function removeDeadSockets(
  room: ControlRoom = "control",
): Promise<void> {
  try {
    for (const { path, pid } of listControls(room))
      if (!isRunning(pid)) await removeIfDead(path);
  } catch {
    // Somebody else removes them, or nobody does: it is only litter.
  }
}
