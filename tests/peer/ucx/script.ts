/** What a test tells `script_program.ts` to do. */
import type { WorkerConfig } from "../../../src/ucx/mod.ts";
import type {
  PeerFixture,
  PeerProcess,
  Runtime,
} from "../../support/peer_process.ts";

/** One thing to do. Each answers with a line, unless it has nothing to say. */
export type Step = { readonly timed?: boolean } & (
  | {
      readonly do: "listen";
      readonly at?: string;
      /** How many are accepted. @default all */
      readonly accept?: number;
      /** The hook throws. */
      readonly throws?: boolean;
    }
  | { readonly do: "unlisten" | "die" | "stop" | "resources" }
  | {
      readonly do: "connect";
      readonly to: string;
      readonly times?: number;
      readonly timeoutMs?: number;
      /** Says how many instead of the transports. */
      readonly quietly?: boolean;
    }
  | {
      readonly do: "greetStrangely" | "refuseStrangely";
      readonly version: number;
    }
  | { readonly do: "begin"; readonly to: string; readonly times?: number }
  | { readonly do: "turn"; readonly times: number }
  | {
      readonly do: "publish" | "connectToPublished";
      readonly folder: string;
      readonly name: string;
    }
  | {
      readonly do: "awaitOpened" | "awaitClosed";
      readonly count: number;
      readonly timeoutMs?: number;
    }
  | {
      /** BeginSend does not wait for the receiver. */
      readonly do: "send" | "beginSend" | "sendToAll" | "sendUntilFailure";
      readonly tag: number;
      readonly bytes: number;
      readonly timeoutMs?: number;
    }
  | {
      readonly do: "receive";
      readonly tag: number;
      readonly bytes: number;
      readonly times?: number;
      readonly timeoutMs?: number;
      readonly fromNewest?: boolean;
    }
  | {
      readonly do: "echoAll";
      readonly untilClosed: number;
      readonly timeoutMs?: number;
    }
  | { readonly do: "churn"; readonly to: string; readonly times: number }
  | { readonly do: "disconnect" | "close"; readonly timeoutMs?: number }
  | {
      readonly do: "abandonSend";
      readonly bytes: number;
      readonly timeoutMs: number;
    }
  | {
      /** Block lets UCX do nothing meanwhile. */
      readonly do: "sleep" | "block";
      readonly ms: number;
    }
);

/** A line of the program. */
export type Answer = Readonly<Record<string, unknown>>;

/** A running script. */
export interface ScriptPeer extends PeerProcess {
  /** The next answer. */
  answer(): Promise<Answer>;
  /** Answers up to the one that has such a property, that one last. */
  answersUntil(property: string): Promise<Answer[]>;
}

/** The transports that every test of connections is about. */
export const transports: readonly (readonly [
  name: string,
  ucx: Readonly<Record<string, string>>,
])[] = [
  ["tcp", { TLS: "tcp", NET_DEVICES: "lo" }],
  ["shared memory", { TLS: "posix,cma,tcp", NET_DEVICES: "lo" }],
];

const program = new URL("./script_program.ts", import.meta.url);

/** How a script is started. */
export interface StartOptions {
  /** `ulimit -n` of the process. */
  readonly descriptorLimit?: number;
  /** Set before UCX is loaded. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a script. */
export function startScript(
  peers: PeerFixture,
  runtime: Runtime,
  config: WorkerConfig,
  steps: readonly Step[],
  { descriptorLimit, environment = {} }: StartOptions = {},
): ScriptPeer {
  const parameter = JSON.stringify({ config, steps, environment });
  const peer =
    descriptorLimit === undefined
      ? peers.start(runtime, program, parameter)
      : peers.startWithin(descriptorLimit, runtime, program, parameter);
  const answer = async (): Promise<Answer> =>
    JSON.parse(await peer.line()) as Answer;
  return {
    ...peer,
    answer,
    async answersUntil(property) {
      const answers: Answer[] = [];
      for (;;) {
        const next = await answer();
        answers.push(next);
        if (property in next) return answers;
      }
    },
  };
}
