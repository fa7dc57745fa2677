/** Sockets of one machine: `unix:///path`. */
import type { ProtocolAdapter } from "../adapter.ts";
import { formatAddress } from "../address.ts";
import { ConnectionRefusedError, PathNotFoundError } from "../errors.ts";
import { toTransportError } from "../system_errors.ts";
import { attemptWithin } from "./connect_attempt.ts";
import { rawStreams } from "./raw_streams.ts";
import type { AddressWriter } from "./socket_runtime.ts";
import { StreamListener } from "./stream_listener.ts";
import {
  connectSettings,
  listenSettings,
  refuseTls,
} from "./stream_settings.ts";
import { bindAtPath, checkPathLength } from "./unix_path.ts";

function writerOf(url: string): AddressWriter {
  return { host: () => url, path: url };
}

/** How long a listener may take to accept, when it is asked whether it is there. */
const answerTimeoutMs = 1000;

async function isAnswered(path: string): Promise<boolean> {
  const url = formatAddress({ scheme: "unix", host: "", port: 0, path });
  try {
    await unixAdapter.connect(
      { scheme: "unix", host: "", port: 0, path },
      { timeoutMs: answerTimeoutMs },
      (connection) => {
        void connection.close();
        return { data() {}, drain() {}, closed() {} };
      },
    );
    return true;
  } catch (error) {
    const known = toTransportError(error, "connect", url);
    const isStale =
      known instanceof ConnectionRefusedError && known.systemCode !== "EAGAIN";
    return !(isStale || known instanceof PathNotFoundError);
  }
}

/**
 * Unix sockets. A file that a dead listener left behind is replaced; one that somebody listens at, or that is no socket, is
 * an `AddressInUseError`. The file is made with its mode (0600 unless told otherwise) and taken away by `stop`, if it is
 * still the listener's own.
 */
export const unixAdapter: ProtocolAdapter = {
  schemes: ["unix"],
  addressForm: "path",

  async listen(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = listenSettings(options, url);
    refuseTls(settings, url);
    const listener = new StreamListener(settings.maxConnections, onConnection);
    let stop: () => void | Promise<void> = () => {};
    try {
      const file = await bindAtPath(
        address.path,
        url,
        settings.mode,
        isAnswered,
        (path) => {
          ({ stop } = rawStreams().listen(
            { path },
            "unix",
            writerOf(url),
            settings,
            listener,
          ));
          return stop;
        },
      );
      listener.listening(url, async () => {
        await file.remove();
        await stop();
      });
    } catch (error) {
      throw toTransportError(error, "listen", url);
    }
    return listener;
  },

  async connect(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = connectSettings(options, url);
    refuseTls(settings, url);
    checkPathLength(address.path, url);
    return await attemptWithin(settings, url, (givenUp) =>
      rawStreams().connect(
        { path: address.path },
        "unix",
        writerOf(url),
        settings,
        givenUp,
        onConnection,
      ),
    );
  },
};
