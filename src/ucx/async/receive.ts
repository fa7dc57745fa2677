/** One call that wants a message, and what becomes of it. */
import { UcxTruncatedError } from "../errors.ts";

/** The two halves of a tag, as UCX tells them. */
export interface TagHalves {
  readonly tagUpper: number;
  readonly tagLower: number;
}

/** Which messages a receive takes: in halves, since bigints cost more than everything else of a comparison. */
export interface TagPattern extends TagHalves {
  readonly maskUpper: number;
  readonly maskLower: number;
}

/** Any message of the connection. */
export const anyTag: TagPattern = {
  tagUpper: 0,
  tagLower: 0,
  maskUpper: 0,
  maskLower: 0,
};

/** Bits of a user's tag in the upper half, outside of raw mode. */
const upperMask = 0xff;

/**
 * The pattern of a tag.
 *
 * @param tag checked
 * @param mask bits that must be equal; undefined for all
 */
export function tagPattern(
  tag: number | bigint | undefined,
  mask: bigint | undefined,
  raw: boolean,
): TagPattern {
  if (tag === undefined) return anyTag;
  const upperAll = raw ? 0xffff_ffff : upperMask;
  const maskUpper =
    mask === undefined ? upperAll : Number((mask >> 32n) & BigInt(upperAll));
  const maskLower =
    mask === undefined ? 0xffff_ffff : Number(mask & 0xffff_ffffn);
  if (typeof tag === "number")
    return {
      tagUpper: Math.floor(tag / 2 ** 32),
      tagLower: tag >>> 0,
      maskUpper,
      maskLower,
    };
  return {
    tagUpper: Number(tag >> 32n),
    tagLower: Number(tag & 0xffff_ffffn),
    maskUpper,
    maskLower,
  };
}

/** A receive. It is settled once: with `data`, or with `error`. */
export class Receive {
  readonly pattern: TagPattern;
  /** Bytes of the longest message that is wanted. */
  readonly maxBytes: number;
  /** Whose it is; a connection that ends takes its own receives with it. */
  readonly owner: unknown;
  isSettled = false;
  data: Uint8Array<ArrayBuffer> | undefined;
  /** The tag of what was received. */
  tagUpper = 0;
  tagLower = 0;
  error: unknown;
  /** Called once when it is settled later than at once, not from within UCX. */
  onSettled: (() => void) | undefined;

  constructor(pattern: TagPattern, maxBytes: number, owner: unknown) {
    this.pattern = pattern;
    this.maxBytes = maxBytes;
    this.owner = owner;
  }

  /** Whether it wants a message of that tag. */
  takes(tag: TagHalves): boolean {
    const { pattern } = this;
    return (
      ((tag.tagUpper ^ pattern.tagUpper) & pattern.maskUpper) === 0 &&
      ((tag.tagLower ^ pattern.tagLower) & pattern.maskLower) === 0
    );
  }

  fulfill(data: Uint8Array<ArrayBuffer>, tag: TagHalves): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.data = data;
    this.tagUpper = tag.tagUpper;
    this.tagLower = tag.tagLower;
    this.onSettled?.();
  }

  fail(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.error = error;
    this.onSettled?.();
  }

  /** The message is longer than wanted. It stays for another receive. */
  failTruncated(sizeBytes: number): void {
    this.fail(new UcxTruncatedError(sizeBytes, this.maxBytes, { kept: true }));
  }
}
