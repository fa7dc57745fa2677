/** HTTP/1.1 with connections that are kept: Bun.serve and fetch, a POST for each request. */
import { WireServer } from "../programs/wire_client.ts";
import type { WirePeerEnds } from "./wire_ends.ts";

/** Both ends. */
export const httpEnds: WirePeerEnds = {
  serve() {
    const answers = new WireServer();
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) =>
        new Response(answers.answer(await request.bytes())),
    });
    return Promise.resolve(String(server.port));
  },

  connect(address) {
    const url = `http://127.0.0.1:${address}/`;
    const request = async (body: Uint8Array): Promise<Uint8Array> => {
      const response = await fetch(url, { method: "POST", body });
      return await response.bytes();
    };
    return Promise.resolve({ trySend: undefined, send: request, request });
  },
};
