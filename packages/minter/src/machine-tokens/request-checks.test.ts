import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ErrorCode, MachineTokenRequestSchema, SignatureAlgorithm } from "@tokens/api";
import { describe, expect, it } from "vitest";
import type { TrustedCa } from "../certificate-authorities/ca-policy.js";
import { type RequestPolicy, requestPolicyOf } from "../certificate-authorities/request-policy.js";
import { Refusal, Unavailable } from "../errors.js";
import { noMetrics } from "../metrics.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { checkRequest, requireUnused } from "./request-checks.js";
import type { SeenRequest } from "./seen-store.js";

const OFF: RequestPolicy = requestPolicyOf(undefined);

/** A CA's policy and what a server says of it. */
class Desk {
  readonly counted: string[] = [];
  readonly warned: object[] = [];
  readonly seen: SeenRequest[] = [];
  readonly #ca: TrustedCa;
  remember = (request: SeenRequest): Promise<boolean> => {
    const isNew = !this.seen.some(({ id }) => id === request.id);
    this.seen.push(request);
    return Promise.resolve(isNew);
  };

  constructor(policy: Partial<RequestPolicy>) {
    this.#ca = { commonName: "CA", requests: { ...OFF, ...policy } } as Partial<TrustedCa> as TrustedCa;
  }

