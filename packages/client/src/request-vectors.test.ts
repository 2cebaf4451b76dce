import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { loadMachineKey } from "./machine-key.js";
import { signedMintRequest } from "./machine-token-request.js";

describeWithVectors("requests as LUCI's client makes them", () => {
  const { cases } = readJsonVector<{ cases: { name: string; request_hex: string }[] }>("mint-request/cases.json");

  it("has the same bytes for the same key, certificate and time", async () => {
    const recorded = cases.find(({ name }) => name === "good");
    const [keyPem, certificatePem] = ["pki/keys/machine.key.pem", "pki/machines/good.pem"].map((path) =>
      readVector(path).toString("latin1"),
    );
    const key = loadMachineKey(keyPem ?? "", certificatePem ?? "");
    const made = await signedMintRequest(key, Date.parse("2026-06-01T12:00:00Z"));
    expect(Buffer.from(made).toString("hex")).toBe(recorded?.request_hex);
  });
});
