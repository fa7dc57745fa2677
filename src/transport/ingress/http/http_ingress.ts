/** HTTP and HTTPS as a way in: `http://host:port/prefix`. */
import { warn } from "../../../base/warnings.ts";
import { CloseCode } from "../../../wire/close_codes.ts";
import type { Listener, ListenerStatistics } from "../../adapter.ts";
import {
  type Address,
  formatAddress,
  formatHostAndPort,
} from "../../address.ts";
import { UnsupportedFeatureError } from "../../errors.ts";
import type { IngressProtocol } from "../../ingress.ts";
import {
  listenSettings,
  type ListenSettings,
  refuseTls,
} from "../../protocols/stream_settings.ts";
import { loadTlsMaterial } from "../../protocols/tls_material.ts";
import { toTransportError } from "../../system_errors.ts";
import { HttpApp } from "./http_app.ts";
import type { WebServer } from "./web_runtime.ts";
import { serveWeb } from "./web_server.ts";

/** Bytes above the greatest message that the runtime lets a body have: ours is the refusal that says why. */
const bodySlackBytes = 1_048_576;
const keepAliveMs = 15_000;
const roomsMax = 64;

class HttpListener implements Listener {
  readonly address: string;
  readonly #app: HttpApp;
  readonly #server: WebServer;
  readonly #closeTimeoutMs: number;
  #closed: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    address: string,
    app: HttpApp,
    server: WebServer,
    closeTimeoutMs: number,
  ) {
    this.address = address;
    this.#app = app;
    this.#server = server;
    this.#closeTimeoutMs = closeTimeoutMs;
  }

  get connectionCount(): number {
    return this.#app.sessionCount;
  }

  get statistics(): ListenerStatistics {
    const { accepted, refused } = this.#app;
    return { accepted, refused, failedHandshakes: 0, acceptErrors: 0 };
  }

  setCertificates(): Promise<void> {
    return Promise.reject(
      new UnsupportedFeatureError(
        `${this.address}: the runtimes change no certificate of HTTP`,
        { address: this.address },
      ),
    );
  }

  stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      this.#app.stop();
      this.#server.stop();
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.stop();
    const timer = setTimeout(
      () => this.#app.abort("the listener closes"),
      this.#closeTimeoutMs,
    );
    await this.#app.close(CloseCode.GoingAway, "the listener closes");
    clearTimeout(timer);
    // The last answers are with the runtime, which says nothing when they are out.
    await new Promise((resolve) => setTimeout(resolve, lastAnswersMs));
    await this.#server.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** How long the runtime gets for the last bytes of its last answers, in milliseconds. */
const lastAnswersMs = 50;

async function tlsOf(address: Address, settings: ListenSettings, url: string) {
  if (address.scheme === "http") {
    refuseTls(settings, url);
    return undefined;
  }
  const { tls } = settings;
  if (tls?.cert === undefined)
    throw new TypeError(
      `tls: given ${tls === undefined ? "undefined" : "no cert"} for ${url}, allowed an object with cert and key`,
    );
  if (tls.requestClientCertificate === true)
    throw new UnsupportedFeatureError(
      `${url}: HTTP asks for no client certificates`,
      { address: url },
    );
  return await loadTlsMaterial(tls);
}

/** HTTP. The path of the address stands before the paths of the requests. */
export const httpIngress: IngressProtocol = {
  schemes: ["http", "https"],
  defaultPorts: { http: 80, https: 443 },

  async listen(address, options, host) {
    const url = formatAddress(address);
    const settings = listenSettings(options, url);
    const { scheme } = address;
    const prefix = address.path.replace(/\?.*/s, "").replace(/\/+$/, "");
    if (/[:*{}]/.test(prefix))
      throw new TypeError(
        `path: given ${JSON.stringify(prefix)}, allowed one without : * { }`,
      );
    const app = new HttpApp(host, {
      prefix,
      origins: settings.origins,
      httpScheme: scheme === "https" ? "https" : "http",
      maxConnections: settings.maxConnections,
      queueBytes: settings.writeBufferBytes,
      stallTimeoutMs: settings.closeTimeoutMs,
      keepAliveMs,
      roomsMax,
    });
    const tls = await tlsOf(address, settings, url);
    try {
      const server = serveWeb(
        {
          host: address.host,
          port: address.port,
          tls,
          maxBodyBytes: host.maxMessageBytes + bodySlackBytes,
        },
        async (request, peer, gone) => {
          try {
            return await app.answer(request, `${scheme}://${peer}`, gone);
          } catch (error) {
            warn(`${url}: ${String(error)}`);
            return new Response(null, { status: 500 });
          }
        },
      );
      const place = formatHostAndPort(address.host, server.port);
      return new HttpListener(
        `${scheme}://${place}${prefix}/`,
        app,
        server,
        settings.closeTimeoutMs,
      );
    } catch (error) {
      throw toTransportError(error, "listen", url);
    }
  },
};
