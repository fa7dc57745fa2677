/** Which limit of the machine, or which peer, a figure is held against. */
import { servedPeers } from "./peers/servers.ts";
import { type Figure, ratioInTurn } from "./sample.ts";

interface Rule {
  readonly figure: RegExp;
  /** Name of the other figure; `$1` and `$2` stand for the groups of `figure`. */
  readonly peer: string;
  /** Whether each run of the figure has one of the peer's beside it. @default false */
  readonly inTurn?: boolean;
}

const rules: readonly Rule[] = [
  { figure: /^c\.uncontended\./, peer: "limit.bare-ring.uncontended" },
  { figure: /^c\.1p1c\./, peer: "limit.bare-ring.1p1c" },
  { figure: /^c\.2p2c$/, peer: "limit.bare-ring.2p2c" },
  {
    figure: /^c\.one-way\.spinning\.(p\d+)$/,
    peer: "limit.bare-ring.one-way.$1",
  },
  { figure: /^c\.one-way\.blocked\.(p\d+)$/, peer: "limit.futex.one-way.$1" },
  { figure: /^(?:bun|deno)\.alone\./, peer: "c.uncontended.send+receive" },
  { figure: /^(?:bun|deno)\.(?:messages|jobs)$/, peer: "c.1p1c.batch-1" },
  {
    figure: /^(?:bun|deno)\.(?:message|job)-batches$/,
    peer: "c.1p1c.batch-32",
  },
  {
    figure: /^(?:bun|deno)\.large\.(copied|into|zero-copy|reused)\.(.+)$/,
    peer: "limit.memcpy.$2",
  },
  {
    figure: /^(?:bun|deno)\.round-trip\.(p\d+)$/,
    peer: "limit.pipe.round-trip.$1",
  },
  {
    figure:
      /^peer\.[^.]+\.((?:jobs|job-batches|messages|message-batches|at-rate)(?:\.\w+)?)$/,
    peer: "bun.$1",
  },
  {
    figure:
      /^(?:bun|deno)\.ucx\.(shm|tcp)\.(?:await-)?((?:lat|rate|bandwidth)-.+)$/,
    peer: "peer.ucx_perftest.$1.$2",
    inTurn: true,
  },
  {
    figure:
      /^(?:bun|deno)\.ucx\.(shm|tcp)\.(?:endpoint\.)?(connects|request-sleeping\.p50)$/,
    peer: "limit.ucx.$1.$2",
  },
  {
    figure: /^bun\.ucx\.(shm)\.endpoints-\d+\.(rate-8)$/,
    peer: "bun.ucx.$1.$2",
  },
  {
    figure: /^(bun|deno)\.transport\.(.+)$/,
    peer: "limit.$1.$2",
    inTurn: true,
  },
  {
    figure:
      /^peer\.(?:nats-core|grpc|http)\.((?:one-way|requests|ping-pong|half-load)\..+)$/,
    peer: "bun.transport.tcp.$1",
  },
  {
    figure: /^peer\.ws\.((?:one-way|requests|ping-pong|half-load)\..+)$/,
    peer: "bun.transport.ws.$1",
  },
  {
    figure: /^baseline\.[^.]+\.(.+)$/,
    peer: "bun.ucx.tcp.$1",
  },
  { figure: /^memory\.peer\..+$/, peer: "memory.ringwire.waiting-message" },
  { figure: /^peer\.[^.]+\.recovery$/, peer: "bun.recovery.watch" },
  {
    // Where many jobs share a process, starting one is not their limit.
    figure: /^handlers\.(?:ringwire|xargs|parallel)(?:-shell)?\.(p\d+)$/,
    peer: "limit.spawn.$1",
  },
  { figure: /^(?:bun|deno)\.(create\+destroy|open\+close\..+)$/, peer: "c.$1" },
];

function ruleOf(
  name: string,
): { readonly peer: string; readonly inTurn: boolean } | undefined {
  for (const { figure, peer, inTurn = false } of rules) {
    const match = figure.exec(name);
    if (match !== null)
      return {
        peer: peer.replace("$1", match[1] ?? "").replace("$2", match[2] ?? ""),
        inTurn,
      };
  }
  return undefined;
}

function ratioOf(figure: Figure, peer: Figure, inTurn: boolean): number {
  return inTurn ? ratioInTurn(figure, peer) : figure.value / peer.value;
}

/** A figure with what it is held against. */
export interface Compared {
  readonly figure: Figure;
  readonly peer: string | null;
  /** The figure divided by its peer; of runs in turn, the middle one of their quotients. */
  readonly ratio: number | null;
}

/** Every figure, in order. */
export function compare(figures: ReadonlyMap<string, Figure>): Compared[] {
  return [...figures.values()].map((figure) => {
    const rule = ruleOf(figure.name);
    const peer = figures.get(rule?.peer ?? "");
    return {
      figure,
      peer: peer?.name ?? null,
      ratio:
        peer === undefined
          ? null
          : ratioOf(figure, peer, rule?.inTurn ?? false),
    };
  });
}

/**
 * The fastest peer that delivers at least once.
 *
 * @returns undefined unless all of them were measured: of some, nobody knows whether they are the best
 */
export function bestPeer(
  figures: ReadonlyMap<string, Figure>,
  exchange: "jobs" | "job-batches",
): Figure | undefined {
  const found = servedPeers.flatMap(
    ({ peer }) => figures.get(`peer.${peer}.${exchange}`) ?? [],
  );
  if (found.length < servedPeers.length) return undefined;
  return found.sort((a, b) => b.value - a.value)[0];
}
