import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { TokenMinter } from "@tokens/api";
import { isIdentity } from "@tokens/machine-auth";
import { checkMachineCertificate, type RevocationLists } from "./certificate-authorities/check-machine-certificate.js";
import type { Signer } from "./keys/signer.js";
import type { Logger } from "./log.js";
import { machineTokenRpc } from "./machine-tokens/mint-machine-token.js";
import type { Policy } from "./policies/compile-policy.js";
import { answerErrors } from "./rpc/answer-errors.js";
import { clampDeadline } from "./rpc/clamp-deadline.js";
import { MAX_CALL_MS, MAX_MACHINE_TOKEN_REQUEST_BYTES, MAX_REQUEST_BYTES } from "./rpc/limits.js";
import { prpcHandler } from "./rpc/prpc.js";
import { requireAdmin } from "./rpc/require-admin.js";
import { type PublicDocuments, publicDocuments, type ServerIdentity } from "./trust/public-documents.js";

/** What a token server is made of. */
export interface TokenServerParts extends ServerIdentity {
  /** The policy in force. */
  readonly policy: () => Policy;
  readonly signer: Signer;
  readonly log: Logger;
  /** The revocation lists in force; without them a CA that has a `crlUrl` is not trusted. */
  readonly revocations?: RevocationLists;
  /** Unix milliseconds. */
  readonly clock?: () => number;
}

/** A token server without its sockets: RPCs for any Connect adapter, and documents for any web server. */
export interface TokenServer {
  /** Registers the RPCs. */
  readonly routes: (router: ConnectRouter) => void;
  /** How an adapter must run them: limits, and how errors are answered. */
  readonly routerOptions: ConnectRouterOptions;
  /** Answers the requests whose paths begin with `PRPC_PREFIX`: the same RPCs in LUCI's pRPC. Never rejects. */
  readonly prpc: UniversalHandlerFn;
  readonly documents: PublicDocuments;
}

const noRevocationLists: RevocationLists = { find: () => undefined };

/** Puts a token server together. Throws a TypeError for a service account that no verifier would accept. */
export function createTokenServer(parts: TokenServerParts): TokenServer {
  const { policy, signer, log, serviceAccount, serviceVersion, revocations = noRevocationLists } = parts;
  const clock = parts.clock ?? Date.now;
  if (!isIdentity(`user:${serviceAccount}`)) {
    throw new TypeError(`the service account ${JSON.stringify(serviceAccount)} is not an e-mail address`);
  }
  const mintMachineToken = machineTokenRpc({
    checkCertificate: (certificate, nowSeconds) =>
      checkMachineCertificate(certificate, policy().cas, revocations, nowSeconds),
    signer,
    serviceAccount,
    serviceVersion,
    log,
    clock,
  });
  const routes = (router: ConnectRouter): void => {
    router.service(TokenMinter, {});
    router.rpc(TokenMinter.method.mintMachineToken, mintMachineToken, {
      readMaxBytes: MAX_MACHINE_TOKEN_REQUEST_BYTES,
    });
  };
  const routerOptions = {
    acceptCompression: [],
    readMaxBytes: MAX_REQUEST_BYTES,
    interceptors: [answerErrors(log), clampDeadline(MAX_CALL_MS), requireAdmin()],
  };
  return {
    routes,
    routerOptions,
    prpc: prpcHandler(routes, routerOptions, log),
    documents: publicDocuments(parts, signer, clock),
  };
}
