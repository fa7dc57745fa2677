/** gRPC with unary calls over one connection. The bodies are bytes as they are, so that no codec is measured. */
import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { WireServer } from "../programs/wire_client.ts";
import type { WirePeerEnds } from "./wire_ends.ts";

const path = "/bench.Bench/Ask";
const same = (bytes: Uint8Array): Uint8Array => bytes;

/** Both ends. */
export const grpcEnds: WirePeerEnds = {
  serve() {
    const answers = new WireServer();
    const server = new Server();
    server.addService(
      {
        ask: {
          path,
          requestStream: false,
          responseStream: false,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      {
        ask: (call, answer) =>
          answer(null, Buffer.from(answers.answer(call.request))),
      },
    );
    return new Promise((resolve, reject) => {
      server.bindAsync(
        "127.0.0.1:0",
        ServerCredentials.createInsecure(),
        (error, port) => {
          if (error === null) resolve(String(port));
          else reject(error);
        },
      );
    });
  },

  connect(address) {
    const client = new Client(
      `127.0.0.1:${address}`,
      credentials.createInsecure(),
    );
    const request = (body: Uint8Array): Promise<Uint8Array> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          same,
          same,
          Buffer.from(body),
          (error, answer) => {
            if (error === null && answer !== undefined) resolve(answer);
            else reject(error);
          },
        );
      });
    return Promise.resolve({ trySend: undefined, send: request, request });
  },
};
