import { createPrivateKey } from "node:crypto";
import { BlockList } from "node:net";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { type ListenerName, localSigner, startTokenServer, type Storage, type TokenServer } from "@tokens/minter";
import type { PolicySource } from "@tokens/minter/policy";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { readVector, vectorPolicy } from "shared-vectors";
import { tokenServerHandler } from "../src/http-handler.js";
import { listen, type Listener } from "../src/listener.js";
import { prometheusMetrics } from "../src/prometheus.js";
import type { Answer } from "./recorded-exchanges.js";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** LUCI's names of the two revisions that the recorded server had imported. */
const REVISIONS = ["0f5a15547b7a90eff0940f5401ae607c6542fa93", "2b61dae67629d4f77be70a349683494f73a42dcc"] as const;

/** Where the recorded policy says that lists are, and where a server on this machine says so in its place. */
const CRL_HOST = "crl.example.com";

/** The recorded configuration, before and after a CA was removed from it, with the lists on this port. */
function policyFiles(name: "before" | "now", crlPort: number): PolicySource {
  const file = name === "before" ? "mint-request/tokenserver.before.cfg" : "mint-request/tokenserver.cfg";
  const text = readVector(file).toString("utf8").replaceAll(`http://${CRL_HOST}/`, `http://${CRL_HOST}:${crlPort}/`);
  return { read: (path) => (path === "tokenserver.cfg" ? Promise.resolve(text) : vectorPolicy.read(path)) };
}

/** A storage whose imports of CAs bear a recorded revision. */
function withRevision(storage: Storage, revision: string): Storage {
  const { authorities } = storage;
  const replaceAll: typeof authorities.replaceAll = (cas) => authorities.replaceAll(cas, revision);
  return { ...storage, authorities: { ...authorities, replaceAll } };
}

/**
 * Our server with the configurations, the keys, the fleet's list (once it is fetched from this port) and, if one is given,
 * the clock of the recorded one.
 */
export async function openOurServer(crlPort: number, clock?: string): Promise<TokenServer> {
  const text = (path: string) => readVector(path).toString("utf8");
  const storage = await openSqliteStorage(":memory:");
  const signer = localSigner(
    createPrivateKey(text("pki/keys/signing.key.pem")),
    text("pki/signing.cert.pem"),
    "5b45716cc9f8bcb27b814ef5aa1a29bb5e85ee12",
  );
  const resolve = async () => [{ address: "127.0.0.1", family: 4 }];
  const parts = {
    appId: "example-token-server",
    serviceAccount: "minter@tokens.example.com",
    serviceVersion: "example-token-server/1.2.3",
    signer,
    crl: { hosts: new Set([`${CRL_HOST}:${crlPort}`]), resolve },
    log: silent,
    ...(clock !== undefined && { clock: () => Date.parse(clock) }),
  };
  const [first, second] = REVISIONS;
  const before = { ...parts, storage: withRevision(storage, first), policySource: policyFiles("before", crlPort) };
  await (await startTokenServer(before)).close();
  return startTokenServer({
    ...parts,
    storage: withRevision(storage, second),
    policySource: policyFiles("now", crlPort),
  });
}

/** Opens a port of 127.0.0.1 for a server. */
export function openPort(server: TokenServer, listener: ListenerName): Promise<Listener> {
  const handler = tokenServerHandler({
    server,
    metrics: prometheusMetrics(),
    isReady: () => true,
    listener,
    trustedProxies: new BlockList(),
  });
  return listen(handler, { host: "127.0.0.1", port: 0 });
}

/** Reads the message of an answer by its content type. */
export function decodeAnswer(method: DescMethod, { headers, body }: Answer): Message {
  const type = headers.get("content-type");
  if (type === "application/prpc; encoding=binary") return fromBinary(method.output, body);
  const text = body.toString("utf8");
  if (type === "application/prpc; encoding=text") return fromText(method.output, text);
  if (type !== "application/json" || !text.startsWith(")]}'\n")) throw new Error(`no message of pRPC: ${type}`);
  return fromJsonString(method.output, text.slice(5));
}
