/** TCP without encryption: `tcp://host:port`. */
import type { ProtocolAdapter } from "../adapter.ts";
import { formatAddress, formatHostAndPort } from "../address.ts";
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

const writer: AddressWriter = {
  host: (host, port) => `tcp://${formatHostAndPort(host, port)}`,
  path: "",
};

/** TCP. A name with several addresses is tried at each of them. */
export const tcpAdapter: ProtocolAdapter = {
  schemes: ["tcp"],
  addressForm: "host",

  async listen(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = listenSettings(options, url);
    refuseTls(settings, url);
    const listener = new StreamListener(settings.maxConnections, onConnection);
    const { host, port } = address;
    try {
      const bound = rawStreams().listen(
        { host, port },
        "tcp",
        writer,
        settings,
        listener,
      );
      listener.listening(writer.host(host, bound.port), bound.stop);
    } catch (error) {
      throw toTransportError(error, "listen", url);
    }
    return listener;
  },

  async connect(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = connectSettings(options, url);
    refuseTls(settings, url);
    const { host, port } = address;
    return await attemptWithin(settings, url, (givenUp) =>
      rawStreams().connect(
        { host, port },
        "tcp",
        writer,
        settings,
        givenUp,
        onConnection,
      ),
    );
  },
};
