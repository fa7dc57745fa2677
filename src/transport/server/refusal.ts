/** Connections for which there is no room are told so. */
import { clearTimeout, setTimeout } from "node:timers";
import { encodeGoodbye } from "../../wire/control_bodies.ts";
import { frameToBytes } from "../../wire/frame_encoder.ts";
import { FrameKind } from "../../wire/kinds.ts";
import type { Connection, ConnectionHandler } from "../adapter.ts";

/** How long such a connection may take for its hello. */
const helloTimeoutMs = 2000;

/** Says goodbye after the first bytes, so that the client reads it before the end. */
export function refusal(
  connection: Connection,
  code: number,
  reason: string,
): ConnectionHandler {
  const timer = setTimeout(() => connection.abort(reason), helloTimeoutMs);
  let isSaid = false;
  return {
    data() {
      if (isSaid) return;
      isSaid = true;
      connection.write(
        frameToBytes({
          kind: FrameKind.Goodbye,
          payload: encodeGoodbye({ code, reason, acceptedSequence: 0 }),
        }),
      );
      void connection.close(code, reason);
    },
    drain() {},
    closed: () => clearTimeout(timer),
  };
}
