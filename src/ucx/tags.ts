/**
 * How the 64 bits of a UCX tag are used: kind 2 bits, receiver's id for the connection 22 bits, the user's tag 40 bits.
 * UCX matches receives on a worker, not on an endpoint; the id keeps two endpoints with one tag apart.
 */

/** Bits of a user's tag outside of raw mode. */
export const userTagBits = 40;
/** The largest tag outside of raw mode. */
export const userTagMax = 2 ** userTagBits - 1;
/** The largest tag of raw mode. */
export const rawTagMax = 2n ** 64n - 1n;
/** Ids of connections are 1 to this. */
export const wireIdMax = 2 ** 22 - 1;

const kindShift = 62n;
const idShift = 40n;

/** What a tag is for. Kind 0 is a message of the user; the others are kept for later versions. */
export const messageKind = 0n;

/** Every bit of a tag. */
export const exactMask = 2n ** 64n - 1n;
const kindMask = 3n << kindShift;
const idMask = BigInt(wireIdMax) << idShift;
const userMask = BigInt(userTagMax);
/** Compares kind and id: everything from one sender. */
export const anyTagMask = kindMask | idMask;

/**
 * Which bits a receive compares: the kind always.
 *
 * @param fromOne whether it is for one sender only
 * @param mask the bits of the user's tag to compare; 0n for any tag
 */
export function wireMask(fromOne: boolean, mask: bigint): bigint {
  return kindMask | (fromOne ? idMask : 0n) | (mask & userMask);
}

/** The UCX tag of a message to the connection that its receiver calls `wireId`. */
export function wireTag(wireId: number, userTag: bigint): bigint {
  return (messageKind << kindShift) | (BigInt(wireId) << idShift) | userTag;
}

/** The receiver's id in a UCX tag, of its upper 32 bits. */
export function wireIdOf(upper: number): number {
  return (upper >>> 8) & wireIdMax;
}

/** The user's tag in a UCX tag, of its two halves. */
export function userTagOf(upper: number, lower: number): number {
  return (upper & 0xff) * 2 ** 32 + lower;
}

/**
 * Checks a user's tag.
 *
 * @throws {TypeError} when it is neither an integer nor a bigint
 * @throws {RangeError} when it is out of range
 */
export function checkTag(tag: number | bigint, raw: boolean): void {
  if (typeof tag === "number") {
    if (
      Number.isInteger(tag) &&
      tag >= 0 &&
      tag <= (raw ? Number.MAX_SAFE_INTEGER : userTagMax)
    )
      return;
  } else if (typeof tag === "bigint") {
    if (tag >= 0n && tag <= (raw ? rawTagMax : BigInt(userTagMax))) return;
  } else
    throw new TypeError(
      `tag: given ${typeof tag}, allowed an integer as number or bigint`,
    );
  throw new RangeError(
    raw
      ? `tag: given ${tag}, allowed an integer from 0 to 2^64 - 1, as a bigint above 2^53`
      : `tag: given ${tag}, allowed an integer from 0 to 2^${userTagBits} - 1 (all 64 bits are yours in a worker with raw: true)`,
  );
}

/**
 * Checks which bits of a tag are to be compared.
 *
 * @throws {TypeError} when it is no bigint
 * @throws {RangeError} when it has more than 64 bits
 */
export function checkMask(mask: bigint): void {
  if (typeof mask !== "bigint")
    throw new TypeError(`mask: given ${typeof mask}, allowed a bigint`);
  if (mask < 0n || mask > exactMask)
    throw new RangeError(`mask: given ${mask}, allowed 0n to 2n ** 64n - 1n`);
}
