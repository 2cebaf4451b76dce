import {
  clone,
  type DescMethod,
  type DescService,
  fromBinary,
  isMessage,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { isReflectMessage, reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { TokenMinter } from "@tokens/api";
import { Admin, CertificateAuthorities } from "@tokens/api/admin";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithVectors, readVector } from "shared-vectors";
import type { Listener } from "../src/listener.js";
import { CrlServer } from "./crl-server.js";
import { type Answer, type Exchange, pathOf, readExchanges, recordedAnswer, replay } from "./recorded-exchanges.js";
import { decodeAnswer, openOurServer, openPort } from "./recorded-servers.js";

/** Where ours answers something else: its status, its code, and why. Each is a row of docs/migrating-from-luci.md. */
const differences: Record<string, [status: number, code: string | undefined, reason: string]> = {
  info: [200, undefined, "the runtime is Node"],
  "body-empty-binary": [200, "0", "a CA that has no revocation list is a finding about the token, not a failure"],
  "is-revoked-octal": [400, "3", "a serial number with a leading zero has two readings"],
  "is-revoked-no-crl": [503, "14", "what cannot be told now is UNAVAILABLE; INTERNAL is a bug"],
};

/** The recorded handlers that refused; everywhere else that something is refused it is the protocol that does. */
const refusedByHandler = [
  "is-revoked-no-ca",
  "body-empty-binary",
  "invalid-argument",
  "unauthenticated",
  "not-authorized",
  "admin-gate-anonymous",
  "admin-gate-user",
];

/** Where the fleet's list is. */
let crlPort = 0;

const methods = new Map<string, DescMethod>();
for (const service of [TokenMinter, Admin, CertificateAuthorities] as DescService[]) {
  for (const method of service.methods) methods.set(`/prpc/${service.typeName}/${method.name}`, method);
}

/** The machine token that LUCI's server minted. */
function mintedToken(exchange: Exchange | undefined): string {
  const { output } = TokenMinter.method.mintMachineToken;
  const response = fromBinary(output, exchange ? recordedAnswer(exchange).body : new Uint8Array());
  return response.tokenResponse?.tokenType.value?.machineToken ?? "";
}

/** Callers of the recorded server just said who they were; ours asks for a credential. */
function withCredential(exchange: Exchange, token: string): Exchange {
  const headers = exchange.request.headers.map(([name, value]): [string, string] =>
    name === "X-Lab-Identity" ? ["X-Luci-Machine-Token", token] : [name, value],
  );
  return { ...exchange, request: { ...exchange.request, headers } };
}

/** All of an answer that means something. Of texts, only those of handlers and the canned ones are LUCI's own words. */
function meaning(exchange: Exchange, answer: Answer) {
  const { status, headers, body } = answer;
  const method = methods.get(pathOf(exchange));
  const code = headers.get("x-prpc-grpc-code");
  const detail = Buffer.from(headers.get("x-prpc-status-details-bin") ?? "", "base64").toString("latin1");
  return {
    status,
    code,
    type: headers.get("content-type"),
    encoding: headers.get("content-encoding"),
    sniffing: code === undefined ? undefined : headers.get("x-content-type-options"),
    location: headers.get("location"),
    detail: detail.startsWith("{") ? (JSON.parse(detail) as unknown) : detail,
    body: code === "0" && method ? messageBytes(method, decodeAnswer(method, answer)) : words(exchange, answer, body),
  };
}

/** Our own fields have numbers from here up. */
const FIRST_OWN_NUMBER = 1000;

/** What Go makes of "no time at all". Ours leaves such a field out. */
const YEAR_1_SECONDS = -62135596800n;

/** Without what ours says beyond LUCI's, and that a refusal has words, but not which. */
function messageBytes(method: DescMethod, message: Message): string {
  const comparable = clone(method.output, message);
  keepComparable(reflect(method.output, comparable));
  return Buffer.from(toBinary(method.output, comparable)).toString("hex");
}

function keepComparable(message: ReflectMessage): void {
  for (const field of message.fields.filter((field) => message.isSet(field))) {
    const value = message.get(field);
    if (field.number >= FIRST_OWN_NUMBER) message.clear(field);
    else if (["error_message", "invalidity_reason", "invalid_reason"].includes(field.name)) message.set(field, "words");
    else if (typeof value === "string") message.set(field, value.replace(`:${crlPort}/`, "/"));
    else if (isReflectMessage(value)) {
      const isNoTime = isMessage(value.message, TimestampSchema) && value.message.seconds === YEAR_1_SECONDS;
      if (isNoTime) message.clear(field);
      else keepComparable(value);
    }
  }
}

function words({ name }: Exchange, { status, headers }: Answer, body: Buffer): unknown {
  const text = body.toString("utf8");
  if (headers.get("content-type") === "application/json") {
    // The recorded server's clock stood still at another time for this document.
    return { ...(JSON.parse(text) as object), timestamp: undefined };
  }
  return refusedByHandler.includes(name) || status === 501 ? text : text.replace(/^[^]+\n$/, "words");
}

/** The recorded server had the list of the fleet CA before anybody asked about it. */
async function fetchFleetList(exchanges: readonly Exchange[], port: number): Promise<void> {
  const fetching = exchanges.find(({ name }) => name === "fetch-crl");
  if (fetching) await replay(fetching, port);
}

describeWithVectors("LUCI's exchanges mean the same with our server", () => {
  const exchanges = readExchanges();
  const machineToken = mintedToken(exchanges.find(({ name }) => name === "mint-binary"));
  const listeners: Record<string, Listener> = {};
  let lists: CrlServer;

  beforeAll(async () => {
    lists = await CrlServer.start();
    crlPort = lists.port;
    lists.hasTags = false;
    lists.list = readVector("pki/fleet.crl");
    const ours = await openOurServer(lists.port, "2026-06-01T12:00:00Z");
    listeners["ours"] = await openPort(ours, "admin");
    listeners["running"] = await openPort(await openOurServer(lists.port), "admin");
    listeners["in public"] = await openPort(ours, "public");
    await fetchFleetList(exchanges, listeners["ours"].port);
  });
  afterAll(async () => {
    await Promise.all(Object.values(listeners).map((listener) => listener.stop(0)));
    await lists.stop();
  });

  /** The administrators' gate was on in some exchanges only; our admin listener has none. */
  function serverFor({ name }: Exchange): string {
    if (["admin-gate-anonymous", "admin-gate-user"].includes(name)) return "in public";
    return name.startsWith("timeout-") ? "running" : "ours";
  }

  async function answerTo(exchange: Exchange): Promise<Answer> {
    return replay(withCredential(exchange, machineToken), listeners[serverFor(exchange)]?.port ?? 0);
  }

  it.each(exchanges)("$name", async (exchange) => {
    const answer = await answerTo(exchange);
    const [ours, theirs] = [meaning(exchange, answer), meaning(exchange, recordedAnswer(exchange))];
    const difference = differences[exchange.name];
    if (difference) {
      expect(ours).toMatchObject({ status: difference[0], code: difference[1] });
      expect(ours).not.toEqual(theirs);
    } else expect(ours).toEqual(theirs);
    const code = answer.headers.get("x-prpc-grpc-code");
    const reference = answer.headers.get("x-tokens-reference");
    if (code !== undefined && code !== "0") expect(reference).toMatch(/^[0-9a-f]{16}$/);
  });
});
