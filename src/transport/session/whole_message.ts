/** A message as a connection hands it over. */
import type { AssembledMessage } from "../../wire/fragments.ts";

/** A data frame that is whole, or a message whose fragments have all come. Valid during the call that hands it over. */
export interface WholeMessage {
  readonly kind: number;
  readonly flags: number;
  readonly priority: number;
  readonly id: number;
  readonly tagHigh: number;
  readonly tagLow: number;
  /** What the offsets are offsets in; stays valid. */
  readonly chunk: Uint8Array;
  readonly headersStart: number;
  readonly headersEnd: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly sequence: number;
}

/** A message whose fragments have all come. */
export function assembled(whole: AssembledMessage): WholeMessage {
  const { headers, payload } = whole;
  const separate = headers.length > 0;
  // Headers and payload of a message in fragments lie in different memory.
  const chunk = separate ? joined(headers, payload) : payload;
  return {
    kind: whole.kind,
    flags: whole.flags,
    priority: whole.priority,
    id: whole.id,
    tagHigh: whole.tagHigh,
    tagLow: whole.tagLow,
    chunk,
    headersStart: 0,
    headersEnd: headers.length,
    payloadStart: headers.length,
    payloadEnd: chunk.length,
    sequence: whole.sequence,
  };
}

function joined(headers: Uint8Array, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headers.length + payload.length);
  bytes.set(headers);
  bytes.set(payload, headers.length);
  return bytes;
}
