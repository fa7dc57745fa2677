/**
 * The file of a unix socket that listens. A socket is bound under a temporary name, gets its mode there, and is then linked
 * to its own: nobody ever finds it with other permissions, and what is there already is never taken over by accident.
 */
import { randomBytes } from "node:crypto";
import { chmod, link, lstat, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AddressInUseError, PathTooLongError } from "../errors.ts";

/** Bytes that `sockaddr_un` has for a path, without the NUL at its end. */
export const pathBytesMax = 107;

interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** @throws {PathTooLongError} */
export function checkPathLength(path: string, address: string): void {
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > pathBytesMax)
    throw new PathTooLongError(
      `${address}: the path has ${bytes} bytes, allowed ${pathBytesMax}`,
      { address },
    );
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

async function fileAt(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

/** A name beside the path: no longer than its own, if that has four bytes or more, so that it fits wherever the path does. */
function besides(path: string, address: string): string {
  const length = Math.max(4, Math.min(9, basename(path).length));
  const random = randomBytes(length)
    .toString("hex")
    .slice(0, length - 1);
  const name = join(dirname(path), `.${random}`);
  checkPathLength(name, address);
  return name;
}

/**
 * Takes a socket's file away if nobody listens at it.
 *
 * @param isAnswered whether somebody listens at a path
 * @throws {AddressInUseError} when somebody does, or when it is no socket
 */
async function removeStale(
  path: string,
  address: string,
  isAnswered: (path: string) => Promise<boolean>,
): Promise<void> {
  const found = await fileAt(path);
  if (found === undefined) return;
  if (!found.isSocket())
    throw new AddressInUseError(
      `listen ${address}: there is a file that is no socket`,
      { address },
    );
  if (await isAnswered(path))
    throw new AddressInUseError(`listen ${address}: somebody listens there`, {
      address,
    });
  // Aside first: another process may have put its own there since it was looked at.
  const aside = besides(path, address);
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  const moved = await fileAt(aside);
  if (moved !== undefined && !isSame(moved, found))
    await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

/** A listening socket's file. */
export interface SocketFile {
  /** Takes it away, if it is still the same. */
  remove(): Promise<void>;
}

/**
 * Lets a socket listen at a path.
 *
 * @param bind binds and listens at a path at once, and gives what stops that
 * @throws {AddressInUseError | PathTooLongError} and the system's errors
 */
export async function bindAtPath(
  path: string,
  address: string,
  mode: number,
  isAnswered: (path: string) => Promise<boolean>,
  bind: (path: string) => () => void | Promise<void>,
): Promise<SocketFile> {
  checkPathLength(path, address);
  const temporary = besides(path, address);
  await removeStale(path, address, isAnswered);
  const stop = bind(temporary);
  try {
    await chmod(temporary, mode);
    const own = await lstat(temporary);
    await link(temporary, path);
    await rm(temporary, { force: true });
    return {
      async remove() {
        const now = await fileAt(path);
        if (now !== undefined && isSame(now, own))
          await rm(path, { force: true });
      },
    };
  } catch (error) {
    await stop();
    await rm(temporary, { force: true });
    if (codeOf(error) === "EEXIST")
      throw new AddressInUseError(`listen ${address}: somebody listens there`, {
        address,
        cause: error,
      });
    throw error;
  }
}
