/** What is known of a worker and its connections, for people. */
import type { EndpointInfo, WorkerInfo } from "../worker_types.ts";
import type { Endpoint } from "./endpoint.ts";
import type { NativeWorker } from "./native_worker.ts";

/** Lines such as `lane[1]:  0:tcp/lo.0 md[0] -> …`; the lane that UCX connects by has none. */
const lane = /^#\s+lane\[\d+\]:\s+\d+:(\S+)\.\d+ md/gm;

/** Describes a connection, also one that is closed. */
export function describeEndpoint(
  native: NativeWorker,
  endpoint: Endpoint,
): EndpointInfo {
  const description = endpoint.handle
    ? native.describeEndpoint(endpoint.handle)
    : "";
  const transports = new Set<string>();
  for (const [, transport] of description.matchAll(lane))
    if (transport !== undefined) transports.add(transport);
  return {
    endpointId: endpoint.id,
    state: endpoint.state,
    remoteAddress: endpoint.remoteAddress,
    initiated: endpoint.initiated,
    peerName: endpoint.peerName,
    transports: [...transports],
    description,
  };
}

/** Describes a worker. */
export function describeWorker(native: NativeWorker): WorkerInfo {
  const { version, path } = native.library;
  return {
    version: version.text,
    libraryPath: path,
    usesShim: native.usesShim,
    description: native.describe(),
    settings: native.settings,
  };
}
