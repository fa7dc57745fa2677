/** The head of an HTTP request or response, as far as WebSocket needs it. */
import { Buffer } from "node:buffer";

/** Most bytes of a head, the empty line included. */
export const headBytesMax = 8192;

/** A head, read. */
export interface UpgradeHead {
  /** `GET /path HTTP/1.1` or `HTTP/1.1 101 Switching Protocols`. */
  readonly startLine: string;
  /** By name in lower case; values of the same name are joined with a comma. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What came is no head of HTTP. */
export class HeadMalformedError extends Error {
  /** The status to answer with. */
  readonly status: 400 | 431;

  constructor(status: 400 | 431, message: string) {
    super(message);
    this.status = status;
  }
}

const endOfHead = Buffer.from("\r\n\r\n");

/** Gathers a head that comes in pieces. */
export class HeadReader {
  readonly #isAnswer: boolean;
  #bytes = Buffer.alloc(0);

  /** @param isAnswer whether it is the head of a response */
  constructor(isAnswer: boolean) {
    this.#isAnswer = isAnswer;
  }

  /**
   * Takes bytes.
   *
   * @returns the head and the bytes behind it; undefined while it is not whole
   * @throws {HeadMalformedError} when it is too long, or no head
   */
  push(
    chunk: Uint8Array,
  ): { readonly head: UpgradeHead; readonly behind: Uint8Array } | undefined {
    const searchFrom = Math.max(0, this.#bytes.length - 3);
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf(endOfHead, searchFrom);
    const headBytes = end < 0 ? this.#bytes.length : end + endOfHead.length;
    if (headBytes > headBytesMax)
      throw new HeadMalformedError(431, `longer than ${headBytesMax} bytes`);
    if (end < 0) {
      // Another protocol is told so at once, instead of being waited for.
      if (!this.#mayBecomeHead()) throw new HeadMalformedError(400, "no HTTP");
      return undefined;
    }
    const head = parseHead(this.#bytes.toString("latin1", 0, end));
    return { head, behind: new Uint8Array(this.#bytes.subarray(headBytes)) };
  }

  #mayBecomeHead(): boolean {
    const begin = this.#bytes.toString("latin1", 0, 5);
    return this.#isAnswer
      ? "HTTP/".startsWith(begin)
      : /^[A-Z]*(?: .*)?$/s.test(begin);
  }
}

function parseHead(text: string): UpgradeHead {
  const [startLine = "", ...lines] = text.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    if (name === "" || /[\x00-\x08\x0a-\x1f\x7f]/.test(value))
      throw new HeadMalformedError(400, "a header that is none");
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return { startLine, headers };
}

/** The elements of a header that is a list. */
export function listOf(value: string | undefined): string[] {
  return (value ?? "")
    .split(",")
    .map((element) => element.trim())
    .filter((element) => element !== "");
}
