import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { beginRequest, type Connection } from "@tokens/client/machine-token";
import { fail, type Finding, messageOf, pass, skip } from "./check.js";

/** A server allows clocks to differ by ten minutes: half of that is worth a word. */
const MOST_SKEW_MS = 5 * 60_000;

/** Whether the name of a host can be resolved. */
export async function checkDns(host: string): Promise<Finding> {
  try {
    const addresses = await lookup(host.replace(/^\[|\]$/g, ""), { all: true });
    return pass("dns", `${host} is ${addresses.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    return fail("dns", messageOf(error), "check the name in -backend, and this machine's resolver");
  }
}

/** Whether a host accepts connections. */
export async function checkTcp(host: string, port: number, signal: AbortSignal): Promise<Finding> {
  return new Promise((resolve) => {
    const done = (finding: Finding) => {
      socket.destroy();
      resolve(finding);
    };
    const socket = connect({ host: host.replace(/^\[|\]$/g, ""), port, signal });
    socket.on("connect", () => done(pass("tcp", `${host}:${port} accepts connections`)));
    socket.on("error", (error) =>
      done(
        fail("tcp", `${host}:${port}: ${messageOf(error)}`, "check the port, the firewall, and that the server runs"),
      ),
    );
  });
}

/** What Node says of a certificate that it does not take, and what to do. */
const TLS_FIXES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "renew the server's certificate",
  CERT_NOT_YET_VALID: "check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: "name the server in -backend as its certificate does",
  DEPTH_ZERO_SELF_SIGNED_CERT: "name the certificate of the server's CA with -ca-file",
  SELF_SIGNED_CERT_IN_CHAIN: "name the certificate of the server's CA with -ca-file",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "name the certificate of the server's CA with -ca-file, or let the server send its chain",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "name the certificate of the server's CA with -ca-file",
};

/** Whether the server proves who it is, and whether its clock agrees with this machine's. */
export async function checkServer(
  url: URL,
  connection: Connection,
  signal: AbortSignal,
  clock: () => number,
): Promise<Finding[]> {
  try {
    const response = await get(url, connection, signal);
    const tls =
      url.protocol === "https:"
        ? pass("tls", `the server proved to be ${url.hostname}`)
        : skip("tls", "plain HTTP, on this machine only");
    return [tls, checkClock(response.headers.date, clock())];
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const fix = TLS_FIXES[code] ?? "check that a token server listens there, and that the proxy lets you through";
    return [
      fail(url.protocol === "https:" ? "tls" : "http", messageOf(error), fix),
      skip("clock", "the server did not answer"),
    ];
  }
}

async function get(url: URL, connection: Connection, signal: AbortSignal): Promise<IncomingMessage> {
  const request = await beginRequest({ url: new URL("/healthz", url), options: { headers: {}, signal }, connection });
  return new Promise((resolve, reject) => {
    request
      .on("response", (response) => resolve(response.resume()))
      .on("error", reject)
      .end();
  });
}

/** The time that a server says, against ours. */
export function checkClock(date: string | undefined, nowMs: number): Finding {
  const serverMs = Date.parse(date ?? "");
  if (Number.isNaN(serverMs)) return skip("clock", "the server does not say what time it is");
  const seconds = Math.round((nowMs - serverMs) / 1000);
  const detail = `${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} the server`;
  if (Math.abs(seconds) * 1000 <= MOST_SKEW_MS) return pass("clock", detail);
  return fail("clock", detail, "set this machine's clock (NTP); the server refuses requests that are 10 minutes off");
}