  /** "good", or the code of the refusal. */
  async ask(fields: MessageInitShape<typeof MachineTokenRequestSchema>): Promise<string> {
    const request = create(MachineTokenRequestSchema, { issuedAt: timestampFromMs(1_000_000), ...fields });
    const log = {
      info: () => undefined,
      warn: (fields: object) => void this.warned.push(fields),
      error: () => undefined,
    };
    const count = (_: string, labels: Readonly<Record<string, string>> = {}) =>
      void this.counted.push(labels["check"] ?? "");
    const serverNames = () => new Set(["https://tokens.example.com", "prod"]);
    const checks = { log, metrics: { ...noMetrics, count }, serverNames, seen: { remember: this.remember } };
    try {
      checkRequest(request, this.#ca, checks);
      await requireUnused(request, this.#ca, checks);
      await new Promise(setImmediate);
      return "good";
    } catch (error) {
      if (error instanceof Unavailable) return "unavailable";
      if (!(error instanceof Refusal)) throw error;
      return ErrorCode[error.errorCode ?? -1] ?? "RPC error";
    }
  }
}

describe("ec_signature", () => {
  const { SHA256_RSA_ALGO: rsa, ED25519_ALGO: ed25519 } = SignatureAlgorithm;

  it.each([
    ["off", "UNSUPPORTED_SIGNATURE", []],
    ["report", "good", ["ec_signature"]],
    ["enforce", "good", []],
  ] as const)("%s: other keys than RSA get %s", async (state, answer, counted) => {
    const desk = new Desk({ ec_signature: state });
    expect(await desk.ask({ signatureAlgorithm: rsa })).toBe("good");
    expect(await desk.ask({ signatureAlgorithm: ed25519 })).toBe(answer);
    expect(desk.counted).toEqual(counted);
  });
});

describe("attack 17: replay of a request", () => {
  const nonce = Buffer.alloc(16, 7);

  it("off: neither nonce nor name is looked at", async () => {
    const desk = new Desk({});
    for (const fields of [{}, { nonce }, { nonce }, { serverName: "staging" }])
      expect(await desk.ask(fields)).toBe("good");
    expect(desk.seen).toEqual([]);
  });

  it("enforce: the second use of a nonce is refused, and requests without a fit one", async () => {
    const desk = new Desk({ nonce: "enforce" });
    expect(await desk.ask({ nonce })).toBe("good");
    expect(await desk.ask({ nonce })).toBe("REPLAYED_REQUEST");
    expect(await desk.ask({ nonce, certificate: Buffer.from("another machine") })).toBe("good");
    for (const bytes of [0, 1, 15, 65]) expect(await desk.ask({ nonce: Buffer.alloc(bytes, 1) })).toBe("BAD_NONCE");
    for (const bytes of [16, 64]) expect(await desk.ask({ nonce: Buffer.alloc(bytes, 1) })).toBe("good");
    expect(desk.counted).toEqual([]);
  });

  it("a request is remembered for longer than its time is accepted", async () => {
    const desk = new Desk({ nonce: "enforce" });
    await desk.ask({ nonce });
    expect(desk.seen).toMatchObject([{ untilSeconds: 1000 + 600 + 120 }]);
  });

  it("report: counts who would fail, and lets them pass", async () => {
    const desk = new Desk({ nonce: "report", server_name: "report" });
    const name = { serverName: "prod" };
    for (const fields of [
      { nonce, ...name },
      { nonce, ...name },
      name,
      { nonce: Buffer.alloc(16), serverName: "staging" },
    ]) {
      expect(await desk.ask(fields)).toBe("good");
    }
    expect(desk.counted).toEqual(["nonce", "nonce", "server_name"]);
  });

  it("without the storage enforce cannot tell, and report lets pass", async () => {
    for (const [state, answer] of [
      ["enforce", "unavailable"],
      ["report", "good"],
    ] as const) {
      const desk = new Desk({ nonce: state });
      desk.remember = () => Promise.reject(new StorageUnavailable("down"));
      expect(await desk.ask({ nonce })).toBe(answer);
    }
  });

  it("report does not wait for the storage", async () => {
    const desk = new Desk({ nonce: "report" });
    desk.remember = () => new Promise(() => undefined);
    expect(await desk.ask({ nonce })).toBe("good");
  });

  it("a request to staging is no request to production", async () => {
    const desk = new Desk({ server_name: "enforce" });
    for (const serverName of ["", "staging", "PROD", "prod ", "https://tokens.example.com/"]) {
      expect(await desk.ask({ serverName })).toBe("WRONG_SERVER_NAME");
    }
    for (const serverName of ["prod", "https://tokens.example.com"])
      expect(await desk.ask({ serverName })).toBe("good");
  });
});

describe("audience", () => {
  it.each([
    ["off", "good", []],
    ["report", "good", ["audience"]],
    ["enforce", "BAD_AUDIENCE", []],
  ] as const)("%s: a request for a token that is good everywhere gets %s", async (state, answer, counted) => {
    const desk = new Desk({ audience: state });
    expect(await desk.ask({ audience: ["service:a"] })).toBe("good");
    expect(await desk.ask({})).toBe(answer);
    expect(desk.counted).toEqual(counted);
  });
});

describe("what is only reported", () => {
  it("is logged with the CA and with what is wrong", async () => {
    const desk = new Desk({ server_name: "report", nonce: "report" });
    const nonce = Buffer.alloc(16);
    for (const serverName of ["", "elsewhere", "prod"])
      await desk.ask({ serverName, nonce: Buffer.of(), issuedAt: {} });
    const failed = (check: string, failure: string) => ({ ca: "CA", check, failure });
    const noNonce = failed("nonce", "the request has no nonce of 16 to 64 bytes");
    expect(desk.warned).toEqual([
      failed("server_name", "the request names no server"),
      noNonce,
      failed("server_name", "the request names another server"),
      noNonce,
      noNonce,
    ]);
    desk.warned.length = 0;
    const outage = new StorageUnavailable("down");
    desk.remember = () => Promise.reject(outage);
    expect(await desk.ask({ serverName: "prod", nonce })).toBe("good");
    expect(desk.warned).toEqual([{ err: outage }]);
  });

  it("is a request without a time, too: it is as old as can be", async () => {
    const desk = new Desk({ nonce: "enforce" });
    expect(await desk.ask({ nonce: Buffer.alloc(16), issuedAt: undefined as never })).toBe("good");
    expect(desk.seen[0]?.untilSeconds).toBeLessThan(3600);
  });
});
