import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { UsageError } from "./exit-code.js";

/**
 * A connection to a server, `http://…`, `https://…` or `unix:PATH`; without one, to where TOKENS_SERVER says. Throws a
 * UsageError when neither says where.
 */
export function connectTo(server: string | undefined): Transport {
  const address = server ?? process.env["TOKENS_SERVER"];
  if (address === undefined || address === "") {
    throw new UsageError("which server? Give --server or TOKENS_SERVER, for example unix:./data/admin.sock");
  }
  if (address.startsWith("unix:")) {
    const socketPath = address.slice("unix:".length);
    return createConnectTransport({ httpVersion: "1.1", baseUrl: "http://localhost", nodeOptions: { socketPath } });
  }
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new UsageError(`--server must be http://…, https://… or unix:PATH, and not ${JSON.stringify(address)}`);
  }
  return createConnectTransport({ httpVersion: "1.1", baseUrl: address });
}
