import { createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import { expect, it } from "vitest";
import { tokenInterceptor } from "./token-interceptor.js";

const source = { token: () => Promise.resolve("the-token") };

function clientWith(interceptors: Interceptor[]) {
  const seen: (string | null)[] = [];
  const transport = createRouterTransport(
    ({ rpc }) =>
      rpc(TokenMinter.method.mintProjectToken, (_, { requestHeader }) => {
        seen.push(requestHeader.get("x-luci-machine-token"));
        return {};
      }),
    { transport: { interceptors } },
  );
  return { client: createClient(TokenMinter, transport), seen };
}

it("sends the token with each call", async () => {
  const { client, seen } = clientWith([tokenInterceptor(source)]);
  await client.mintProjectToken({});
  await client.mintProjectToken({});
  expect(seen).toEqual(["the-token", "the-token"]);
});

it("does not call without a token, nor where it may not go", async () => {
  const none = clientWith([tokenInterceptor({ token: () => Promise.reject(new Error("none")) })]);
  await expect(none.client.mintProjectToken({})).rejects.toThrow("none");
  const elsewhere: Interceptor = (next) => (request) => next({ ...request, url: "http://backend.example.com/x" });
  const open = clientWith([elsewhere, tokenInterceptor(source)]);
  await expect(open.client.mintProjectToken({})).rejects.toThrow(/no token is sent/);
  expect([none.seen, open.seen]).toEqual([[], []]);
});
