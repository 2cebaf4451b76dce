import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { EXIT } from "./exit-code.js";
import { main } from "./main.js";

const { exitCode } = process;
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = exitCode;
});

it.each([
  [404, EXIT.no],
  [500, EXIT.unknown],
  [503, EXIT.unknown],
])(
  "an answer that is an error is no or unknown, as with every command (HTTP %i: exit code %i)",
  async (status, code) => {
    const server = createServer((_, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(status === 404 ? '{"code":"not_found"}' : "");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await main(["node", "tokens", "ca", "list", "--server", url]);
    expect(process.exitCode).toBe(code);
    server.closeAllConnections();
    server.close();
  },
);
