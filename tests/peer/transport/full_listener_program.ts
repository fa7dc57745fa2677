/** Listens with the shortest queue of connections that the system has, accepts none, and stays. Deno only: Bun's queue is long. */
interface Net {
  listen(options: {
    readonly hostname: string;
    readonly port: number;
    readonly tcpBacklog: number;
  }): { readonly addr: { readonly port: number } };
}

const { Deno: deno } = globalThis as unknown as { Deno: Net };
const options = { hostname: "127.0.0.1", port: 0, tcpBacklog: 1 };
console.log(`tcp://127.0.0.1:${deno.listen(options).addr.port}`);
setInterval(() => {}, 60_000);
