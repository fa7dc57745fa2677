/** Clients by name. Each is loaded when it is opened, since some of them need packages that others do without. */
import type {
  PeerAddress,
  PeerClient,
  PeerConsumer,
  PeerProducer,
  ServerPeer,
} from "./client.ts";

function isServed(
  address: PeerAddress,
): address is PeerAddress & { readonly peer: ServerPeer } {
  return address.peer !== "unix-socket" && address.peer !== "ringwire";
}

/** Connects to a server, which knows both ends. */
export async function openServed(address: PeerAddress): Promise<PeerClient> {
  switch (address.peer) {
    case "redis-streams":
      return (await import("./redis_streams.ts")).openRedisStreams(address);
    case "bullmq":
      return (await import("./bullmq.ts")).openBullmq(address);
    case "beanstalkd":
      return (await import("./beanstalkd.ts")).openBeanstalkd(address);
    case "jetstream":
      return (await import("./jetstream.ts")).openJetstream(address);
    default:
      throw new Error(`${address.peer} has no server`);
  }
}

/** The producing end. */
export async function openProducer(
  address: PeerAddress,
): Promise<PeerProducer> {
  if (isServed(address)) return openServed(address);
  if (address.peer === "ringwire")
    return (await import("./ringwire.ts")).openRingwire(address);
  return (await import("./unix_socket.ts")).connectToUnixSocket(address);
}

/** The consuming end; a unix socket has it listen. */
export async function openConsumer(
  address: PeerAddress,
): Promise<Pick<PeerConsumer, "consume">> {
  if (isServed(address)) return openServed(address);
  if (address.peer === "ringwire")
    return (await import("./ringwire.ts")).openRingwire(address);
  return (await import("./unix_socket.ts")).listenOnUnixSocket(address);
}
