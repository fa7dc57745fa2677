/**
 * The key to registered memory, as bytes that travel to a peer by whatever way.
 *
 * UCX's own key says neither where nor how long the memory is, and unpacking one that is damaged can crash the process;
 * so it travels in an envelope, little-endian:
 *
 * - 0: "RWMK"
 * - 4: version u8, 5: access u8 (1 read, 3 read and write), 6: bytes of UCX's key u16
 * - 8: id of the owner's worker f64 (0 in raw mode, where nobody can compare it)
 * - 16: address u64, 24: length u64
 * - 32: the first 8 bytes of the SHA-256 of everything else
 * - 40: UCX's key
 *
 * The checksum is against damage and mistakes, not against malice: keys are taken from trusted peers only.
 */
import { createHash } from "node:crypto";
import { UcxInvalidKeyError } from "../errors.ts";

/** What a key says. */
export interface MemoryKey {
  /** The random number that the owner's worker is known by; 0 for unknown. */
  readonly ownerId: number;
  readonly writable: boolean;
  /** In the owner's process. */
  readonly address: bigint;
  readonly byteLength: number;
  /** `ucp_rkey_pack`'s bytes. */
  readonly nativeKey: Uint8Array;
}

/** Version of the envelope. */
const keyVersion = 1;
const envelopeBytes = 40;
const checksumOffset = 32;
const checksumBytes = 8;
/** Of UCX's key: some bytes for each transport that can do it. */
const nativeKeyBytesMax = 4096;
const magic: readonly number[] = [0x52, 0x57, 0x4d, 0x4b];

function checksum(bytes: Uint8Array): Uint8Array {
  return createHash("sha256")
    .update(bytes.subarray(0, checksumOffset))
    .update(bytes.subarray(envelopeBytes))
    .digest()
    .subarray(0, checksumBytes);
}

/** The bytes of a key. */
export function encodeMemoryKey(key: MemoryKey): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(
    new ArrayBuffer(envelopeBytes + key.nativeKey.length),
  );
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint8(4, keyVersion);
  view.setUint8(5, key.writable ? 3 : 1);
  view.setUint16(6, key.nativeKey.length, true);
  view.setFloat64(8, key.ownerId, true);
  view.setBigUint64(16, key.address, true);
  view.setBigUint64(24, BigInt(key.byteLength), true);
  bytes.set(key.nativeKey, envelopeBytes);
  bytes.set(checksum(bytes), checksumOffset);
  return bytes;
}

/**
 * Reads a key.
 *
 * @throws {UcxInvalidKeyError} when it is none, is damaged, or is of another version
 */
export function decodeMemoryKey(bytes: Uint8Array): MemoryKey {
  if (bytes.length < envelopeBytes)
    throw new UcxInvalidKeyError(
      `a key to memory has at least ${envelopeBytes} bytes, this one has ${bytes.length}`,
    );
  if (magic.some((byte, index) => bytes[index] !== byte))
    throw new UcxInvalidKeyError("these bytes are no key to memory");
  if (bytes[4] !== keyVersion)
    throw new UcxInvalidKeyError(
      `the key is of version ${bytes[4]}, this is version ${keyVersion}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nativeBytes = view.getUint16(6, true);
  if (
    bytes.length !== envelopeBytes + nativeBytes ||
    nativeBytes === 0 ||
    nativeBytes > nativeKeyBytesMax
  )
    throw new UcxInvalidKeyError(
      `the key should have ${envelopeBytes + nativeBytes} bytes, it has ${bytes.length}`,
    );
  const expected = checksum(bytes);
  const found = bytes.subarray(checksumOffset, checksumOffset + checksumBytes);
  if (expected.some((byte, index) => byte !== found[index]))
    throw new UcxInvalidKeyError("the key is damaged: its checksum is wrong");
  const address = view.getBigUint64(16, true);
  const byteLength = Number(view.getBigUint64(24, true));
  const ownerId = view.getFloat64(8, true);
  const access = bytes[5];
  if (
    !Number.isSafeInteger(byteLength) ||
    !Number.isSafeInteger(ownerId) ||
    byteLength < 1 ||
    address + BigInt(byteLength) >= 2n ** 64n ||
    (access !== 1 && access !== 3)
  )
    throw new UcxInvalidKeyError("the key says what cannot be");
  return {
    ownerId,
    writable: access === 3,
    address,
    byteLength,
    nativeKey: bytes.slice(envelopeBytes),
  };
}
